/**
 * Whoever leaves, leaves: at whatever moment, the caller's promise rejects at once, the server's signal
 * aborts, generators run their `finally`, nothing is delivered after, and nothing is thrown into the void.
 */
import { TRPCClientError } from '@trpc/client';
import { describe, expect, it } from 'vitest';
import { type App, BATCH_WAYS, SEALED_WAYS, STREAM_WAYS, startApp, WAYS } from './support/app.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

/** What a call came to: the error in words that plain and sealed should share. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return { value: await call };
  } catch (error) {
    if (!(error instanceof TRPCClientError)) return { thrown: error };
    return { message: error.message, cause: error.cause?.name };
  }
}

const ABORTED = { message: 'This operation was aborted', cause: 'AbortError' };

/** Afterwards the client works as if nothing had been. */
async function expectAlive(app: App, client = app.client()): Promise<void> {
  expect(await client.add.mutate([20, 22])).toBe(42);
}

describe.each(WAYS)('$name', (way) => {
  it('a query aborted before it begins never leaves the client', async () => {
    const app = await startApp(way);
    const client = app.client();
    const call = client.echo.query('x', { signal: AbortSignal.abort() });
    expect(await outcome(call)).toMatchObject({ cause: 'AbortError' });
    expect(app.requests).toEqual([]);
    expect(app.tap.sent()).toHaveLength(0);
    await expectAlive(app, client);
  });

  it('a query aborted in the turn in which it is made never leaves the client', async () => {
    const app = await startApp(way);
    const client = app.client();
    const abort = new AbortController();
    const call = client.echo.query('x', { signal: abort.signal });
    abort.abort();
    expect(await outcome(call)).toMatchObject({ cause: 'AbortError' });
    expect(app.tap.sent()).toHaveLength(0);
    await expectAlive(app, client);
  });

  it.each(['wait', 'waitAndWrite'] as const)('%s, aborted while the server works on it', async (name) => {
    const app = await startApp(way);
    const client = app.client();
    const abort = new AbortController();
    const { signal } = abort;
    const call =
      name === 'wait' ? client.wait.query('g', { signal }) : client.waitAndWrite.mutate('g', { signal });
    const came = outcome(call);
    await app.stage.until('at g');
    abort.abort();
    expect(await came).toEqual(ABORTED);
    await app.stage.until('g aborted');
    await expectAlive(app, client);
  });

  it('a batch goes on until all of it is aborted', async () => {
    const app = await startApp(way);
    const client = app.client();
    const aborts = [new AbortController(), new AbortController()];
    const [first, second] = aborts.map(({ signal }, i) => outcome(client.wait.query(`g${i}`, { signal })));
    await Promise.all([app.stage.until('at g0'), app.stage.until('at g1')]);
    aborts[0]?.abort();
    expect(app.stage.notes).not.toContain('g0 aborted');
    aborts[1]?.abort();
    expect(await first).toMatchObject({ cause: 'AbortError' });
    expect(await second).toMatchObject({ cause: 'AbortError' });
    await Promise.all([app.stage.until('g0 aborted'), app.stage.until('g1 aborted')]);
    await expectAlive(app, client);
  });

  it('an upload, aborted while the server works on it', async () => {
    const app = await startApp(way, {
      onContext: (req, stage) => (req.headers.has('x-hold') ? stage.gate('held') : undefined),
    });
    const abort = new AbortController();
    const client = app.client({ headers: { 'x-hold': '1' } });
    const came = outcome(client.bytes.mutate(new Uint8Array(50_000), { signal: abort.signal }));
    await app.stage.until('at held');
    abort.abort();
    expect(await came).toEqual(ABORTED);
    app.stage.open('held');
    await expectAlive(app);
  });

  it('an abort after the answer changes nothing', async () => {
    const app = await startApp(way);
    const client = app.client();
    const abort = new AbortController();
    expect(await client.echo.query('x', { signal: abort.signal })).toEqual({ back: 'x' });
    abort.abort();
    await expectAlive(app, client);
  });
});

describe.each(SEALED_WAYS)('$name', (way) => {
  it.each(['echo', 'add'] as const)('%s, aborted during the handshake', async (name) => {
    const app = await startApp(way, { onSessionRoute: (_, stage) => stage.gate('handshake') });
    const client = app.client();
    const abort = new AbortController();
    const { signal } = abort;
    const call = name === 'echo' ? client.echo.query('x', { signal }) : client.add.mutate([1, 1], { signal });
    const came = outcome(call);
    await app.stage.until('at handshake');
    abort.abort();
    expect(await came).toEqual(ABORTED);
    // Who waits for the same handshake is served by it.
    const other = client.add.mutate([2, 3]);
    app.stage.open('handshake');
    expect(await other).toBe(5);
    expect(app.stage.count('at handshake')).toBe(1);
    expect(app.requests).toEqual(['POST /api/trpc/add']);
  });

  it('one of two calls that share a handshake, aborted during it', async () => {
    const app = await startApp(way, { onSessionRoute: (_, stage) => stage.gate('handshake') });
    const client = app.client({ maxItems: 1 });
    const abort = new AbortController();
    const left = outcome(client.echo.query('left', { signal: abort.signal }));
    const stays = client.echo.query('stays');
    await app.stage.until('at handshake');
    abort.abort();
    expect(await left).toEqual(ABORTED);
    app.stage.open('handshake');
    expect(await stays).toEqual({ back: 'stays' });
    expect(app.requests).toEqual(['GET /api/trpc/echo']);
  });

  it('a subscription given up during the handshake never reaches the server', async () => {
    const app = await startApp(way, { onSessionRoute: (_, stage) => stage.gate('handshake') });
    const client = app.client();
    const subscriber = new Subscriber();
    const { unsubscribe } = client.burst.subscribe(3, subscriber.callbacks);
    await app.stage.until('at handshake');
    unsubscribe();
    app.stage.open('handshake');
    await expectAlive(app, client);
    expect(subscriber.data).toEqual([]);
    expect(app.requests).toEqual(['POST /api/trpc/add']);
  });
});

describe.each(STREAM_WAYS)('$name', (way) => {
  it('a generator, aborted mid body: its finally runs and the reader gets an error', async () => {
    const app = await startApp(way);
    const client = app.client();
    const abort = new AbortController();
    const steps = await client.steps.query({ count: 5 }, { signal: abort.signal });
    const iterator = steps[Symbol.asyncIterator]();
    app.stage.open('step 0');
    expect(await iterator.next()).toMatchObject({ value: { step: 0 } });
    await app.stage.until('at step 1');
    const next = iterator.next();
    abort.abort();
    expect(
      await next.then(
        () => 'ended',
        (error: Error) => error.name,
      ),
    ).toBe('AbortError');
    await app.stage.until('steps over');
    await expectAlive(app, client);
  });

  it('promises in an answer, aborted mid body', async () => {
    const app = await startApp(way);
    const client = app.client();
    const abort = new AbortController();
    const answer = await client.later.query(undefined, { signal: abort.signal });
    const rejections = Promise.allSettled([answer.soon, answer.nested, answer.broken]);
    abort.abort();
    expect((await rejections).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    for (const gate of ['soon', 'outer', 'inner', 'broken']) app.stage.open(gate);
    await expectAlive(app, client);
  });

  it('a batch of which one answer has come, aborted before the other', async () => {
    const app = await startApp(way);
    const client = app.client();
    const [first, second] = [new AbortController(), new AbortController()];
    const quick = client.nested.deep.query(undefined, { signal: first.signal });
    const slow = outcome(client.wait.query('g', { signal: second.signal }));
    expect(await quick).toBe('deep');
    await app.stage.until('at g');
    first.abort();
    second.abort();
    expect(await slow).toMatchObject({ cause: 'AbortError' });
    await app.stage.until('g aborted');
    await expectAlive(app, client);
  });
});

describe.each(BATCH_WAYS)('$name', (way) => {
  it('a subscription given up in the turn in which it is made never leaves the client', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().burst.subscribe(3, subscriber.callbacks).unsubscribe();
    await expectAlive(app);
    expect(subscriber.data).toEqual([]);
    expect(app.requests).toEqual(['POST /api/trpc/add']);
  });

  it('a subscription given up between two events: the finally of its generator runs', async () => {
    const app = await startApp(way);
    const client = app.client();
    const subscriber = new Subscriber();
    const { unsubscribe } = client.feed.subscribe({ until: 3 }, subscriber.callbacks);
    app.stage.open('feed 0');
    await subscriber.told.until('data');
    await app.stage.until('at feed 1');
    unsubscribe();
    await app.stage.until('feed aborted');
    await app.stage.until('feed over');
    app.stage.open('feed 1');
    await expectAlive(app, client);
    expect(subscriber.data).toHaveLength(1);
    expect(subscriber.errors).toEqual([]);
  });

  it('a subscription given up by a signal', async () => {
    const app = await startApp(way);
    const abort = new AbortController();
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 3 }, { ...subscriber.callbacks, signal: abort.signal });
    app.stage.open('feed 0');
    await subscriber.told.until('data');
    abort.abort();
    await app.stage.until('feed over');
    await expectAlive(app);
    expect(subscriber.errors).toEqual([]);
  });

  it('a subscription given up inside onData is told nothing more, though more had come', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    const subscription = app.client().burst.subscribe(500, {
      ...subscriber.callbacks,
      onData: (value) => {
        subscriber.callbacks.onData(value);
        if (value === 2) subscription.unsubscribe();
      },
    });
    await subscriber.told.until('data', 3);
    await expectAlive(app);
    expect(subscriber.data).toEqual([0, 1, 2]);
    expect(subscriber.errors).toEqual([]);
  });

  it('a subscription given up while it waits to connect again stays away', async () => {
    const app = await startApp(way, { retryMs: 1 });
    const subscriber = new Subscriber();
    const { unsubscribe } = app.client().feed.subscribe(
      { until: 3 },
      {
        ...subscriber.callbacks,
        onConnectionStateChange: (state) => {
          subscriber.callbacks.onConnectionStateChange(state);
          if (state.error) unsubscribe();
        },
      },
    );
    app.stage.open('feed 0');
    await subscriber.told.until('data');
    app.tap.cut();
    await subscriber.told.until('connecting', 2);
    await app.stage.until('feed over');
    await expectAlive(app);
    expect(app.requests).toEqual(['GET /api/trpc/feed', 'POST /api/trpc/add']);
  });
});
