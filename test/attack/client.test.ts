/**
 * Faults and attacks around the client's calls (rows 133 to 143, 146 to 150, 153 to 155, 160): what is sent again, what
 * is not, and what the caller is told. Nothing runs twice.
 */
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { createTRPCClient, retryLink } from '@trpc/client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { latin1ToBytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { force } from '../../src/crypto/choice.ts';
import type { NenClient, NenClientOptions } from '../../src/link/client/index.ts';
import { nenLink } from '../../src/link/index.ts';
import { NenError, type NenErrorCode } from '../../src/protocol/errors.ts';
import { gate } from '../support/gate.ts';
import { honestly, readWhole, trickle, turn, withBody } from './frames.ts';
import {
  ECHO_PATH,
  forgedRefusal,
  handshakeRequest,
  inTheMiddle,
  type Middleman,
  send,
  startWorld,
  TestClock,
  TUNNEL_PATH,
  type World,
  type WorldRouter,
} from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({ rateLimit: () => 0 });
});
afterAll(() => world.close());
const JSON_POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '"x"' } as const;
const MINUTE = 60_000;

/** A victim whose every outer request is counted and goes over a way that may change. */
function victim(options: NenClientOptions = {}, of: World = world) {
  const handshakes: string[] = [];
  const calls: Record<string, string>[] = [];
  const state: { way: Middleman } = { way: honestly };
  const fetch = inTheMiddle(
    (request, forward) => {
      if (request.url.endsWith('/handshake')) handshakes.push(request.url);
      else calls.push(request.init.headers);
      return state.way(request, forward);
    },
    { handshakes: true },
  );
  const client = of.client({ fetch, ...options });
  const trpc = of.trpc({ fetch, maxItems: 1, ...options });
  const mutate = (from: NenClient = client): Promise<Response> => from.fetch(ECHO_PATH, JSON_POST);
  const query = (from: NenClient = client): Promise<Response> => from.fetch(ECHO_PATH);
  return { client, trpc, mutate, query, handshakes, calls, state, fetch };
}

const isCall = (url: string): boolean => !url.endsWith('/handshake');
const failure = (promise: Promise<unknown>): Promise<NenError | undefined> =>
  promise.then(
    () => undefined,
    (error: unknown) => NenError.from(error) ?? Promise.reject(error),
  );

/** How often handlers ran during `run`. */
async function ranDuring(run: () => Promise<unknown>, of: World = world): Promise<number> {
  const before = of.ran.length;
  await run();
  return of.ran.length - before;
}

test('row 133: 50 first calls at once', async () => {
  const { client, query, handshakes, calls } = victim();
  const ran = await ranDuring(async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => query()));
    for (const { status } of answers) expect(status).toBe(200);
  });
  expect([ran, handshakes.length, calls.length]).toEqual([50, 1, 50]);
  expect(new Set(calls.map((headers) => headers['X-Nen-Session'])).size).toBe(1);
  expect((await client.fetch(ECHO_PATH)).status).toBe(200);
});

describe('row 134: the session ends with 50 calls in flight', () => {
  test.each([
    ['it rested for too long', (of: World) => of.clock.advance(16 * MINUTE)],
    ['the store evicted it', (of: World, sid: string) => void of.store.delete(sid)],
  ])('row 134: %s', async (_name, end) => {
    const { client, mutate, query, handshakes, calls } = victim();
    const { sid } = await client.status();
    end(world, sid);
    calls.length = 0;
    const ran = await ranDuring(async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? mutate() : query())),
      );
      for (const { status } of answers) expect(status).toBe(200);
    });
    expect([ran, handshakes.length, calls.length]).toEqual([50, 2, 100]);
    // A mutation claims its first attempt when it is sent again; a query needs not.
    expect(calls.filter((headers) => headers['X-Nen-Retry'] !== undefined)).toHaveLength(25);
    await mutate();
  });

  test('row 134: it ended while the calls were on their way', async () => {
    const { client, mutate, query, handshakes, state } = victim();
    const { sid } = await client.status();
    const go = gate();
    let waiting = 0;
    state.way = async ({ url, init }, forward) => {
      if (isCall(url) && init.headers['X-Nen-Session'] === sid) {
        if (++waiting === 50) go.open();
        await go.opened;
        await world.store.delete(sid);
      }
      return forward();
    };
    const ran = await ranDuring(async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? mutate() : query())),
      );
      for (const { status } of answers) expect(status).toBe(200);
    });
    expect([ran, handshakes.length]).toEqual([50, 2]);
  });
});

describe("row 135: the device's clock", () => {
  class Device {
    wallMs = world.clock.now();
    monotonicMs = 12_345.678;
    wall = (): number => this.wallMs;
    monotonic = (): number => this.monotonicMs;
  }
  function onDevice() {
    const device = new Device();
    const pass = (ms: number): void => {
      world.clock.advance(ms);
      device.wallMs += ms;
      device.monotonicMs += ms;
    };
    return { device, pass, ...victim({ clock: device }) };
  }

  test.each([5 * MINUTE, -5 * MINUTE, 1_440 * MINUTE, -1_440 * MINUTE])(
    'row 135: is off by %i ms',
    async (offMs) => {
      const { device, pass, mutate, handshakes, calls } = onDevice();
      device.wallMs += offMs;
      for (let i = 0; i < 3; i++) {
        expect(await ranDuring(() => mutate())).toBe(1);
        pass(10 * MINUTE);
      }
      expect([handshakes.length, calls.length]).toEqual([1, 3]);
    },
  );

  test.each([6_000, -6_000, 1_440 * MINUTE])('row 135: jumps by %i ms', async (jumpMs) => {
    const { device, mutate, handshakes, calls } = onDevice();
    await mutate();
    device.wallMs += jumpMs;
    expect(await ranDuring(() => mutate())).toBe(1);
    expect(await ranDuring(() => mutate())).toBe(1);
    expect([handshakes.length, calls.length]).toEqual([2, 3]);
  });

  test('row 135: stands still while the device sleeps for an hour', async () => {
    const { device, mutate, handshakes, calls } = onDevice();
    await mutate();
    world.clock.advance(60 * MINUTE);
    device.wallMs += 60 * MINUTE;
    expect(await ranDuring(() => Promise.all([mutate(), mutate(), mutate()]))).toBe(3);
    // Straight to the right time: nothing was refused first.
    expect([handshakes.length, calls.length]).toEqual([2, 4]);
  });

  test('row 135: loses a minute that neither of its clocks shows', async () => {
    const { mutate, handshakes, calls } = onDevice();
    await mutate();
    world.clock.advance(MINUTE);
    // The first timestamp is too old to tell whether the call ran: a mutation ends here, a query would not.
    const error = await failure(mutate());
    expect(error).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
    expect(await ranDuring(() => mutate())).toBe(1);
    expect([handshakes.length, calls.length]).toEqual([2, 4]);
  });
});

describe('row 136: the connection is reset', () => {
  type Moment = 'before' | 'after' | 'while reading';
  /** A TCP proxy that resets the next connection with a sealed call on it at the given moment. */
  async function resetting() {
    const state: { moment: Moment | undefined } = { moment: undefined };
    const sockets = new Set<Socket>();
    const proxy = createTcpServer((near) => {
      const far = connect(world.port, '127.0.0.1');
      sockets.add(near).add(far);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      let isSealed = false;
      near.on('data', (chunk: Buffer) => {
        isSealed ||= /X-Nen-Session/i.test(chunk.toString('latin1'));
        if (isSealed && state.moment === 'before') near.resetAndDestroy();
        else far.write(chunk);
      });
      far.on('data', (chunk: Buffer) => {
        if (isSealed && state.moment === 'after') near.resetAndDestroy();
        else if (isSealed && state.moment === 'while reading') {
          near.write(chunk.subarray(0, chunk.length - 20), () => near.resetAndDestroy());
        } else near.write(chunk);
      });
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => proxy.close(() => resolve()));
    });
    return { state, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  }

  test.each([
    ['before', 0],
    ['after', 1],
    ['while reading', 1],
  ] as const)('row 136: %s', async (moment, executions) => {
    const { state, url } = await resetting();
    const { mutate } = victim({
      // A connection of its own for each call: what is reset is this one.
      fetch: (target, init) =>
        fetch(target.replace(world.url, url), { ...init, headers: { ...init.headers, connection: 'close' } }),
    });
    expect(await ranDuring(() => mutate())).toBe(1);
    state.moment = moment;
    const ran = await ranDuring(async () => {
      expect(await failure(mutate())).toMatchObject({ code: 'ISO-4005', outcome: 'unknown' });
      await turn();
    });
    expect(ran).toBe(executions);
    state.moment = undefined;
    expect(await ranDuring(() => mutate())).toBe(1);
  });

  test('row 136: during the handshake, nothing was sent', async () => {
    const { mutate, state } = victim();
    state.way = () => Promise.reject(new TypeError('fetch failed'));
    const ran = await ranDuring(async () => {
      expect(await failure(mutate())).toMatchObject({ code: 'ISO-1007', outcome: 'not-run' });
    });
    expect(ran).toBe(0);
    state.way = honestly;
    expect(await ranDuring(() => mutate())).toBe(1);
  });
});

describe('row 137: a proxy sends the POST twice', () => {
  test.each(['first', 'second'] as const)('row 137: and gives the %s answer', async (which) => {
    const { mutate, state, calls } = victim();
    await mutate();
    state.way = async (_request, forward) => {
      const first = await forward();
      const second = await forward();
      return which === 'first' ? first : second;
    };
    const ran = await ranDuring(async () => {
      if (which === 'first') expect((await mutate()).status).toBe(200);
      else
        expect(await failure(mutate())).toMatchObject({ code: 'ISO-5001', outcome: 'unknown', status: 409 });
    });
    expect(ran).toBe(1);
    expect(calls).toHaveLength(2);
    state.way = honestly;
    expect(await ranDuring(() => mutate())).toBe(1);
  });
});

describe('row 138: the answer is always the same refusal', () => {
  const again: readonly NenErrorCode[] = ['ISO-2001', 'ISO-2002', 'ISO-3003'];
  const once: readonly NenErrorCode[] = [
    'ISO-2003',
    'ISO-3002',
    'ISO-4001',
    'ISO-5001',
    'ISO-5002',
    'ISO-1007',
    'ISO-3007',
  ];
  test.each([...again.map((code) => [code, 2] as const), ...once.map((code) => [code, 1] as const)])(
    'row 138: %s: sent %i times',
    async (code, times) => {
      for (const kind of ['mutate', 'query'] as const) {
        const one = victim();
        one.state.way = async ({ url }, forward) => (isCall(url) ? forgedRefusal(code) : forward());
        const ran = await ranDuring(async () => {
          expect(await failure(one[kind]())).toMatchObject({ code, outcome: 'unknown' });
        });
        expect([ran, one.calls.length, one.handshakes.length]).toEqual([0, times, times]);
        one.state.way = honestly;
        expect(await ranDuring(() => one[kind]())).toBe(1);
      }
    },
  );

  test.each([500, 502, 503, 504])('row 138: a page with %i: sent once', async (status) => {
    const one = victim();
    one.state.way = async ({ url }, forward) =>
      isCall(url) ? new Response('<html>', { status }) : forward();
    expect(await failure(one.mutate())).toMatchObject({ code: 'ISO-4005', status, outcome: 'unknown' });
    expect([one.calls.length, one.handshakes.length]).toEqual([1, 1]);
  });

  test('row 138: the handshake is always refused: asked once for each call', async () => {
    const one = victim();
    one.state.way = async () => forgedRefusal('ISO-1008');
    for (let i = 1; i <= 3; i++) {
      expect(await failure(one.mutate())).toMatchObject({ code: 'ISO-1008', outcome: 'not-run' });
      expect([one.calls.length, one.handshakes.length]).toEqual([0, i]);
    }
  });
});

test('row 139: with a retryLink above, each attempt is a call of its own', async () => {
  const one = victim();
  const device = { wall: world.clock.now, monotonic: world.clock.now };
  const trpc = createTRPCClient<WorldRouter>({
    links: [
      retryLink({
        retry: ({ attempts, error }) => attempts < 4 && NenError.from(error)?.code === 'ISO-4005',
      }),
      nenLink({ url: `${world.url}/api/trpc`, fetch: one.fetch, clock: device }),
    ],
  });
  let bad = 2;
  one.state.way = async ({ url }, forward) =>
    isCall(url) && bad-- > 0 ? new Response('<html>', { status: 502 }) : forward();
  expect(await ranDuring(async () => expect(await trpc.hello.query('a')).toBe('hello a'))).toBe(1);
  expect(one.calls).toHaveLength(3);
  expect(new Set(one.calls.map((headers) => headers['X-Nen-Nonce'])).size).toBe(3);
  expect(one.calls.every((headers) => headers['X-Nen-Retry'] === undefined)).toBe(true);
  expect(one.handshakes).toHaveLength(1);
});

describe('row 140: the caller aborts', () => {
  const abortError = { name: 'AbortError' };

  test('row 140: before', async () => {
    const { client, handshakes, calls } = victim();
    const signal = AbortSignal.abort();
    await expect(client.fetch(ECHO_PATH, { ...JSON_POST, signal })).rejects.toMatchObject(abortError);
    expect([handshakes.length, calls.length]).toEqual([0, 0]);
    expect((await client.fetch(ECHO_PATH, JSON_POST)).status).toBe(200);
  });

  test.each(['the handshake', 'the request', 'the answer'])('row 140: during %s', async (stage) => {
    const { client, state } = victim();
    const [reached, go] = [gate(), gate()];
    const controller = new AbortController();
    state.way = async ({ url }, forward) => {
      const isHere = isCall(url) === (stage !== 'the handshake');
      if (!isHere) return forward();
      if (stage === 'the answer') {
        const response = await forward();
        reached.open();
        const body = await readWhole(response);
        const rest = new ReadableStream({
          start(c) {
            c.enqueue(body.slice(0, 10));
            controller.signal.addEventListener('abort', () => c.error(controller.signal.reason));
          },
        });
        return new Response(rest, { headers: response.headers });
      }
      reached.open();
      await go.opened;
      return forward();
    };
    const call = expect(
      client.fetch(ECHO_PATH, { ...JSON_POST, signal: controller.signal }),
    ).rejects.toMatchObject(abortError);
    await reached.opened;
    controller.abort();
    // A way that holds the request heeds no signal: it lets go now.
    go.open();
    await call;
    state.way = honestly;
    expect((await client.fetch(ECHO_PATH, JSON_POST)).status).toBe(200);
  });

  test('row 140: after', async () => {
    const { client } = victim();
    const controller = new AbortController();
    const response = await client.fetch(ECHO_PATH, { ...JSON_POST, signal: controller.signal });
    controller.abort();
    expect(await response.json()).toMatchObject({ method: 'POST' });
  });

  test('row 140: while a stream is read', async () => {
    const streaming = await startWorld({ echo: () => new Response(trickle(Array(1_000).fill('x'))) });
    onTestFinished(() => streaming.close());
    const controller = new AbortController();
    const { body } = await streaming.client().fetch(ECHO_PATH, { ...JSON_POST, signal: controller.signal });
    const reader = body?.getReader();
    await reader?.read();
    controller.abort();
    await expect(reader?.read()).rejects.toMatchObject(abortError);
    expect((await streaming.client().fetch(ECHO_PATH, JSON_POST)).status).toBe(200);
  });
});

describe('row 141: terminate with calls in flight', () => {
  test('row 141: those whose answers are on the way get them; later ones are told; handshake() brings it back', async () => {
    const { client, mutate, state } = victim();
    await mutate();
    const [arrived, go] = [gate(), gate()];
    let waiting = 0;
    state.way = async ({ init }, forward) => {
      const response = await forward();
      if (init.method === 'POST' && init.headers['X-Nen-Tag'] === undefined) {
        if (++waiting === 10) arrived.open();
        await go.opened;
      }
      return response;
    };
    const ran = await ranDuring(async () => {
      const calls = Promise.all(Array.from({ length: 10 }, () => mutate()));
      await arrived.opened;
      await client.terminate();
      expect(await failure(mutate())).toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
      go.open();
      for (const response of await calls) expect(await response.json()).toMatchObject({ method: 'POST' });
    });
    expect(ran).toBe(10);
    state.way = honestly;
    await client.handshake();
    expect(await ranDuring(() => mutate())).toBe(1);
  });

  test('row 141: those that come too late are told, and that they may have run', async () => {
    const { client, mutate, state, handshakes } = victim();
    const { sid } = await client.status();
    const [arrived, go] = [gate(), gate()];
    state.way = async ({ init }, forward) => {
      if (init.headers['X-Nen-Session'] === sid && init.body !== null) {
        arrived.open();
        await go.opened;
      }
      return forward();
    };
    const ran = await ranDuring(async () => {
      const call = failure(mutate());
      await arrived.opened;
      await client.terminate();
      go.open();
      expect(await call).toMatchObject({ code: 'ISO-2001', outcome: 'unknown' });
    });
    expect([ran, handshakes.length]).toEqual([0, 1]);
    state.way = honestly;
    await client.handshake();
    expect(await ranDuring(() => mutate())).toBe(1);
  });
});

describe('row 142: rotate fails midway', () => {
  test.each(['request', 'answer', 'forged'] as const)('row 142: its %s', async (what) => {
    const { client, mutate, state, handshakes } = victim();
    const { sid } = await client.status();
    state.way = async ({ url }, forward) => {
      if (!url.endsWith('/rotate')) return forward();
      if (what === 'answer') await forward();
      if (what === 'forged') return forgedRefusal('ISO-2002');
      throw new TypeError('fetch failed');
    };
    const error = await failure(client.rotate());
    expect(error).toMatchObject({ code: what === 'forged' ? 'ISO-2002' : 'ISO-4005', outcome: 'unknown' });
    state.way = honestly;
    expect(await ranDuring(() => mutate())).toBe(1);
    // If the server had rotated, the old session is gone: one new handshake. If not, it works on.
    expect(handshakes).toHaveLength(what === 'answer' ? 2 : 1);
    if (what !== 'answer') expect((await client.status()).sid).toBe(sid);
    expect((await client.rotate()).sid).not.toBe(sid);
    expect(await ranDuring(() => mutate())).toBe(1);
  });
});

describe('rows 143 and 154: the server restarts, and its memory is gone', () => {
  async function restarting() {
    const [before, after] = [await startWorld(), await startWorld()];
    onTestFinished(() => before.close());
    onTestFinished(() => after.close());
    const one = victim({}, before);
    /** From now on every request goes to the new server. */
    const restart = (): void => {
      after.clock.advance(before.clock.now() - after.clock.now());
      one.state.way = ({ url, init }) => fetch(url.replace(before.url, after.url), init);
    };
    const executions = (): number => before.ran.length + after.ran.length;
    return { before, after, restart, executions, ...one };
  }

  test('row 143: queries succeed after one handshake; a mutation may have run', async () => {
    const { restart, executions, mutate, query, handshakes, client } = await restarting();
    await mutate();
    restart();
    expect((await query()).status).toBe(200);
    expect([executions(), handshakes.length]).toEqual([2, 2]);
    const other = await restarting();
    await other.mutate();
    other.restart();
    expect(await failure(other.mutate())).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
    expect([other.executions(), other.handshakes.length]).toEqual([1, 2]);
    expect((await other.mutate()).status).toBe(200);
    expect((await client.fetch(ECHO_PATH, JSON_POST)).status).toBe(200);
  });

  test('row 154: the mutation ran, its answer was held back over the restart, then the session is unknown', async () => {
    const { before, restart, executions, mutate, state } = await restarting();
    await mutate();
    state.way = async ({ url, init }, forward) => {
      await forward();
      restart();
      return fetch(url, init).then(() => state.way({ url, init }, forward));
    };
    expect(await failure(mutate())).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
    expect(executions()).toBe(2);
    expect(before.ran).toHaveLength(2);
    expect((await mutate()).status).toBe(200);
  });
});

describe('row 146: keys are not wiped while they are needed', () => {
  test.each([true, false])(
    'row 146: rotations, handshakes and terminations under calls (noble: %s)',
    async (noble) => {
      force(noble ? 'noble' : undefined);
      onTestFinished(() => force(undefined));
      const fresh = await startWorld({
        rateLimit: () => 0,
        echo: async () => turn().then(() => Response.json('done')),
      });
      onTestFinished(() => fresh.close());
      const { client, mutate } = victim({}, fresh);
      await mutate();
      let good = 0;
      const calls = Array.from({ length: 60 }, async (_, i) => {
        for (let wait = 0; wait < i % 7; wait++) await turn();
        try {
          expect(await (await mutate()).json()).toBe('done');
          good++;
        } catch (error) {
          // Told in our own words, never that a key is wiped.
          expect(['ISO-2001', 'ISO-2002', 'ISO-5002']).toContain(NenError.from(error)?.code);
        }
      });
      const changes = Array.from({ length: 12 }, async (_, i) => {
        for (let wait = 0; wait < i; wait++) await turn();
        const change =
          i % 3 === 0
            ? client.rotate()
            : i % 3 === 1
              ? client.handshake()
              : client.terminate().then(() => client.handshake());
        await change.catch((error: unknown) => expect(NenError.from(error)).toBeDefined());
      });
      await Promise.all([...calls, ...changes]);
      expect(fresh.ran.length).toBeGreaterThanOrEqual(good + 1);
      expect(fresh.ran.length).toBeLessThanOrEqual(61);
      expect(fresh.events.filter(({ type }) => type === 'handler-error')).toEqual([]);
      await client.handshake();
      expect(await (await mutate()).json()).toBe('done');
    },
  );

  test.each([true, false])(
    'row 146: a handler that runs on after terminate still has its answer sealed (noble: %s)',
    async (noble) => {
      force(noble ? 'noble' : undefined);
      onTestFinished(() => force(undefined));
      const [running, go] = [gate(), gate()];
      const slow = await startWorld({
        echo: async () => {
          running.open();
          await go.opened;
          return Response.json('done');
        },
      });
      onTestFinished(() => slow.close());
      const { client, mutate } = victim({}, slow);
      const call = mutate();
      await running.opened;
      await client.terminate();
      go.open();
      expect(await (await call).json()).toBe('done');
    },
  );
});

describe('row 147: another version', () => {
  const hello = async (changes: object): Promise<string> => {
    const body = { v: 2, suite: 'ML-KEM-768', aud: world.url, pk: 'AAAA', ...changes };
    return (await send(world, handshakeRequest(utf8ToBytes(JSON.stringify(body))))).text;
  };

  test.each([
    { v: 1 },
    { v: 3 },
    { v: 3, more: 'fields' },
    { v: '2' },
    { suite: 'ML-KEM-1024' },
    { suite: 'X-Wing-2' },
  ])('row 147: a client says %o', async (changes) => {
    const { mutate } = victim();
    await mutate();
    expect(await hello(changes)).toBe(
      '{"error":{"code":"ISO-1003","message":"Protocol version, suite or origin not accepted."}}',
    );
    expect(await ranDuring(() => mutate())).toBe(1);
  });

  test.each([{ v: 3 }, { v: 1 }, { v: undefined }, { more: 'fields' }])(
    'row 147: a server says %o',
    async (changes) => {
      const { mutate, state, calls } = victim();
      state.way = async (_request, forward) => {
        const answer = await (await forward()).json();
        return Response.json({ ...answer, ...changes });
      };
      expect(await failure(mutate())).toMatchObject({ code: 'ISO-1007', outcome: 'not-run' });
      expect(calls).toHaveLength(0);
      state.way = honestly;
      expect(await ranDuring(() => mutate())).toBe(1);
    },
  );
});

describe('row 148: a proxy rewrites the path', () => {
  test('row 148: a prefix is removed, and mountPath says so', async () => {
    for (const mountPath of ['/app', '']) {
      const mounted = await startWorld({ mountPath });
      onTestFinished(() => mounted.close());
      // What the client signs is /app/api/..., what arrives is /api/...
      const client = mounted.client({
        nenUrl: '/app/api/nen',
        fetch: (url, init) => fetch(url.replace('/app/api/', '/api/'), init),
      });
      const call = client.fetch('/app/api/echo/x', JSON_POST);
      if (mountPath === '/app') expect(await (await call).json()).toMatchObject({ method: 'POST' });
      else {
        expect(await failure(call)).toMatchObject({ code: 'ISO-3002', outcome: 'unknown' });
        const refused = mounted.events.find(({ type }) => type === 'refused');
        expect(refused).toMatchObject({ code: 'ISO-3002', hint: expect.stringContaining('mountPath') });
        expect(mounted.ran).toEqual([]);
      }
    }
  });

  test.each([
    ['decodes it', '/api/echo/%61', '/api/echo/a'],
    ['merges slashes', '/api/echo//x', '/api/echo/x'],
    ['decodes a slash', '/api/echo/a%2Fb', '/api/echo/a/b'],
  ])('row 148: %s', async (_name, signed, arrives) => {
    const { client, state, mutate } = victim();
    expect(await ranDuring(() => client.fetch(signed, JSON_POST))).toBe(1);
    state.way = ({ url, init }) => fetch(url.replace(signed, arrives), init);
    expect(
      await ranDuring(async () => {
        expect(await failure(client.fetch(signed, JSON_POST))).toMatchObject({ code: 'ISO-3002' });
      }),
    ).toBe(0);
    state.way = honestly;
    expect(await ranDuring(() => mutate())).toBe(1);
  });
});

describe('row 149: what CDNs do to harmless traffic', () => {
  const big = JSON.stringify('x'.repeat(50_000));

  test.each(['json', 'octets'] as const)(
    'row 149: a proxy gzips answers and adds and drops headers, in %s',
    async (encoding) => {
      const proxy = createHttpServer((req, res) => {
        const headers = { ...req.headers, via: '1.1 cdn', 'x-forwarded-for': '10.0.0.1', 'cf-ray': '1' };
        const onward = httpRequest(
          { host: '127.0.0.1', port: world.port, method: req.method, path: req.url, headers },
          (answer) => {
            const chunks: Buffer[] = [];
            answer.on('data', (chunk: Buffer) => chunks.push(chunk));
            answer.on('end', () => {
              const { 'content-length': _, 'cache-control': __, ...rest } = answer.headers;
              res.writeHead(answer.statusCode ?? 500, { ...rest, 'Content-Encoding': 'gzip', Server: 'cdn' });
              res.end(gzipSync(Buffer.concat(chunks)));
            });
          },
        );
        req.pipe(onward);
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => {
        proxy.closeAllConnections();
        return new Promise((resolve) => proxy.close(() => resolve()));
      });
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const { client, trpc } = victim({
        encoding,
        fetch: (target, init) => fetch(target.replace(world.url, url), init),
      });
      expect(await (await client.fetch(ECHO_PATH, { ...JSON_POST, body: big })).json()).toMatchObject({
        body: big,
      });
      expect(await trpc.add.mutate('a')).toBe('added a');
    },
  );

  test.each([
    ['pretty printing', (text: string) => JSON.stringify(JSON.parse(text), null, 4)],
    [
      'another order of fields',
      (text: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse())),
    ],
    ['white space around it', (text: string) => ` \n\t${text}\r\n`],
    ['escaped slashes', (text: string) => text.replaceAll('/', '\\/')],
    ['escaped characters', (text: string) => text.replaceAll('"ct"', '"\\u0063t"')],
  ])('row 149: JSON rewritten with %s works, or fails with a code', async (name, rewrite) => {
    const { client, trpc, state } = victim();
    const works = !name.startsWith('escaped');
    await client.status();
    await trpc.hello.query('first');
    for (const direction of ['request', 'answer'] as const) {
      state.way = async ({ init }, forward) => {
        if (direction === 'request') {
          const body = Buffer.from(init.body ?? []).toString('latin1');
          return forward({ body: latin1ToBytes(rewrite(body)) });
        }
        const response = await forward();
        return withBody(response, [latin1ToBytes(rewrite(await response.text()))]);
      };
      const call = client.fetch(ECHO_PATH, { ...JSON_POST, body: '"a / b ? é"' });
      const typed = trpc.add.mutate('a');
      if (works) {
        expect((await call).status).toBe(200);
        expect(await typed).toBe('added a');
      } else {
        for (const one of [call, typed]) {
          const error = await failure(one);
          if (error !== undefined) expect(error.code).toBe(direction === 'request' ? 'ISO-4002' : 'ISO-4005');
        }
      }
    }
    state.way = honestly;
    expect((await client.fetch(ECHO_PATH, JSON_POST)).status).toBe(200);
  });

  test('row 149: headers in another order and another case', async () => {
    const { client, state } = victim();
    state.way = ({ init }, forward) =>
      forward({
        headers: Object.fromEntries(
          Object.entries(init.headers)
            .reverse()
            .map(([name, value]) => [name.toUpperCase(), value]),
        ),
      });
    expect(await ranDuring(() => client.fetch(ECHO_PATH, JSON_POST))).toBe(1);
  });
});

describe('row 150: a fetch that caches', () => {
  test('row 150: it is told not to, and an answer that it gives again opens for nobody', async () => {
    const { mutate, query, state, calls } = victim();
    let kept: { response: Response; body: Uint8Array<ArrayBuffer> } | undefined;
    state.way = async ({ url, init }, forward) => {
      expect(init).toMatchObject({ cache: 'no-store', redirect: 'manual' });
      if (!isCall(url)) return forward();
      if (kept === undefined) {
        const response = await forward();
        kept = { response, body: await readWhole(response) };
      }
      return withBody(kept.response, [kept.body]);
    };
    expect((await query()).status).toBe(200);
    for (const call of [query, mutate]) {
      expect(await failure(call())).toMatchObject({ code: 'ISO-4004', outcome: 'unknown' });
    }
    // Each was sent once, whatever came of it.
    expect(calls).toHaveLength(3);
    state.way = honestly;
    expect(await ranDuring(() => mutate())).toBe(1);
  });

  test('row 150: a redirect is not followed', async () => {
    const { mutate, state } = victim();
    await mutate();
    state.way = async () =>
      new Response(null, { status: 307, headers: { location: `${world.url}${TUNNEL_PATH}` } });
    expect(
      await ranDuring(async () => {
        expect(await failure(mutate())).toMatchObject({ code: 'ISO-4005', status: 307 });
      }),
    ).toBe(0);
  });
});

describe('row 153: what is held back', () => {
  test.each([1_000, 25_000, 31_000, 66_000, 130_000])(
    'row 153: the answer of a mutation for %i ms, then a forged 2002',
    async (heldMs) => {
      for (const code of ['ISO-2002', 'ISO-3003', 'ISO-2001'] as const) {
        const { mutate, state } = victim();
        await mutate();
        let first = true;
        state.way = async ({ url }, forward) => {
          const response = await forward();
          if (!isCall(url) || !first) return response;
          first = false;
          world.clock.advance(heldMs);
          return forgedRefusal(code);
        };
        const ran = await ranDuring(async () => {
          expect(await failure(mutate())).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
        });
        expect(ran).toBe(1);
        expect(await ranDuring(() => mutate())).toBe(1);
      }
    },
  );

  test.each([1_000, 25_000, 31_000, 66_000, 130_000])(
    'row 153: the mutation itself for %i ms after a forged 2002, and is delivered after all',
    async (heldMs) => {
      const { mutate, state } = victim();
      await mutate();
      let held: (() => Promise<Response>) | undefined;
      state.way = async ({ url }, forward) => {
        if (!isCall(url) || held !== undefined) return forward();
        held = forward;
        world.clock.advance(heldMs);
        return forgedRefusal('ISO-2002');
      };
      const ran = await ranDuring(async () => {
        const outcome = await failure(mutate());
        if (heldMs <= 30_000) expect(outcome).toBeUndefined();
        else expect(outcome).toMatchObject({ code: 'ISO-5002' });
        expect((await held?.())?.ok).toBe(false);
        world.clock.advance(10 * MINUTE);
        expect((await held?.())?.ok).toBe(false);
      });
      expect(ran).toBe(heldMs <= 30_000 ? 1 : 0);
    },
  );

  test.each(['request', 'answer'] as const)(
    'row 153: the %s of a handshake, by any time that the client bears',
    async (leg) => {
      const clock = new TestClock();
      const far = await startWorld();
      onTestFinished(() => far.close());
      for (const heldMs of [0, 5_000, 9_999, 80_000]) {
        // The device's monotonic clock shows the time that it waited.
        const one = victim({ clock: { wall: clock.now, monotonic: clock.now } }, far);
        const wait = (): void => {
          clock.advance(heldMs);
          far.clock.advance(heldMs);
        };
        one.state.way = async ({ url }, forward) => {
          if (isCall(url)) return forward();
          if (leg === 'request') wait();
          const response = await forward();
          if (leg === 'answer') wait();
          return response;
        };
        const now = (): number => far.clock.now();
        const outcome = await failure(one.mutate());
        // Its clock may lag, by no more than the answer was held; it never leads.
        for (const headers of one.calls)
          expect(Number(headers['X-Nen-Timestamp'])).toBeLessThanOrEqual(now());
        if (leg === 'request' || heldMs < 30_000) expect(outcome).toBeUndefined();
        // The session was never confirmed and is gone; so is the next one that is made like this.
        else expect(outcome).toMatchObject({ code: 'ISO-2002' });
        // A call whose answer is then held back still runs once.
        let first = true;
        one.state.way = async ({ url }, forward) => {
          const response = await forward();
          if (!isCall(url) || !first) return response;
          first = false;
          far.clock.advance(66_000);
          clock.advance(66_000);
          return forgedRefusal('ISO-2002');
        };
        const ran = await ranDuring(async () => void (await failure(one.mutate())), far);
        expect(ran).toBeLessThanOrEqual(1);
      }
    },
  );
});

describe("row 155: a broken copy's error as the answer to a call that ran", () => {
  test.each([
    [
      'its signature',
      'ISO-3002',
      (headers: Record<string, string>) => ({
        headers: { ...headers, 'X-Nen-Signature': `${'A'.repeat(43)}=` },
      }),
    ],
    ['its body', 'ISO-4002', () => ({ body: utf8ToBytes('{"ct":"AAAA"}') })],
    ['its ciphertext', 'ISO-4001', () => ({ body: utf8ToBytes(`{"ct":"${'A'.repeat(64)}"}`) })],
    [
      'its timestamp',
      'ISO-3004',
      (headers: Record<string, string>) => ({ headers: { ...headers, 'X-Nen-Timestamp': '0' } }),
    ],
    ['nothing', 'ISO-5001', () => ({})],
  ] as const)('row 155: a copy with %s broken', async (_name, code, broken) => {
    const { mutate, state, calls } = victim();
    await mutate();
    const given: string[] = [];
    state.way = async ({ init }, forward) => {
      await forward();
      const refusal = await forward(broken(init.headers));
      given.push(await refusal.clone().text());
      return refusal;
    };
    const ran = await ranDuring(async () => {
      expect(await failure(mutate())).toMatchObject({ code, outcome: 'unknown' });
    });
    expect([ran, calls.length]).toEqual([1, 2]);
    // In clear, and the same for everybody.
    expect(JSON.parse(given[0] ?? '')).toEqual({ error: { code, message: expect.any(String) } });
    state.way = honestly;
    expect(await ranDuring(() => mutate())).toBe(1);
  });
});

describe('row 160: an edge rewrites the outer status', () => {
  test.each([403, 429, 500, 502, 503, 520])('row 160: a page of its own with %i', async (status) => {
    for (const encoding of ['json', 'octets'] as const) {
      const { mutate, state, calls } = victim({ encoding });
      await mutate();
      state.way = async (_request, forward) => {
        await forward();
        return new Response('<html>Sorry</html>', { status, headers: { 'content-type': 'text/html' } });
      };
      const ran = await ranDuring(async () => {
        expect(await failure(mutate())).toMatchObject({ code: 'ISO-4005', status, outcome: 'unknown' });
      });
      expect([ran, calls.length]).toEqual([1, 2]);
      state.way = honestly;
      expect(await ranDuring(() => mutate())).toBe(1);
    }
  });

  test('row 160: the status alone, the body is left', async () => {
    const { mutate, state } = victim();
    await mutate();
    state.way = async (_request, forward) => {
      const response = await forward();
      return new Response(response.body, { status: 500, headers: response.headers });
    };
    const ran = await ranDuring(async () => {
      expect(await failure(mutate())).toMatchObject({ code: 'ISO-4004', status: 500, outcome: 'unknown' });
    });
    expect(ran).toBe(1);
  });
});
