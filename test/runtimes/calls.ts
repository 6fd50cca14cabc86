/**
 * The client against the application of app.ts, wherever that runs: in the same process, or behind real HTTP.
 */
import { createTRPCClient, type TRPCClient } from '@trpc/client';
import { loadSigner } from '../../src/crypto/load-ml-dsa-65.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import {
  type Encoding,
  NenClient,
  type NenClientOptions,
  NenError,
  NenHttpError,
  type Transport,
} from '../../src/link/client/index.ts';
import { type NenLinkOptions, nenLink } from '../../src/link/index.ts';
import { type AppRouter, BIG_BYTES, type Tally } from './app.ts';
import { type Check, equal, rejection } from './check.ts';
import { alteringAnswers, alteringRequests, cuttingAnswers, recording } from './way.ts';

export interface Server {
  /** scheme://host[:port] */
  readonly origin: string;
  readonly pin: string;
  /** What carries the bytes to it. */
  readonly send: Transport;
  /** Whether answers can be read as they arrive. React Native's fetch can't. */
  readonly streams?: boolean;
  /** Whether what a client leaves is told to end. workerd stops it where it is. */
  readonly ends?: boolean;
  /** Whether the client's runtime can read a FormData. React Native can't. */
  readonly forms?: boolean;
}

const ENCODINGS: readonly Encoding[] = ['json', 'octets'];
const UNTIL_TRIES = 250;
const UNTIL_PAUSE_MS = 20;
/** Some of the pauses that a generator of the application makes. */
const STILL_MS = 120;

export function callChecks(server: Server): Check[] {
  return [
    ...ENCODINGS.flatMap((encoding) => [
      ...fetchChecks(server, encoding),
      ...trpcChecks(server, encoding),
      ...attackChecks(server, encoding),
      ...(server.streams === false ? wholeStreamChecks(server, encoding) : streamChecks(server, encoding)),
    ]).map(({ title, run }, i, { length }) => ({
      title: `${i < length / 2 ? 'json' : 'octets'}: ${title}`,
      run,
    })),
    ...sessionChecks(server),
  ];
}

function clientOf(server: Server, options: NenClientOptions): NenClient {
  return new NenClient(server.origin, { serverPins: [server.pin], fetch: server.send, ...options });
}

function trpcOf(server: Server, options: Partial<NenLinkOptions<AppRouter>>): TRPCClient<AppRouter> {
  const { origin, pin, send } = server;
  const link = nenLink<AppRouter>({
    ...{ url: `${origin}/api/trpc`, serverPins: [pin], fetch: send },
    ...(options as object),
  } as NenLinkOptions<AppRouter>);
  return createTRPCClient<AppRouter>({ links: [link] });
}

/** Plain fetch: each kind of payload, and what an application does with it. */
function fetchChecks(server: Server, encoding: Encoding): Check[] {
  const client = clientOf(server, { encoding });
  const body = { text: 'für dich ✓', number: 1.5 };
  return [
    {
      title: 'nenFetch of JSON, in each method that has a body',
      run: async () => {
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
          const answer = await client.nenFetch('/api/method?a=1', { method, body: JSON.stringify(body) });
          equal(answer, { method, body, query: '?a=1' });
        }
      },
    },
    {
      title: 'nenFetch without a body',
      run: async () => {
        equal(await client.nenFetch('/api/method?b=2'), { method: 'GET', query: '?b=2' });
        equal(await client.nenFetch('/api/method', { method: 'DELETE' }), { method: 'DELETE', query: '' });
        const response = await client.fetch('/api/method', { method: 'HEAD' });
        equal([response.status, await response.text()], [200, '']);
      },
    },
    {
      title: 'a whole message, with headers of its own',
      run: async () => {
        const headers = { 'content-type': 'text/plain', 'x-own': '1' };
        const answer = await client.fetch('/api/method', { method: 'POST', headers, body: 'text' });
        equal(await answer.json(), { method: 'POST', body: 'text', query: '' });
        // Bun names the charset too.
        equal(answer.headers.get('content-type')?.split(';')[0], 'application/json');
      },
    },
    ...(server.forms === false ? [] : [formCheck(client)]),
    {
      title: 'an answer that comes in many records',
      run: async () => equal((await client.nenFetch<string>('/api/big')).length, BIG_BYTES),
    },
    {
      title: 'an error with its status',
      run: async () => {
        const error = await rejection(client.nenFetch('/api/refuse'));
        if (!(error instanceof NenHttpError)) throw error;
        equal([error.status, error.data], [418, { reason: 'a teapot' }]);
      },
    },
  ];
}

function formCheck(client: NenClient): Check {
  return {
    title: 'a form with a file',
    run: async () => {
      const form = new FormData();
      form.append('file', new Blob(['content'], { type: 'text/plain' }), 'a.txt');
      equal(await client.nenFetch('/api/form', { method: 'POST', body: form }), { text: 'content' });
    },
  };
}

/** tRPC, as httpBatchLink has it. */
function trpcChecks(server: Server, encoding: Encoding): Check[] {
  const way = recording(server.send);
  const trpc = trpcOf(server, { encoding, fetch: way.fetch });
  return [
    {
      title: 'tRPC query and mutation',
      run: async () => {
        equal(await trpc.hello.query('you'), 'hello, you');
        const written = await trpc.write.mutate();
        equal((await tally(server)).written, written);
      },
    },
    {
      title: 'tRPC batch: two calls, one request',
      run: async () => {
        const before = way.sent.length;
        equal(await Promise.all([trpc.hello.query('a'), trpc.hello.query('b')]), ['hello, a', 'hello, b']);
        equal(way.sent.length - before, 1, 'number of requests');
      },
    },
    {
      title: 'tRPC bytes',
      run: async () => equal(await trpc.bytes.mutate(Uint8Array.of(1, 2, 3)), 'AQID'),
    },
    {
      title: "tRPC's own error",
      run: async () => {
        const error = await rejection(trpc.refuse.query());
        equal([(error as Error).message, NenError.from(error) === undefined], ['no', true]);
      },
    },
    {
      title: 'an abort before the answer',
      run: async () => {
        const abort = new AbortController();
        const running = trpc.hello.query('nobody', { signal: abort.signal });
        abort.abort();
        await rejection(running);
        equal(await trpc.hello.query('the next'), 'hello, the next');
      },
    },
  ];
}

/** What arrives bit by bit. */
function streamChecks(server: Server, encoding: Encoding): Check[] {
  const client = clientOf(server, { encoding });
  const trpc = trpcOf(server, { encoding, stream: true });
  return [
    {
      title: 'nenStream',
      run: async () => equal(await collect(client.nenStream<number>('/api/items?until=3')), [0, 1, 2]),
    },
    {
      title: 'a stream that is left ends its generator',
      run: async () => {
        const before = await tally(server);
        for await (const item of client.nenStream<number>('/api/items?until=1000')) if (item === 1) break;
        await left(server, before);
      },
    },
    {
      title: 'tRPC JSONL stream',
      run: async () => {
        const later = await trpc.later.query();
        equal([later.now, await later.later], ['now', 'later']);
        equal(await collect(await trpc.steps.query(3)), [0, 1, 2]);
      },
    },
    {
      title: 'tRPC stream, aborted',
      run: async () => {
        const before = await tally(server);
        const abort = new AbortController();
        const steps = await trpc.steps.query(1000, { signal: abort.signal });
        const reading = (async () => {
          for await (const step of steps) if (step === 1) abort.abort();
        })();
        await rejection(reading);
        await left(server, before);
      },
    },
    {
      title: 'tRPC subscription',
      run: async () => {
        const items: number[] = [];
        await new Promise<void>((onComplete, onError) => {
          trpc.feed.subscribe(3, { onData: (item) => items.push(item), onComplete, onError });
        });
        equal(items, [0, 1, 2]);
      },
    },
    {
      title: 'tRPC subscription, given up',
      run: async () => {
        const before = await tally(server);
        await new Promise<void>((resolve, onError) => {
          const { unsubscribe } = trpc.feed.subscribe(1000, {
            onData: (item) => {
              if (item < 1) return;
              unsubscribe();
              resolve();
            },
            onError,
          });
        });
        await left(server, before);
      },
    },
    {
      title: 'a stream that is cut is refused',
      run: async () => {
        const cut = clientOf(server, { encoding, fetch: cuttingAnswers(server.send) });
        const error = await rejection(collect(cut.nenStream('/api/items?until=5')));
        equal(NenError.from(error)?.code, 'ISO-6001');
      },
    },
  ];
}

/** The same answers where they come whole: late, but never short. */
function wholeStreamChecks(server: Server, encoding: Encoding): Check[] {
  const client = clientOf(server, { encoding });
  return [
    {
      title: 'nenStream, all items at the end',
      run: async () => equal(await collect(client.nenStream<number>('/api/items?until=3')), [0, 1, 2]),
    },
    {
      title: 'a stream that is cut is refused',
      run: async () => {
        const cut = clientOf(server, { encoding, fetch: cuttingAnswers(server.send) });
        const error = await rejection(collect(cut.nenStream('/api/items?until=5')));
        equal(NenError.from(error)?.code, 'ISO-6001');
      },
    },
  ];
}

/** Whoever is on the way changes and repeats what goes through. */
function attackChecks(server: Server, encoding: Encoding): Check[] {
  const codeOf = async (fetch: Transport): Promise<string | undefined> => {
    const client = clientOf(server, { encoding, fetch });
    const call = client.nenFetch('/api/write', { method: 'POST', body: '{}' });
    return NenError.from(await rejection(call))?.code;
  };
  return [
    {
      title: 'a request that was tampered with does not run',
      run: async () => {
        const before = await tally(server);
        equal(await codeOf(alteringRequests(server.send)), 'ISO-4001');
        equal(await tally(server), before);
      },
    },
    {
      title: 'an answer that was tampered with is refused',
      run: async () => equal(await codeOf(alteringAnswers(server.send)), 'ISO-4004'),
    },
    {
      title: 'a request that is played again does not run',
      run: async () => {
        const way = recording(server.send);
        const client = clientOf(server, { encoding, fetch: way.fetch });
        const { written } = await client.nenFetch<{ written: number }>('/api/write', {
          method: 'POST',
          body: '{}',
        });
        const [sent] = way.sent;
        if (sent === undefined) throw new Error('nothing was sent');
        const { signal: _, ...init } = sent.init;
        const again = await server.send(sent.url, { ...init, signal: null });
        const { error } = (await again.json()) as { error: { code: string } };
        equal([again.status >= 400, error.code], [true, 'ISO-5001']);
        equal((await tally(server)).written, written);
      },
    },
    {
      title: 'a request in clear is refused',
      run: async () => {
        const init = { method: 'POST', headers: {}, body: null, signal: null } as const;
        const response = await server.send(`${server.origin}/api/write`, {
          ...init,
          ...{ cache: 'no-store', redirect: 'manual' },
        });
        const { error } = (await response.json()) as { error: { code: string } };
        equal(error.code, 'ISO-3001');
      },
    },
  ];
}

function sessionChecks(server: Server): Check[] {
  return [
    ...(['ML-KEM-768', 'X-Wing'] as const).map((suite) => ({
      title: `handshake with ${suite}, pinned`,
      run: async () => {
        const client = clientOf(server, { suite });
        const status = await client.status();
        equal([client.security, status.suite], ['pinned', suite]);
        equal(await client.nenFetch('/api/method'), { method: 'GET', query: '' });
      },
    })),
    {
      title: 'a server without a pinned key gets no call',
      run: async () => {
        const way = recording(server.send);
        const pin = `${server.pin.slice(0, -1)}${server.pin.endsWith('A') ? 'E' : 'A'}`;
        const client = clientOf(server, { serverPins: [pin], fetch: way.fetch });
        equal(NenError.from(await rejection(client.nenFetch('/api/method')))?.code, 'ISO-1006');
        equal(way.sent.length, 0, 'number of calls');
      },
    },
    {
      title: 'a client with an identity',
      run: async () => {
        const identity = await loadSigner(randomBytes(32), 'client');
        const client = clientOf(server, { identityMode: 'pqc', identity });
        equal(await client.nenFetch('/api/method'), { method: 'GET', query: '' });
      },
    },
    {
      title: 'rotate, terminate',
      run: async () => {
        const client = clientOf(server, {});
        const { sid } = await client.status();
        const rotated = await client.rotate();
        equal([rotated.sid === sid, (await client.status()).sid === rotated.sid], [false, true]);
        await client.terminate();
        equal(NenError.from(await rejection(client.nenFetch('/api/method')))?.code, 'ISO-2001');
      },
    },
    {
      title: 'an unknown session: one handshake, and the call goes on',
      run: async () => {
        const way = recording(server.send);
        let forget = false;
        const client = clientOf(server, {
          fetch: (url, init) => {
            const headers = forget ? { ...init.headers, 'X-Nen-Session': 'A'.repeat(22) } : init.headers;
            forget = false;
            return way.fetch(url, { ...init, headers });
          },
        });
        await client.handshake();
        forget = true;
        const { written } = await client.nenFetch<{ written: number }>('/api/write', {
          method: 'POST',
          body: '{}',
        });
        equal([(await tally(server)).written, way.sent.length], [written, 2]);
      },
    },
  ];
}

async function tally({ origin, send }: Server): Promise<Tally> {
  const response = await send(`${origin}/api/tally`, {
    ...{ method: 'GET', headers: {}, body: null, signal: null },
    ...{ cache: 'no-store', redirect: 'manual' },
  });
  return (await response.json()) as Tally;
}

/** A generator that was left does no more work. */
async function left(server: Server, before: Tally): Promise<void> {
  if (server.ends !== false) {
    await until(async () => (await tally(server)).over === before.over + 1, 'the generator is over');
  }
  await until(async () => {
    const { yielded } = await tally(server);
    await sleep(STILL_MS);
    return (await tally(server)).yielded === yielded;
  }, 'the generator yields no more');
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < UNTIL_TRIES; i++) {
    if (await holds()) return;
    await sleep(UNTIL_PAUSE_MS);
  }
  throw new Error(`never came true: ${what}`);
}
