/**
 * A server to be flooded, in a process of its own so that its memory is its own. Answers each message of its
 * parent with what it holds, and ends when the parent leaves. Needs --expose-gc.
 */
import { createServer } from 'node:http';
import { createNen, InMemorySessionStore, tokenBucket } from '../../src/adapter/server.ts';
import { collect } from '../support/collect.ts';
import { listen } from '../support/listen.ts';

export interface FloodReport {
  readonly url: string;
  /** After a collection, in bytes. */
  readonly heapUsed: number;
  /** After a collection, in bytes. */
  readonly rss: number;
  /** Before it, in bytes. */
  readonly busyRss: number;
  /** The time that it has had of the processors since its start, before the collection, in microseconds. */
  readonly cpuUs: number;
}

const nen = createNen({
  store: new InMemorySessionStore({ maxUnconfirmed: 20 }),
  rateLimit: tokenBucket({ perSecond: 20, burst: 20, global: { perSecond: 20, burst: 20 } }),
  onEvent: () => undefined,
});
const echo = nen.node(async (req) => new Response(await req.text()));
const server = await listen(
  createServer((req, res) => (req.url?.startsWith('/api/nen/') ? nen.nodeRoutes : echo)(req, res)),
);

async function report(): Promise<void> {
  const busyRss = process.memoryUsage.rss();
  const { user, system } = process.cpuUsage();
  await collect();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ url: server.url, heapUsed, rss, busyRss, cpuUs: user + system } satisfies FloodReport);
}

process.on('message', () => void report());
process.on('disconnect', () => process.exit(0));
await report();
