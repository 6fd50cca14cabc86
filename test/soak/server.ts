/**
 * The server of the soak tests, in a process of its own so that its memory and its event loop are its own: an
 * echo and streams over a store in memory. Answers each order of its parent with a report, and ends when the
 * parent leaves. Needs --expose-gc.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createNen, InMemorySessionStore } from '../../src/adapter/server.ts';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { collect } from '../support/collect.ts';
import { listen } from '../support/listen.ts';

/** What the parent asks for; all of it is reported, whatever is asked. */
export interface Order {
  /** Sets the clock ahead by so much. */
  readonly advanceMs?: number;
}

/** Since the report before, where not said otherwise. */
export interface SoakReport {
  readonly url: string;
  /** After a collection: the heap, and the bytes outside that its objects hold. */
  readonly heldBytes: number;
  /** After a collection, in bytes. */
  readonly rss: number;
  /** Before the collection, in bytes. */
  readonly peakRss: number;
  /** Of the event loop, in milliseconds. */
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** Requests that a handler was given, since the start. */
  readonly ran: number;
  /** Streams that ended, in whatever way, and that the application was told of, since the start. */
  readonly streamsEnded: number;
  /** What failed that nothing caught, since the start. */
  readonly uncaught: readonly string[];
}

const DELAY_RESOLUTION_MS = 5;
const RSS_EVERY_MS = 50;
const NANOSECONDS_PER_MS = 1e6;
/** A frame's content: what a token of a language model takes. */
const TOKEN: Bytes = new TextEncoder().encode('token ');

let aheadMs = 0;
let ran = 0;
let streamsEnded = 0;
const uncaught: string[] = [];
process.on('uncaughtException', (error) => uncaught.push(String(error)));
process.on('unhandledRejection', (error) => uncaught.push(String(error)));

const now = (): number => Date.now() + aheadMs;
const nen = createNen({
  store: new InMemorySessionStore({ now }),
  clock: now,
  rateLimit: () => 0,
  onEvent: () => undefined,
});
const sealed = nen.node(async (req) => {
  ran++;
  const frames = new URL(req.url).searchParams.get('frames');
  if (frames !== null) return new Response(tokens(Number(frames)));
  return new Response(await req.text(), { headers: { 'Content-Type': 'application/json' } });
});

/** What comes within one turn of the event loop goes into one record. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** So many tokens, each in a turn of its own: one record each. */
function tokens(frames: number): ReadableStream<Bytes> {
  let left = frames;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        await turn();
        if (left-- > 0) {
          controller.enqueue(TOKEN.slice());
          return;
        }
        streamsEnded++;
        controller.close();
      },
      cancel: () => void streamsEnded++,
    },
    { highWaterMark: 0 },
  );
}

const http = createServer((req, res) =>
  (req.url?.startsWith('/api/nen/') ? nen.nodeRoutes : sealed)(req, res),
);
// Beyond the load: a connection that a busy client has not needed for five seconds would else be closed under its next call.
http.keepAliveTimeout = 60_000;
const server = await listen(http);

const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
delay.enable();
let peakRss = 0;
setInterval(() => {
  peakRss = Math.max(peakRss, process.memoryUsage.rss());
}, RSS_EVERY_MS);

async function report(): Promise<void> {
  const delayP99Ms = delay.percentile(99) / NANOSECONDS_PER_MS;
  const delayMaxMs = delay.max / NANOSECONDS_PER_MS;
  const busyRss = Math.max(peakRss, process.memoryUsage.rss());
  await collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({
    url: server.url,
    heldBytes: heapUsed + external,
    rss,
    peakRss: busyRss,
    delayP99Ms,
    delayMaxMs,
    ran,
    streamsEnded,
    uncaught,
  } satisfies SoakReport);
  peakRss = 0;
  delay.reset();
}

process.on('message', ({ advanceMs = 0 }: Order) => {
  aheadMs += advanceMs;
  void report();
});
process.on('disconnect', () => process.exit(0));
await report();
