/**
 * A server and a real client of it in one process, without HTTP between them: what the handler sees and
 * what the way sees of each call. The runtime's Request and Response are the only wire.
 */
import {
  createNen,
  InMemorySessionStore,
  type Nen,
  type NenEvent,
  type NenOptions,
} from '../../src/adapter/server.ts';
import type { Handler, WrapOptions, Wrapped } from '../../src/adapter/wrap.ts';
import { NenClient, type NenClientOptions } from '../../src/link/client/index.ts';
import type { TransportInit } from '../../src/link/client/transport.ts';

export const ORIGIN = 'https://app.example';

export interface Rig {
  readonly nen: Nen;
  readonly client: NenClient;
  readonly wrapped: Wrapped<[]>;
  readonly events: NenEvent[];
  /** What the way saw: the outer requests and answers, handshakes left out. */
  readonly outer: { readonly url: string; readonly init: TransportInit; readonly response: Response }[];
  /** Moves the server's clock; the client's goes along. */
  advance(ms: number): void;
}

export interface RigOptions extends NenOptions {
  readonly client?: NenClientOptions;
  readonly wrap?: WrapOptions;
  /** What the way adds to each request. */
  readonly way?: Readonly<Record<string, string>>;
  /** What a proxy makes of the URL before the server sees it. */
  readonly rewrite?: (url: string) => string;
  /** What the way makes of an answer. */
  readonly answer?: (response: Response) => Response;
}

export function rig(handler: Handler<[]>, options: RigOptions = {}): Rig {
  const {
    client: clientOptions,
    wrap,
    way = {},
    rewrite = (url) => url,
    answer: alter,
    ...nenOptions
  } = options;
  let now = 1_790_000_000_000;
  const clock = (): number => now;
  const events: NenEvent[] = [];
  const outer: Rig['outer'] = [];
  const nen = createNen({
    store: new InMemorySessionStore({ now: clock }),
    clock,
    onEvent: (event) => events.push(event),
    ...nenOptions,
  });
  const wrapped = nen.wrap(handler, wrap);
  const client = new NenClient(ORIGIN, {
    clock: { wall: clock, monotonic: clock },
    ...clientOptions,
    fetch: async (url, init) => {
      const headers = new Headers(init.headers);
      const isRoute = new URL(url).pathname.startsWith('/api/nen/');
      for (const [name, value] of Object.entries(way)) {
        if (!isRoute || name !== 'content-type') headers.set(name, value);
      }
      const req = new Request(rewrite(url), { ...init, headers } as RequestInit);
      if (isRoute) return nen.routes.POST(req);
      const answer = await wrapped(req);
      // HTTP brings no body with the answer to a HEAD.
      const sent = init.method === 'HEAD' ? new Response(null, answer) : answer;
      const response = alter?.(sent) ?? sent;
      outer.push({ url, init, response });
      return response;
    },
  });
  return {
    nen,
    client,
    wrapped,
    events,
    outer,
    advance: (ms) => {
      now += ms;
    },
  };
}
