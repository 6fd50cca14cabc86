/** Sessions under tRPC's calls: shared, lost, expired, rotated, ended; and what becomes of the calls. */
import { createTRPCClient, TRPCClientError } from '@trpc/client';
import { describe, expect, it } from 'vitest';
import { InMemorySessionStore } from '../../src/adapter/index.ts';
import { type DeviceClock, NenClient, NenError } from '../../src/link/index.ts';
import { type App, SEALED_WAYS, startApp } from './support/app.ts';
import type { AppRouter } from './support/router.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';

failOnStrayErrors();

const handshakes = ({ events }: App): number =>
  events.filter((event) => event.type === 'handshake' && !event.rotated).length;

/** Clocks of the server and of the device that a test can move. */
function movableClock() {
  let offset = 0;
  const device: DeviceClock = {
    wall: () => Date.now() + offset,
    monotonic: () => performance.now() + offset,
  };
  return {
    device,
    server: () => Date.now() + offset,
    advance: (ms: number) => {
      offset += ms;
    },
  };
}

describe.each(SEALED_WAYS)('$name', (way) => {
  it('makes one handshake for all calls that come first together, of every kind', async () => {
    const app = await startApp(way);
    const client = app.client({ maxItems: 1 });
    const subscriber = new Subscriber();
    client.burst.subscribe(2, subscriber.callbacks);
    await Promise.all([
      client.echo.query(1),
      client.echo.query(2),
      client.add.mutate([1, 2]),
      client.bytes.mutate(new Uint8Array(3)),
      subscriber.told.until('complete'),
    ]);
    expect(app.requests).toHaveLength(5);
    expect(handshakes(app)).toBe(1);
  });

  it('shares one session between links with the same client', async () => {
    const app = await startApp(way);
    const shared = new NenClient(new URL(app.url).origin, { encoding: way.encoding });
    const clients = [app.client({ client: shared }), app.client({ client: shared })];
    const sids = await Promise.all(clients.map((client) => client.session.query()));
    expect(new Set(sids).size).toBe(1);
    expect((await shared.status()).sid).toBe(sids[0]);
    expect(handshakes(app)).toBe(1);
  });

  it('makes a session of its own for each link otherwise', async () => {
    const app = await startApp(way);
    const sids = await Promise.all([app.client().session.query(), app.client().session.query()]);
    expect(new Set(sids).size).toBe(2);
  });

  it('runs queries again after the server restarted, with one handshake for all', async () => {
    const app = await startApp(way);
    const client = app.client({ maxItems: 1 });
    await client.echo.query(0);
    app.restart();
    const answers = await Promise.all([1, 2, 3, 4].map((n) => client.echo.query(n)));
    expect(answers).toEqual([1, 2, 3, 4].map((back) => ({ back })));
    expect(handshakes(app)).toBe(2);
  });

  it('does not run a mutation again after the server restarted: nobody knows whether it ran', async () => {
    const app = await startApp(way);
    const client = app.client();
    await client.add.mutate([0, 1]);
    app.restart();
    const error = await client.add.mutate([1, 2]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TRPCClientError);
    expect(error).toMatchObject({ data: { code: 'CONFLICT', httpStatus: 409 } });
    expect(NenError.from(error)).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
    expect(app.stage.count('added 1 and 2')).toBe(0);
    expect(await client.add.mutate([3, 4])).toBe(7);
    expect(handshakes(app)).toBe(2);
  });

  it('runs a mutation once after its session was taken out of the store', async () => {
    const store = new InMemorySessionStore();
    const app = await startApp(way, { nen: { store } });
    const client = app.client();
    const sid = await client.session.query();
    await store.delete(sid ?? '');
    expect(await client.add.mutate([1, 2])).toBe(3);
    expect(app.stage.count('added 1 and 2')).toBe(1);
    expect(await client.session.query()).not.toBe(sid);
    expect(handshakes(app)).toBe(2);
  });

  it('handshakes before the next call when the session has expired', async () => {
    const clock = movableClock();
    const app = await startApp(way, { nen: { sessionTtlMs: 60_000, clock: clock.server } });
    const client = app.client({ clock: clock.device });
    const sid = await client.session.query();
    clock.advance(61_000);
    expect(await client.add.mutate([1, 2])).toBe(3);
    expect(await client.session.query()).not.toBe(sid);
    expect(app.events.filter(({ type }) => type === 'refused')).toEqual([]);
    expect(handshakes(app)).toBe(2);
  });

  it('runs calls again, once, when the session rested too long on the server', async () => {
    const clock = movableClock();
    const store = new InMemorySessionStore({ now: clock.server });
    const app = await startApp(way, { nen: { store, sessionIdleMs: 1_000, clock: clock.server } });
    const client = app.client({ clock: clock.device });
    await client.add.mutate([0, 0]);
    clock.advance(2_000);
    expect(await client.add.mutate([1, 2])).toBe(3);
    expect(app.stage.count('added 1 and 2')).toBe(1);
    expect(handshakes(app)).toBe(2);
  });

  it('a session of another server answers with its code, and the call is not sent a third time', async () => {
    const app = await startApp(way);
    let sent = 0;
    const client = app.client({
      fetch: async (url, init) => {
        if (!url.endsWith('/sealed')) return fetch(url, init);
        sent++;
        return Response.json(
          { error: { code: 'ISO-2002', message: 'Session expired or unknown.' } },
          { status: 401 },
        );
      },
    });
    const error = await client.add.mutate([1, 2]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ data: { code: 'UNAUTHORIZED', httpStatus: 401 } });
    expect(NenError.from(error)).toMatchObject({ code: 'ISO-2002', outcome: 'unknown' });
    expect(sent).toBe(2);
  });

  it('rotates under running calls and streams: they go on, and new ones take the new session', async () => {
    const app = await startApp(way);
    const shared = new NenClient(new URL(app.url).origin, { encoding: way.encoding });
    const client = app.client({ client: shared });
    const before = await client.session.query();
    const subscriber = new Subscriber();
    client.feed.subscribe({ until: 2 }, subscriber.callbacks);
    app.stage.open('feed 0');
    await subscriber.told.until('data');
    const waiting = client.wait.query('g');
    await app.stage.until('at g');

    const { sid } = await shared.rotate();
    expect(sid).not.toBe(before);
    expect(await client.session.query()).toBe(sid);
    app.stage.open('g');
    expect(await waiting).toBe('g');
    app.stage.open('feed 1');
    await subscriber.told.until('complete');
    expect(subscriber.data).toHaveLength(2);
    expect(app.stage.count('feed from the start')).toBe(1);
    expect((await shared.status()).sid).toBe(sid);
    expect(handshakes(app)).toBe(1);
  });

  it('fails calls after terminate until the next handshake, and streams go on', async () => {
    const app = await startApp(way);
    const shared = new NenClient(new URL(app.url).origin, { encoding: way.encoding });
    const client = app.client({ client: shared });
    const subscriber = new Subscriber();
    client.feed.subscribe({ until: 2 }, subscriber.callbacks);
    app.stage.open('feed 0');
    await subscriber.told.until('data');
    await shared.terminate();
    const error = await client.echo.query(1).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ data: { code: 'UNAUTHORIZED' } });
    expect(NenError.from(error)).toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
    app.stage.open('feed 1');
    await subscriber.told.until('complete');
    await shared.handshake();
    expect(await client.echo.query(2)).toEqual({ back: 2 });
  });

  it('ends a subscription with its code when it connects again after terminate', async () => {
    const app = await startApp(way);
    const shared = new NenClient(new URL(app.url).origin, { encoding: way.encoding });
    const subscriber = new Subscriber();
    app.client({ client: shared }).feed.subscribe({ until: 2 }, subscriber.callbacks);
    app.stage.open('feed 0');
    await subscriber.told.until('data');
    await shared.terminate();
    app.tap.cut();
    await subscriber.told.until('error');
    expect(subscriber.errors[0]).toMatchObject({ data: { code: 'UNAUTHORIZED' } });
    expect(NenError.from(subscriber.errors[0])?.code).toBe('ISO-2001');
  });

  it('says what a failed handshake failed with, for every call that waited for it', async () => {
    const app = await startApp(way);
    const client = createTRPCClient<AppRouter>({
      links: [
        app.link({
          maxItems: 1,
          fetch: () => Promise.resolve(new Response('Bad Gateway', { status: 502 })),
        }),
      ],
    });
    const errors = await Promise.all(
      [1, 2, 3].map((n) => client.echo.query(n).catch((thrown: unknown) => NenError.from(thrown))),
    );
    for (const error of errors)
      expect(error).toMatchObject({ code: 'ISO-1007', outcome: 'not-run', status: 502 });
  });
});
