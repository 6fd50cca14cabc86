/** The hooks of @trpc/tanstack-react-query, rendered: the page is the same over nenLink and over plain links. */
import { QueryClient, QueryClientProvider, useMutation, useQuery } from '@tanstack/react-query';
import { createTRPCContext, useSubscription } from '@trpc/tanstack-react-query';
import { Window } from 'happy-dom';
import { createElement, type ReactElement, useEffect } from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startApp, WAYS } from './support/app.ts';
import type { AppRouter } from './support/router.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';

failOnStrayErrors();

afterEach(() => vi.unstubAllGlobals());

const { TRPCProvider, useTRPC } = createTRPCContext<AppRouter>();

/** Called after each render. */
const rendered = new Set<() => void>();

function Page(): ReactElement {
  const trpc = useTRPC();
  const greeting = useQuery(trpc.echo.queryOptions('hello'));
  const sum = useMutation(trpc.add.mutationOptions());
  const feed = useSubscription(trpc.feed.subscriptionOptions({ until: 3 }));
  useEffect(() => {
    for (const check of rendered) check();
  });
  const onClick = (): void => sum.mutate([40, 2]);
  const texts = [greeting.data?.back, sum.data ?? 'no sum', feed.status, feed.data?.data.value ?? 'no event'];
  return createElement('button', { type: 'button', onClick }, texts.join(', '));
}

describe.each(WAYS)('$name', (way) => {
  it('render a query, a mutation and a subscription, and end it when they unmount', async () => {
    // First the server: it refuses to start where there is a page.
    const app = await startApp(way);
    const window = new Window({ url: 'http://localhost/' });
    // happy-dom's own fetch would ask for CORS.
    vi.stubGlobal('window', Object.assign(window, { fetch }));
    vi.stubGlobal('document', window.document);
    vi.stubGlobal('navigator', window.navigator);
    const { createRoot } = await import('react-dom/client');
    const container = window.document.createElement('div');
    const root = createRoot(container as unknown as Element);
    const queryClient = new QueryClient();
    const shows = (text: string): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (container.textContent !== text) return;
          rendered.delete(check);
          resolve();
        };
        rendered.add(check);
        check();
      });

    const trpc = { trpcClient: app.client(), queryClient, children: createElement(Page) };
    root.render(
      createElement(QueryClientProvider, { client: queryClient }, createElement(TRPCProvider, trpc)),
    );
    await shows('hello, no sum, pending, no event');
    app.stage.open('feed 0');
    await shows('hello, no sum, pending, 0');
    container.querySelector('button')?.click();
    await shows('hello, 42, pending, 0');
    app.stage.open('feed 1');
    await shows('hello, 42, pending, 1');
    root.unmount();
    await app.stage.until('feed over');
    expect(app.stage.count('feed from the start')).toBe(1);
    queryClient.clear();
    await window.happyDOM.close();
  });
});
