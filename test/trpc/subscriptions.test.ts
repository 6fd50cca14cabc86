/** Subscriptions: order, ids, resuming, pings, ends and errors, as with tRPC's own link over an EventSource. */
import { TRPCError } from '@trpc/server';
import { describe, expect, it } from 'vitest';
import { NenError } from '../../src/link/index.ts';
import { type App, BATCH_WAYS, startApp } from './support/app.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

const values = (subscriber: Subscriber): unknown[] =>
  subscriber.data.map((event) => (event as { data: { value: number } }).data.value);

function openFeed(app: App, ...numbers: number[]): void {
  for (const i of numbers) app.stage.open(`feed ${i}`);
}

describe.each(BATCH_WAYS)('$name', (way) => {
  it('tells of its start, its data and its end in order', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().burst.subscribe(3, subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(subscriber.data).toEqual([0, 1, 2]);
    expect(subscriber.story).toEqual([
      'connecting',
      'started',
      'pending',
      'data',
      'stopped',
      'idle',
      'complete',
    ]);
    expect(subscriber.connectionErrors).toEqual([]);
  });

  it('hands out each event when the server yields it, with its id and deserialized', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 2 }, subscriber.callbacks);
    await app.stage.until('at feed 0');
    openFeed(app, 0);
    await subscriber.told.until('data');
    expect(subscriber.data).toEqual([{ id: '0', data: { value: 0, at: new Date(0) } }]);
    openFeed(app, 1);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([0, 1]);
  });

  it('carries 2000 events in their order', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().burst.subscribe(2000, subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(subscriber.data).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  });

  it('resumes after the connection broke where it was, without a loss or a repetition', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 6 }, subscriber.callbacks);
    openFeed(app, 0, 1);
    await subscriber.told.until('data', 2);
    app.tap.cut();
    await app.stage.until('feed from 1');
    openFeed(app, 2, 3);
    await subscriber.told.until('data', 4);
    app.tap.cut();
    await app.stage.until('feed from 3');
    openFeed(app, 4, 5);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(subscriber.story).toEqual([
      'connecting',
      'started',
      'pending',
      'data',
      'connecting',
      'started',
      'pending',
      'data',
      'connecting',
      'started',
      'pending',
      'data',
      'stopped',
      'idle',
      'complete',
    ]);
    expect(subscriber.errors).toEqual([]);
    expect(subscriber.connectionErrors).toHaveLength(2);
    if (way.sealed) {
      for (const error of subscriber.connectionErrors) expect(NenError.from(error)?.code).toBe('ISO-6001');
    }
    // Both broken ones were given up by the server too.
    expect(app.stage.count('feed over')).toBe(3);
  });

  it('resumes from an id that was asked for', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    openFeed(app, 3, 4);
    app.client().feed.subscribe({ until: 5, lastEventId: '2' }, subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([3, 4]);
  });

  it('reconnects when the server ends it after maxDurationMs, and resumes', async () => {
    const app = await startApp(way, { sse: { maxDurationMs: 60 } });
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 2 }, subscriber.callbacks);
    openFeed(app, 0);
    await subscriber.told.until('data');
    await app.stage.until('feed from 0');
    openFeed(app, 1);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([0, 1]);
    expect(subscriber.errors).toEqual([]);
    // Nothing was cut: the server was done.
    expect(NenError.from(subscriber.connectionErrors[0])).toBeUndefined();
  });

  it('stays connected through silence as long as the server pings', async () => {
    const app = await startApp(way, {
      sse: { ping: { enabled: true, intervalMs: 50 }, client: { reconnectAfterInactivityMs: 1000 } },
    });
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 1 }, subscriber.callbacks);
    // More than twice the time after which the client would give up without pings.
    await app.stage.until('pinged', 42);
    openFeed(app, 0);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([0]);
    expect(app.stage.count('feed from the start')).toBe(1);
    expect(subscriber.story.filter((note) => note === 'connecting')).toHaveLength(1);
  });

  it('connects again when nothing came for reconnectAfterInactivityMs, and resumes', async () => {
    const app = await startApp(way, { sse: { client: { reconnectAfterInactivityMs: 80 } } });
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 2 }, subscriber.callbacks);
    openFeed(app, 0);
    await subscriber.told.until('data');
    await app.stage.until('feed from 0');
    openFeed(app, 1);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([0, 1]);
    expect(String(subscriber.connectionErrors[0])).toContain('Timeout of 80ms');
    await app.stage.until('feed over', 2);
  });

  it.each<[string, Record<string, string> | (() => Promise<Record<string, string>>) | null]>([
    ['an object', { token: 'tøken' }],
    ['an async function', async () => ({ token: 'tøken' })],
    ['null', null],
  ])('sends connectionParams given as %s, and headers', async (_, connectionParams) => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    const client = app.client({ connectionParams, headers: { 'x-who': 'me' } });
    client.params.subscribe(undefined, subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(subscriber.data).toEqual([
      { params: connectionParams === null ? null : { token: 'tøken' }, header: 'me' },
    ]);
  });

  it('ends with an error thrown mid-stream', async () => {
    const errors: string[] = [];
    const app = await startApp(way, {
      trpc: { onError: ({ error, path, type }) => errors.push(`${type} ${path} ${error.code}`) },
    });
    const subscriber = new Subscriber();
    app.client().failingFeed.subscribe('CONFLICT', subscriber.callbacks);
    await subscriber.told.until('error');
    expect(subscriber.data).toEqual(['first']);
    expect(subscriber.errors).toMatchObject([
      {
        message: 'the feed failed with CONFLICT',
        data: { code: 'CONFLICT', httpStatus: 409, path: 'failingFeed' },
      },
    ]);
    expect(errors).toEqual(['subscription failingFeed CONFLICT']);
    expect(subscriber.story).toEqual(['connecting', 'started', 'pending', 'data', 'error']);
  });

  it('connects again after an error that may pass', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().failingFeed.subscribe('INTERNAL_SERVER_ERROR', subscriber.callbacks);
    await subscriber.told.until('complete');
    expect(subscriber.data).toEqual(['first', 'first']);
    expect(subscriber.errors).toEqual([]);
    expect(subscriber.connectionErrors[0]).toMatchObject({
      message: 'the feed failed with INTERNAL_SERVER_ERROR',
      data: { code: 'INTERNAL_SERVER_ERROR' },
    });
  });

  it('ends with the error of an input that does not parse', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 'many' as unknown as number }, subscriber.callbacks);
    await subscriber.told.until('error');
    expect(subscriber.errors).toMatchObject([{ data: { code: 'BAD_REQUEST', issues: ['until'] } }]);
  });

  it('ends with the error that createContext threw', async () => {
    const app = await startApp(way, {
      onContext: () => {
        throw new TRPCError({ code: 'UNAUTHORIZED', message: 'who are you?' });
      },
    });
    const subscriber = new Subscriber();
    app.client().burst.subscribe(1, subscriber.callbacks);
    await subscriber.told.until('error');
    expect(subscriber.errors).toMatchObject([
      { message: 'who are you?', data: { code: 'UNAUTHORIZED', httpStatus: 401 } },
    ]);
    expect(subscriber.story).toEqual(['connecting', 'started', 'pending', 'error']);
    expect(app.requests).toHaveLength(1);
  });

  it('ends where there is no such subscription: sealed, with the error that the server said', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    const client = app.client() as unknown as { gone: { subscribe(input: null, callbacks: object): void } };
    client.gone.subscribe(null, subscriber.callbacks);
    await subscriber.told.until('error');
    // An EventSource says nothing of an answer that is no stream; ours does.
    expect(subscriber.errors).toMatchObject([
      way.sealed
        ? { message: 'No procedure found on path "gone"', data: { code: 'NOT_FOUND', httpStatus: 404 } }
        : { message: 'Non-200 status code (404)', data: undefined },
    ]);
    expect(subscriber.story).toEqual(['connecting', 'error']);
    expect(app.requests).toHaveLength(1);
  });

  it('runs several subscriptions and calls side by side', async () => {
    const app = await startApp(way);
    const client = app.client();
    const subscribers = [new Subscriber(), new Subscriber(), new Subscriber()];
    for (const { callbacks } of subscribers) client.feed.subscribe({ until: 2 }, callbacks);
    await app.stage.until('at feed 0', 3);
    expect(await client.add.mutate([1, 2])).toBe(3);
    openFeed(app, 0, 1);
    await Promise.all(subscribers.map(({ told }) => told.until('complete')));
    for (const subscriber of subscribers) expect(values(subscriber)).toEqual([0, 1]);
  });

  it('asks for its headers again when it connects again', async () => {
    const app = await startApp(way, {
      onContext: (req, stage) => stage.note(`token ${req.headers.get('authorization')}`),
    });
    let tokens = 0;
    const client = app.client({ headers: async () => ({ authorization: `Bearer ${++tokens}` }) });
    const subscriber = new Subscriber();
    client.feed.subscribe({ until: 2 }, subscriber.callbacks);
    openFeed(app, 0);
    await subscriber.told.until('data');
    app.tap.cut();
    await app.stage.until('feed from 0');
    openFeed(app, 1);
    await subscriber.told.until('complete');
    expect(app.stage.notes.filter((note) => note.startsWith('token'))).toEqual([
      'token Bearer 1',
      'token Bearer 2',
    ]);
  });

  it('resumes when the server was away for a while', async () => {
    const app = await startApp(way);
    const subscriber = new Subscriber();
    app.client().feed.subscribe({ until: 2 }, subscriber.callbacks);
    openFeed(app, 0);
    await subscriber.told.until('data');
    app.restart();
    app.tap.cut();
    await app.stage.until('feed from 0');
    openFeed(app, 1);
    await subscriber.told.until('complete');
    expect(values(subscriber)).toEqual([0, 1]);
  });
});
