/**
 * The server side: two instances of one application over one store, with clocks of their own, counting what runs.
 * `/api/read` and `/api/pay` answer with the name they are called with, and so do tRPC's procedures.
 */
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { createNen, type Nen } from '../../../src/adapter/server.ts';
import type { Wrapped } from '../../../src/adapter/wrap.ts';
import type { TransportInit } from '../../../src/link/client/transport.ts';
import type { Clocks } from '../../link/channel.ts';
import { FaultyStore } from '../../support/faulty-store.ts';
import type { Queue } from './waiting.ts';

/** Short, so that time runs out often. */
const SESSION_TTL_MS = 600_000;

interface Instance {
  readonly nen: Nen;
  readonly handler: Wrapped<[]>;
}

/** An answer as it left the server. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Calls {
  run(name: string): Promise<void>;
}

const t = initTRPC.context<Calls>().create();
const name = t.procedure.input((value: unknown): string => String(value));
const router = t.router({
  read: name.query(async ({ input, ctx }) => {
    await ctx.run(input);
    return `read ${input}`;
  }),
  pay: name.mutation(async ({ input, ctx }) => {
    await ctx.run(input);
    return `paid ${input}`;
  }),
});
export type Router = typeof router;

export class Servers {
  readonly store: FaultyStore;
  /** How often each call ran. */
  readonly ran = new Map<string, number>();
  /** How many of the next calls of the store, and of handlers, wait. */
  readonly holds = { store: 0, handler: 0 };
  readonly #clocks: Clocks;
  readonly #skewMs: number;
  readonly #queue: Queue;
  readonly #instances: Instance[];

  constructor(clocks: Clocks, skewMs: number, queue: Queue) {
    this.#clocks = clocks;
    this.#skewMs = skewMs;
    this.#queue = queue;
    this.store = new FaultyStore(() => clocks.server);
    this.store.wait = () => this.#wait('store');
    this.#instances = [this.#start(0), this.#start(1)];
  }

  /** A process that starts anew: the store keeps what it has. */
  restart(instance: number): void {
    this.#instances[instance] = this.#start(instance);
  }

  async serve(url: string, { method, headers, body }: TransportInit, to: number): Promise<Answer> {
    const { nen, handler } = this.#instances[to] ?? this.#start(to);
    const req = new Request(url, { method, headers, body });
    const { pathname } = new URL(url);
    const route = method === 'POST' ? nen.routes.POST : nen.routes.GET;
    const response = await (pathname.startsWith('/api/nen/') ? route(req) : handler(req));
    return {
      status: response.status,
      headers: response.headers,
      bytes: new Uint8Array(await response.arrayBuffer()),
    };
  }

  #start(instance: number): Instance {
    const nen = createNen({
      store: this.store,
      clock: () => this.#clocks.server + instance * this.#skewMs,
      sessionTtlMs: SESSION_TTL_MS,
      rateLimit: () => 0,
      onEvent: () => undefined,
    });
    return { nen, handler: nen.wrap((req) => this.#answer(req)) };
  }

  async #answer(req: Request): Promise<Response> {
    const run = async (called: string): Promise<void> => {
      this.ran.set(called, (this.ran.get(called) ?? 0) + 1);
      await this.#wait('handler');
    };
    const { pathname, searchParams } = new URL(req.url);
    if (pathname.startsWith('/api/trpc/'))
      return fetchRequestHandler({ endpoint: '/api/trpc', req, router, createContext: () => ({ run }) });
    const called = req.method === 'GET' ? searchParams.get('name') : ((await req.json()) as string);
    await run(String(called));
    return Response.json(`${req.method === 'GET' ? 'read' : 'paid'} ${called}`);
  }

  async #wait(where: keyof Servers['holds']): Promise<void> {
    if (this.holds[where] === 0) return;
    this.holds[where]--;
    await this.#queue.hold(where);
  }
}
