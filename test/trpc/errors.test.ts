/** Errors: their shapes, the formatter's additions, onError, and what the caller finds in `meta`. */
import { loggerLink, retryLink, TRPCClientError } from '@trpc/client';
import { TRPCError } from '@trpc/server';
import { describe, expect, it } from 'vitest';
import { startApp, WAYS } from './support/app.ts';
import type { AppRouter } from './support/router.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

async function failure(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TRPCClientError) return error;
  throw new TypeError('the call should have failed with a TRPCClientError');
}

/** All that a caller can read of an error. */
function readable({ name, message, data, shape, cause, meta }: TRPCClientError<AppRouter>) {
  const response = meta?.response as Response | undefined;
  return {
    name,
    message,
    data,
    shape,
    cause: cause?.name,
    status: response?.status,
    contentType: response?.headers.get('content-type'),
  };
}

describe.each(WAYS)('$name', (way) => {
  it.each([
    ['NOT_FOUND', 404, -32004],
    ['UNAUTHORIZED', 401, -32001],
    ['CONFLICT', 409, -32009],
    ['TOO_MANY_REQUESTS', 429, -32029],
  ] as const)('carries %s with its shape, status and headers', async (code, httpStatus, number) => {
    const app = await startApp(way);
    const data = { code, httpStatus, path: 'fail', issues: [] };
    const message = `failed with ${code}`;
    expect(readable(await failure(app.client().fail.query(code)))).toEqual({
      name: 'TRPCClientError',
      message,
      data,
      shape: { message, code: number, data },
      cause: undefined,
      // A stream's status is said before its answers are known.
      status: way.stream ? 200 : httpStatus,
      contentType: 'application/json',
    });
  });

  it("carries the formatter's additions for an input that does not parse", async () => {
    const app = await startApp(way);
    const error = await failure(app.client().age.query({ who: { years: 'x' as unknown as number } }));
    expect(error.data).toEqual({ code: 'BAD_REQUEST', httpStatus: 400, path: 'age', issues: ['who.years'] });
  });

  it('carries a bug as INTERNAL_SERVER_ERROR and tells onError of it', async () => {
    const told: unknown[] = [];
    const app = await startApp(way, {
      trpc: {
        onError: ({ error, path, type, req }) =>
          told.push([error.cause?.message, path, type, new URL(req.url).pathname, req.method]),
      },
    });
    const error = await failure(app.client().crash.mutate());
    expect(error.data).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', httpStatus: 500, path: 'crash' });
    expect(told).toEqual([['a bug', 'crash', 'mutation', '/api/trpc/crash', 'POST']]);
  });

  it('carries an unknown procedure as NOT_FOUND', async () => {
    const app = await startApp(way);
    const client = app.client() as unknown as { gone: { query(): Promise<unknown> } };
    const error = await failure(client.gone.query());
    expect(error.message).toBe('No procedure found on path "gone"');
    expect(error.data).toMatchObject({ code: 'NOT_FOUND', path: 'gone' });
  });

  it.each(['query', 'upload'] as const)('carries what createContext throws, for a %s', async (kind) => {
    const app = await startApp(way, {
      onContext: () => {
        throw new TRPCError({ code: 'FORBIDDEN', message: 'not you' });
      },
    });
    const client = app.client();
    const call = kind === 'query' ? client.echo.query(1) : client.bytes.mutate(new Uint8Array(1));
    const { message, data, status } = readable(await failure(call));
    expect({ message, code: data?.code }).toEqual({ message: 'not you', code: 'FORBIDDEN' });
    expect(status).toBe(way.stream && kind === 'query' ? 200 : 403);
  });

  it('reports a connection that broke before the answer', async () => {
    const app = await startApp(way);
    const came = failure(app.client().waitAndWrite.mutate('g'));
    await app.stage.until('at g');
    app.tap.cut();
    const error = await came;
    expect(error).toBeInstanceOf(TRPCClientError);
    expect(error.cause).toBeInstanceOf(Error);
    await app.stage.until('g aborted');
    expect(app.stage.count('at g')).toBe(1);
  });

  it('is retried by retryLink in front, and logged by loggerLink', async () => {
    let failures = 2;
    const app = await startApp(way, {
      onContext: () => {
        if (failures-- > 0) throw new TRPCError({ code: 'SERVICE_UNAVAILABLE', message: 'later' });
      },
    });
    const logged: string[] = [];
    const log = (...args: unknown[]): void => {
      logged.push(args.filter((arg) => typeof arg === 'string').join(' '));
    };
    const client = app.client({
      before: [
        loggerLink<AppRouter>({ console: { log, error: log }, colorMode: 'none' }),
        retryLink<AppRouter>({
          retry: ({ error, attempts }) => error.data?.code === 'SERVICE_UNAVAILABLE' && attempts < 5,
        }),
      ],
    });
    expect(await client.add.mutate([1, 2])).toBe(3);
    expect(app.requests).toHaveLength(3);
    expect(logged.map((line) => line.slice(0, 2))).toEqual(['>>', '<<']);
    await failure(client.fail.query('CONFLICT'));
    expect(logged).toHaveLength(4);
  });

  it('of a subscription is retried by retryLink in front, from the last event on', async () => {
    const app = await startApp(way);
    const attempts: string[] = [];
    const client = app.client({
      before: [
        retryLink<AppRouter>({
          retry: ({ error, op }) => {
            attempts.push(`${op.path} ${error.data?.code}`);
            return attempts.length < 3;
          },
        }),
      ],
    });
    const subscriber = new Subscriber();
    client.failingFeed.subscribe('CONFLICT', subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(attempts).toEqual(['failingFeed CONFLICT']);
    expect(subscriber.data).toEqual(['first', 'first']);
    expect(subscriber.errors).toEqual([]);
  });
});
