/**
 * What happens to streams in operation (rows 83 to 90): a handler that throws, a server that dies, clients that
 * leave, slow readers, buffering proxies, sessions that end meanwhile; and attacks on tRPC's own streams.
 */
import { createTRPCClient } from '@trpc/client';
import { initTRPC, tracked } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { nenLink } from '../../src/link/index.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { gate } from '../support/gate.ts';
import { changingWay, deliver, honestly, readWhole, splitFrames, trickle, turn, withBody } from './frames.ts';
import { startWorld, type World, type WorldOptions } from './harness.ts';

const ENCODINGS = ['json', 'octets'] as const;
const POST = { method: 'POST', body: 'please' } as const;
/** What a busy machine may take for hundreds of streams, in milliseconds. */
const PATIENCE = 15_000;

async function start(options: WorldOptions): Promise<World> {
  const world = await startWorld(options);
  onTestFinished(() => world.close());
  return world;
}

/** A stream that gives what it is told to, when it is told to. */
function source(onEnd: () => void = () => undefined) {
  let feed: ReadableStreamDefaultController<Bytes> | undefined;
  const body = new ReadableStream<Bytes>({
    start(controller) {
      feed = controller;
    },
    cancel: onEnd,
  });
  return {
    body,
    send: (text: string) => feed?.enqueue(new TextEncoder().encode(text)),
    end: () => feed?.close(),
    fail: (error: unknown) => feed?.error(error),
  };
}

const text = (chunk: { value?: Uint8Array | undefined } | undefined): string =>
  new TextDecoder().decode(chunk?.value);

describe.each(ENCODINGS)('in %s', (encoding) => {
  test('row 83: the handler throws mid-stream', async () => {
    let broken = true;
    const world = await start({
      echo: () => {
        const chunks = ['zero;', 'one;', 'two;'];
        const body = new ReadableStream<Bytes>(
          {
            async pull(controller) {
              await turn();
              const chunk = chunks.shift();
              if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
              else if (broken) throw new Error('CANARY: the database said no');
              else controller.close();
            },
          },
          { highWaterMark: 0 },
        );
        return new Response(body);
      },
    });
    const connection = changingWay();
    const wire: string[] = [];
    connection.way = async (_request, forward) => {
      const response = await forward();
      const whole = await readWhole(response);
      wire.push(Buffer.from(whole).toString('latin1'));
      return withBody(response, [whole]);
    };
    const client = world.client({ encoding, fetch: connection.fetch });
    const failed = await client.fetch('/api/echo/x', POST);
    const error = await failed.text().catch(NenError.from);
    expect(error).toMatchObject({
      code: 'ISO-6004',
      message: 'The sender of the stream failed.',
      hint: undefined,
    });
    expect(await deliver(client.fetch('/api/echo/x', POST))).toEqual({
      text: 'zero;one;two;',
      code: 'ISO-6004',
    });
    expect(wire.join()).not.toContain('CANARY');
    expect(world.events.filter(({ type }) => type === 'handler-error')).toHaveLength(2);
    expect(world.events.at(-1)).toMatchObject({ type: 'stream-ended', outcome: 'failed', bytes: 13 });
    broken = false;
    expect(await deliver(client.fetch('/api/echo/x', POST))).toEqual({ text: 'zero;one;two;', code: 'end' });
    expect(world.ran).toHaveLength(3);
  });

  test('row 84: the server dies mid-stream', async () => {
    const stream = source();
    const world = await start({ echo: () => new Response(stream.body) });
    const client = world.client({ encoding });
    const { body } = await client.fetch('/api/echo/x', POST);
    const reader = body?.getReader();
    stream.send('zero;');
    expect(text(await reader?.read())).toBe('zero;');
    const next = reader?.read();
    const failed = expect(next).rejects.toMatchObject({ code: 'ISO-6001', outcome: 'unknown' });
    await world.close();
    await failed;
    await expect(reader?.read()).rejects.toMatchObject({ code: 'ISO-6001' });
  });

  test('row 85: the client aborts, cancels, or breaks off, 300 times', async () => {
    let ended = 0;
    const endless = (): Response => {
      const chunks = async function* (): AsyncGenerator<string> {
        try {
          for (;;) {
            yield 'chunk;';
            await turn();
          }
        } finally {
          ended++;
        }
      };
      const iterator = chunks();
      const body = new ReadableStream<Bytes>(
        {
          async pull(controller) {
            const { value } = await iterator.next();
            controller.enqueue(new TextEncoder().encode(value));
          },
          cancel: async () => void (await iterator.return(undefined)),
        },
        { highWaterMark: 0 },
      );
      return new Response(body);
    };
    const world = await start({ echo: endless });
    const client = world.client({ encoding });
    const leave = async (how: number): Promise<void> => {
      const controller = new AbortController();
      const { body } = await client.fetch('/api/echo/x', { ...POST, signal: controller.signal });
      if (body === null) throw new Error('no body');
      if (how === 0) {
        const reader = body.getReader();
        await reader.read();
        controller.abort();
        await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' });
      } else if (how === 1) {
        const reader = body.getReader();
        await reader.read();
        await reader.cancel();
      } else {
        for await (const _ of body) break;
      }
    };
    for (let how = 0; how < 3; how++) await leave(how);
    await vi.waitFor(() => expect(ended).toBe(3), PATIENCE);
    const before = resources();
    for (let i = 0; i < 300; i += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, j) => leave((i + j) % 3)));
    }
    await vi.waitFor(() => expect(ended).toBe(303), PATIENCE);
    const left = world.events.filter(({ type }) => type === 'stream-ended');
    expect(left).toHaveLength(303);
    for (const event of left) expect(event).toMatchObject({ outcome: 'cancelled' });
    const grown = (): string[] => {
      const after = resources();
      // Ten calls were made at once: so many sockets may wait for the next ones.
      const allowed: Record<string, number> = { TCPSocketWrap: 10, Immediate: 1 };
      return Object.keys(after).filter(
        (name) => (after[name] ?? 0) > (before[name] ?? 0) + (allowed[name] ?? 0),
      );
    };
    for (let i = 0; i < 1_000 && grown().length > 0; i++) await turn();
    expect(grown()).toEqual([]);
  });

  test('row 85: the streams of one signal that never aborts leave no listener on it', async () => {
    const world = await start({ echo: () => new Response(trickle(['zero;', 'one;'])) });
    const { signal } = new AbortController();
    // Without the signal the runtime's own fetch has none to listen to: what is counted is ours.
    const client = world.client({ encoding, fetch: (url, init) => fetch(url, { ...init, signal: null }) });
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    for (let i = 0; i < 20; i++) {
      const response = await client.fetch('/api/echo/x', { ...POST, signal });
      if (i % 2 === 0) expect(await response.text()).toBe('zero;one;');
      else await response.body?.cancel();
    }
    await turn();
    expect(added.mock.calls.length).toBeGreaterThan(0);
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
  });

  test('row 86: a reader that is slower than the generator', async () => {
    const CHUNK = new Uint8Array(64 * 1024);
    let produced = 0;
    let ended = false;
    const world = await start({
      echo: () =>
        new Response(
          new ReadableStream<Bytes>(
            {
              async pull(controller) {
                produced++;
                controller.enqueue(CHUNK.slice());
              },
              cancel() {
                ended = true;
              },
            },
            { highWaterMark: 0 },
          ),
        ),
    });
    const { body } = await world.client({ encoding }).fetch('/api/echo/x', POST);
    const reader = body?.getReader();
    for (let i = 0; i < 3; i++) await reader?.read();
    const rss = process.memoryUsage.rss();
    // Until the generator stands still: the buffers of two sockets are full, and nothing beyond them.
    let still = 0;
    for (let last = produced; still < 300; still = produced === last ? still + 1 : 0, last = produced)
      await turn();
    const mebibytes = (produced * CHUNK.length) / 2 ** 20;
    expect(mebibytes).toBeLessThan(24);
    console.log(
      `row 86, ${encoding}: ${mebibytes.toFixed(1)} MiB made ahead, RSS ${((process.memoryUsage.rss() - rss) / 2 ** 20).toFixed(1)} MiB more`,
    );
    const before = produced;
    for (let i = 0; i < 400; i++) await reader?.read();
    expect(produced).toBeGreaterThan(before);
    await reader?.cancel();
    await vi.waitFor(() => expect(ended).toBe(true), PATIENCE);
  });

  test('row 88: a proxy would buffer; each chunk is there before the next is made', async () => {
    const stream = source();
    const world = await start({
      echo: () => new Response(stream.body, { headers: { 'x-inner': 'secret' } }),
    });
    const outer: Headers[] = [];
    const connection = changingWay();
    connection.way = async (_request, forward) => {
      const response = await forward();
      outer.push(response.headers);
      return response;
    };
    const response = await world.client({ encoding, fetch: connection.fetch }).fetch('/api/echo/x', POST);
    // The head came before the first byte of the body was made.
    expect(response.headers.get('x-inner')).toBe('secret');
    expect(outer[0]?.get('x-accel-buffering')).toBe('no');
    expect(outer[0]?.get('cache-control')).toBe('no-store, no-transform');
    expect(outer[0]?.get('content-type')).toBe(
      encoding === 'json' ? 'text/event-stream' : 'application/octet-stream',
    );
    expect(outer[0]?.get('x-inner')).toBeNull();
    const reader = response.body?.getReader();
    for (const chunk of ['zero;', 'one;', 'two;']) {
      stream.send(chunk);
      expect(text(await reader?.read())).toBe(chunk);
    }
    stream.end();
    expect((await reader?.read())?.done).toBe(true);
  });

  test.each(['rotate', 'terminate', 'expiry'] as const)('row 89: %s during a stream', async (how) => {
    const stream = source();
    const world = await start({
      echo: (req) => (req.url.endsWith('/stream') ? new Response(stream.body) : Response.json({ ok: true })),
    });
    const client = world.client({ encoding });
    const { body } = await client.fetch('/api/echo/stream', POST);
    const reader = body?.getReader();
    stream.send('zero;');
    expect(text(await reader?.read())).toBe('zero;');
    if (how === 'rotate') await client.rotate();
    if (how === 'terminate') await client.terminate();
    if (how === 'expiry') world.clock.advance(3_600_001);
    if (how === 'terminate') {
      await expect(client.fetch('/api/echo/x', POST)).rejects.toMatchObject({ code: 'ISO-2001' });
      await client.handshake();
    }
    expect((await client.fetch('/api/echo/x', POST)).status).toBe(200);
    for (const chunk of ['one;', 'two;']) {
      stream.send(chunk);
      expect(text(await reader?.read())).toBe(chunk);
    }
    stream.end();
    expect((await reader?.read())?.done).toBe(true);
    expect(world.ran).toEqual(['POST /api/echo/stream', 'POST /api/echo/x']);
  });
});

function resources(): Record<string, number | undefined> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe.each(ENCODINGS)("tRPC's own streams, in %s", (encoding) => {
  const t = initTRPC.create({
    isServer: true,
    // No ping: each record is one of ours.
    sse: { ping: { enabled: false } },
  });
  const asked: (string | undefined)[] = [];
  const router = t.router({
    items: t.procedure.input(Number).query(async function* ({ input }) {
      for (let i = 0; i < input; i++) {
        await turn();
        yield i;
      }
    }),
    ticks: t.procedure
      .input((value) => value as { count: number; lastEventId?: string })
      .subscription(async function* ({ input: { count, lastEventId } }) {
        asked.push(lastEventId);
        for (let i = lastEventId === undefined ? 0 : Number(lastEventId.slice(1)) + 1; i < count; i++) {
          await turn();
          yield tracked(`s${i}`, i);
        }
      }),
    add: t.procedure.input(Number).mutation(({ input }) => input + 1),
  });
  const COUNT = 5;

  async function victim() {
    const world = await start({
      echo: (req) => fetchRequestHandler({ endpoint: '/api/echo', req, router, createContext: () => ({}) }),
    });
    const connection = changingWay();
    const device = { wall: world.clock.now, monotonic: world.clock.now };
    const client = createTRPCClient<typeof router>({
      links: [
        nenLink({
          url: `${world.url}/api/echo`,
          nenUrl: `${world.url}/api/nen`,
          encoding,
          stream: true,
          fetch: connection.fetch,
          clock: device,
        }),
      ],
    });
    /** What the batch stream gave, and how it ended. */
    const read = async (): Promise<{ items: number[]; code: string }> => {
      const items: number[] = [];
      try {
        for await (const item of await client.items.query(COUNT)) items.push(item);
        return { items, code: 'end' };
      } catch (error) {
        return { items, code: NenError.from(error)?.code ?? `not typed: ${String(error)}` };
      }
    };
    return { world, connection, client, read };
  }

  const alterations: readonly (readonly [string, (frames: Bytes[], i: number) => readonly Bytes[]])[] = [
    ['dropped', (frames, i) => frames.toSpliced(i, 1)],
    ['swapped with the next', (frames, i) => frames.toSpliced(i, 2, ...frames.slice(i, i + 2).reverse())],
    ['sent twice', (frames, i) => frames.toSpliced(i, 0, ...frames.slice(i, i + 1))],
    ['the last that arrives', (frames, i) => frames.slice(0, i)],
  ];

  test.each(alterations)('rows 73 to 76: a frame of a batch stream is %s', async (_name, alter) => {
    const { connection, client, read } = await victim();
    let count = 0;
    connection.way = async (_request, forward) => {
      const response = await forward();
      const frames = splitFrames(encoding, await readWhole(response));
      count = frames.length;
      return withBody(response, frames);
    };
    expect(await read()).toEqual({ items: [0, 1, 2, 3, 4], code: 'end' });
    const longest: number[] = [];
    for (let i = 0; i < count - 1; i++) {
      connection.way = async (_request, forward) => {
        const response = await forward();
        return withBody(response, alter(splitFrames(encoding, await readWhole(response)), i));
      };
      const { items, code } = await read();
      expect(items).toEqual([0, 1, 2, 3, 4].slice(0, items.length));
      // Once the last data has come, tRPC has its own end of it and needs no more.
      const complete = i === count - 2 && items.length === COUNT && code === 'end';
      if (!complete) expect(code, `frame ${i} of ${count}`).toMatch(/^ISO-(600[123]|400[45])$/);
      longest.push(items.length);
    }
    expect(longest).toEqual(longest.toSorted((a, b) => a - b));
    connection.way = honestly;
    expect(await read()).toEqual({ items: [0, 1, 2, 3, 4], code: 'end' });
    expect(await client.add.mutate(1)).toBe(2);
  });

  test('rows 73 and 74: a frame of a subscription is dropped, or swapped with the next', async () => {
    const { connection, client } = await victim();
    for (const [, alter] of alterations.slice(0, 2)) {
      for (let i = 1; i < 5; i++) {
        connection.way = async (_request, forward) => {
          const response = await forward();
          return withBody(response, alter(splitFrames(encoding, await readWhole(response)), i));
        };
        const seen: number[] = [];
        const error = await new Promise<unknown>((resolve) => {
          client.ticks.subscribe(
            { count: COUNT },
            {
              onData: ({ data }) => void seen.push(data),
              onError: resolve,
              onComplete: () => resolve('complete'),
            },
          );
        });
        expect(NenError.from(error)).toMatchObject({ code: 'ISO-6002' });
        expect(seen).toEqual([0, 1, 2, 3, 4].slice(0, seen.length));
      }
    }
    connection.way = honestly;
    expect(await client.add.mutate(1)).toBe(2);
  });

  test('row 90: a subscription is cut; it comes back with a new nonce and the last id sealed, and gives nothing twice', async () => {
    const { connection, client } = await victim();
    const sent: { url: string; headers: Record<string, string>; body: string }[] = [];
    const ends = [4, 3];
    connection.way = async ({ url, init }, forward) => {
      sent.push({ url, headers: init.headers, body: Buffer.from(init.body ?? []).toString('latin1') });
      const response = await forward();
      const end = ends.shift();
      if (end === undefined) return response;
      return withBody(response, splitFrames(encoding, await readWhole(response)).slice(0, end));
    };
    asked.length = 0;
    const done = gate();
    const seen: number[] = [];
    const errors: unknown[] = [];
    client.ticks.subscribe(
      { count: COUNT },
      {
        onData: ({ data }) => void seen.push(data),
        onConnectionStateChange: ({ error }) => void (error && errors.push(NenError.from(error)?.code)),
        onError: () => done.open(),
        onComplete: () => done.open(),
      },
    );
    await done.opened;
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(errors).toEqual(['ISO-6001', 'ISO-6001']);
    expect(asked.length).toBe(3);
    expect(asked[0]).toBeUndefined();
    expect(new Set(sent.map(({ headers }) => headers['X-Nen-Nonce'])).size).toBe(3);
    expect(new Set(sent.map(({ url }) => new URL(url).pathname))).toEqual(new Set(['/api/echo/sealed']));
    expect(JSON.stringify(sent)).not.toMatch(/lastEventId|last-event-id|"s\d"|ticks/i);
  });

  test('row 90: the way adds a last id of its own outside', async () => {
    const { connection, client } = await victim();
    connection.way = ({ init }, forward) =>
      forward({ headers: { ...init.headers, 'Last-Event-Id': 's3', 'last-event-id': 's3' } });
    asked.length = 0;
    const seen: number[] = [];
    const done = gate();
    client.ticks.subscribe(
      { count: COUNT },
      {
        onData: ({ data }) => void seen.push(data),
        onComplete: () => done.open(),
        onError: () => done.open(),
      },
    );
    await done.opened;
    expect([seen, asked]).toEqual([[0, 1, 2, 3, 4], [undefined]]);
  });
});
