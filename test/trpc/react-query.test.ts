/** The options of @trpc/tanstack-react-query over nenLink: they do what they do over plain links. */
import { InfiniteQueryObserver, MutationObserver, QueryClient, QueryObserver } from '@tanstack/react-query';
import { TRPCClientError } from '@trpc/client';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import { describe, expect, it } from 'vitest';
import { type App, STREAM_WAYS, startApp, WAYS } from './support/app.ts';
import type { AppRouter } from './support/router.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';

failOnStrayErrors();

function queryClientFor(app: App) {
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return { queryClient, trpc: createTRPCOptionsProxy<AppRouter>({ client: app.client(), queryClient }) };
}

/** Resolves with the first result of the observer that fits. */
function resultOf<T>(
  observer: { subscribe(listener: (result: T) => void): () => void; getCurrentResult(): T },
  fits: (result: T) => boolean,
): Promise<T> {
  return new Promise((resolve) => {
    const stop = observer.subscribe(check);
    check(observer.getCurrentResult());
    function check(result: T): void {
      if (!fits(result)) return;
      queueMicrotask(() => stop());
      resolve(result);
    }
  });
}

describe.each(WAYS)('$name', (way) => {
  it('fetches queries under their keys, and what they hold can be invalidated', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const options = trpc.echo.queryOptions({ at: new Date(5) });
    expect(await queryClient.fetchQuery(options)).toEqual({ back: { at: new Date(5) } });
    expect(queryClient.getQueryData(trpc.echo.queryKey({ at: new Date(5) }))).toEqual({
      back: { at: new Date(5) },
    });
    await queryClient.invalidateQueries(trpc.echo.pathFilter());
    expect(queryClient.getQueryState(options.queryKey)?.isInvalidated).toBe(true);
  });

  it('batches queries that are fetched together', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const results = await Promise.all([
      queryClient.fetchQuery(trpc.echo.queryOptions(1)),
      queryClient.fetchQuery(trpc.nested.deep.queryOptions()),
    ]);
    expect(results).toEqual([{ back: 1 }, 'deep']);
    expect(app.requests).toEqual(['GET /api/trpc/echo,nested.deep']);
  });

  it('fails with the typed error', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const error = await queryClient
      .fetchQuery(trpc.fail.queryOptions('CONFLICT'))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TRPCClientError);
    expect(error).toMatchObject({ data: { code: 'CONFLICT', httpStatus: 409 } });
  });

  it('loads page after page', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const observer = new InfiniteQueryObserver(
      queryClient,
      trpc.pages.infiniteQueryOptions({}, { getNextPageParam: ({ next }) => next, initialCursor: 0 }),
    );
    await resultOf(observer, ({ isSuccess }) => isSuccess);
    await observer.fetchNextPage();
    const { data, hasNextPage } = await observer.fetchNextPage();
    expect(data?.pages.flatMap(({ items }) => items)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(hasNextPage).toBe(false);
  });

  it('mutates', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const mutation = new MutationObserver(queryClient, trpc.add.mutationOptions());
    expect(await mutation.mutate([1, 2])).toBe(3);
    expect(app.stage.count('added 1 and 2')).toBe(1);
  });

  it('aborts on the server what nobody observes any more, with abortOnUnmount', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const observer = new QueryObserver(
      queryClient,
      trpc.wait.queryOptions('g', { trpc: { abortOnUnmount: true } }),
    );
    const unmount = observer.subscribe(() => undefined);
    await app.stage.until('at g');
    unmount();
    await app.stage.until('g aborted');
  });
});

describe.each(STREAM_WAYS)('$name', (way) => {
  it('shows the steps of a generator as they come', async () => {
    const app = await startApp(way);
    const { queryClient, trpc } = queryClientFor(app);
    const observer = new QueryObserver(queryClient, trpc.steps.queryOptions({ count: 2 }));
    const stop = observer.subscribe(() => undefined);
    app.stage.open('step 0');
    const first = await resultOf(observer, ({ data }) => data?.length === 1);
    expect([first.data, first.fetchStatus]).toEqual([[{ step: 0, at: new Date(0) }], 'fetching']);
    app.stage.open('step 1');
    const last = await resultOf(
      observer,
      ({ data, fetchStatus }) => data?.length === 2 && fetchStatus === 'idle',
    );
    expect(last.data?.map(({ step }) => step)).toEqual([0, 1]);
    stop();
  });
});
