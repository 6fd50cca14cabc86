/**
 * The application of the runtime suite, as one fetch handler: a tRPC router and plain routes, sealed.
 */
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { octetInputParser } from '@trpc/server/http';
import { createNen, InMemorySessionStore, NenHttpError } from '../../src/adapter/index.ts';
import { base64Encode } from '../../src/crypto/bytes.ts';

export type FetchHandler = (req: Request) => Response | Promise<Response>;

/** What the application counts, for checks that something ran or ended. */
export interface Tally {
  /** Writes that ran. */
  readonly written: number;
  /** Items of generators, and generators that are over. */
  readonly yielded: number;
  readonly over: number;
}

export const BIG_BYTES: number = 1_500_000;
const PAUSE_MS = 20;

/** @param identity a seed as base64. */
export function createApp(identity: string): FetchHandler {
  const nen = createNen({ store: new InMemorySessionStore(), identity, onEvent: () => undefined });
  const tally = { written: 0, yielded: 0, over: 0 };

  /** Counts up, until it is left. */
  async function* count(until: number): AsyncGenerator<number, void, undefined> {
    try {
      for (let i = 0; i < until; i++) {
        tally.yielded++;
        yield i;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } finally {
      tally.over++;
    }
  }

  const router = createRouter(count, () => ++tally.written);
  const trpc = nen.wrap((req) => fetchRequestHandler({ endpoint: '/api/trpc', req, router }));
  const method = nen.withNen((req, body) => ({ method: req.method, body, query: new URL(req.url).search }));
  const write = nen.withNen(() => ({ written: ++tally.written }));
  const refuse = nen.withNen(() => {
    throw new NenHttpError(418, { reason: 'a teapot' });
  });
  const form = nen.withNen(async (_, body) => {
    const file = body instanceof FormData ? body.get('file') : null;
    return file instanceof Blob ? { text: await file.text() } : 'no file';
  });
  const big = nen.withNen(() => 'y'.repeat(BIG_BYTES));
  const items = nen.withNenStream((req) => count(Number(new URL(req.url).searchParams.get('until'))));
  const routes: Readonly<Record<string, FetchHandler>> = {
    '/api/method': method,
    '/api/write': write,
    '/api/refuse': refuse,
    '/api/form': form,
    '/api/big': big,
    '/api/items': items,
    '/api/tally': () => Response.json(tally satisfies Tally),
  };

  return (req) => {
    const { pathname } = new URL(req.url);
    if (pathname.startsWith('/api/nen/'))
      return req.method === 'GET' ? nen.routes.GET(req) : nen.routes.POST(req);
    if (pathname.startsWith('/api/trpc/')) return trpc(req);
    return routes[pathname]?.(req) ?? new Response('no such route', { status: 404 });
  };
}

/** No validator: the suite brings no more into a runtime than it must. */
function createRouter(
  count: (until: number) => AsyncGenerator<number, void, undefined>,
  write: () => number,
) {
  const t = initTRPC.create();
  const text = t.procedure.input((value: unknown) => String(value));
  const number = t.procedure.input((value: unknown) => Number(value));
  return t.router({
    hello: text.query(({ input }) => `hello, ${input}`),
    write: t.procedure.mutation(() => write()),
    refuse: t.procedure.query(() => {
      throw new Error('no');
    }),
    later: t.procedure.query(() => ({ now: 'now', later: sleep().then(() => 'later') })),
    steps: number.query(({ input }) => count(input)),
    feed: number.subscription(async function* ({ input }) {
      yield* count(input);
    }),
    bytes: t.procedure.input(octetInputParser).mutation(async ({ input }) => {
      return base64Encode(new Uint8Array(await new Response(input).arrayBuffer()));
    }),
  });
}

async function sleep(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

export type AppRouter = ReturnType<typeof createRouter>;
