/**
 * A server to be flooded, in a process of its own so that its memory is its own. Answers each message of its
 * parent with what it holds, and ends when the parent leaves. Needs --expose-gc.
 */
import { createNen, InMemorySessionStore, tokenBucket } from '../../src/adapter/server.ts';
import { collect } from '../support/collect.ts';
import { serve } from '../support/serve.ts';

export interface FloodReport {
  readonly url: string;
  /** After a collection, in bytes. */
  readonly heapUsed: number;
  /** After a collection, in bytes. */
  readonly rss: number;
  /** Before it, in bytes. */
  readonly busyRss: number;
}

const nen = createNen({
  store: new InMemorySessionStore({ maxUnconfirmed: 20 }),
  rateLimit: tokenBucket({ perSecond: 20, burst: 20, global: { perSecond: 20, burst: 20 } }),
  onEvent: () => undefined,
});
const echo = nen.wrap(async (req) => new Response(await req.text()));
const server = await serve((req) => {
  const { pathname } = new URL(req.url);
  return pathname.startsWith('/api/nen/') ? nen.routes.POST(req) : echo(req);
});

async function report(): Promise<void> {
  const busyRss = process.memoryUsage.rss();
  await collect();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({ url: server.url, heapUsed, rss, busyRss } satisfies FloodReport);
}

process.on('message', () => void report());
process.on('disconnect', () => process.exit(0));
await report();
