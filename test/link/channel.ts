/**
 * A client and a server side of the sealed channel in one process: the transport hands each outer
 * request to the server, so that a test holds both clocks and every byte between them.
 */
import { createNen, type Nen, type NenEvent, type NenOptions } from '../../src/adapter/server.ts';
import type { NenClientOptions } from '../../src/link/client/client-options.ts';
import type { DeviceClock } from '../../src/link/client/clock.ts';
import { NenClient } from '../../src/link/client/nen-client.ts';
import type { Transport, TransportInit } from '../../src/link/client/transport.ts';
import { InMemorySessionStore } from '../../src/session/memory.ts';

export const ORIGIN = 'https://nen.test';
export const START_MS = 1_750_000_000_000;

/** An outer request as it left the client. */
export interface Sent {
  readonly url: string;
  readonly path: string;
  readonly init: TransportInit;
}

/** A call as the handler was given it. */
export interface Ran {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What is between the two: answers itself, or lets `forward` answer. */
export type Way = (
  sent: Sent,
  forward: (init?: Partial<TransportInit>) => Promise<Response>,
) => Promise<Response>;

export interface ChannelOptions {
  readonly handler?: (req: Request) => Response | Promise<Response>;
  readonly endpoint?: string;
  readonly nen?: NenOptions;
  readonly client?: NenClientOptions;
}

/** The device's and the server's clocks, set by hand. */
export class Clocks implements DeviceClock {
  server = START_MS;
  wallMs = START_MS;
  monotonicMs = 1_000;
  wall(): number {
    return this.wallMs;
  }
  monotonic(): number {
    return this.monotonicMs;
  }
  /** Time passes for everybody. */
  pass(ms: number): void {
    this.server += ms;
    this.wallMs += ms;
    this.monotonicMs += ms;
  }
}

export interface Channel {
  readonly client: NenClient;
  readonly nen: Nen;
  readonly clocks: Clocks;
  readonly sent: Sent[];
  readonly ran: Ran[];
  readonly events: NenEvent[];
  way: Way;
  /** How often the path was asked for. */
  count(path: string): number;
  readonly transport: Transport;
}

export function openChannel(options: ChannelOptions = {}): Channel {
  const clocks = new Clocks();
  const now = (): number => clocks.server;
  const events: NenEvent[] = [];
  const ran: Ran[] = [];
  const sent: Sent[] = [];
  const nen = createNen({
    store: new InMemorySessionStore({ now }),
    clock: now,
    rateLimit: () => 0,
    onEvent: (event) => events.push(event),
    ...options.nen,
  });
  const answer = options.handler ?? (() => Response.json({ ok: true }));
  const wrapped = nen.wrap(
    async (req) => {
      const body = new Uint8Array(await req.clone().arrayBuffer());
      ran.push({ method: req.method, url: req.url, headers: new Headers(req.headers), body });
      return answer(req);
    },
    options.endpoint === undefined ? {} : { endpoint: options.endpoint },
  );
  const channel: Channel = {
    nen,
    clocks,
    events,
    ran,
    sent,
    way: (_sent, forward) => forward(),
    count: (path) => sent.filter((one) => one.path === path).length,
    transport: (url, init) => {
      const one = { url, path: new URL(url).pathname, init };
      sent.push(one);
      const forward = (changed: Partial<TransportInit> = {}): Promise<Response> => {
        const { cache: _, redirect: __, ...rest } = { ...init, ...changed };
        const req = new Request(url, rest);
        return one.path.startsWith('/api/nen/') ? nen.routes.POST(req) : wrapped(req);
      };
      return underSignal(() => channel.way(one, forward), init.signal);
    },
    get client() {
      return client;
    },
  };
  const client = new NenClient(ORIGIN, { fetch: channel.transport, clock: clocks, ...options.client });
  return channel;
}

/** As fetch does: an abort rejects the promise and errors the body. */
async function underSignal(run: () => Promise<Response>, signal: AbortSignal | null): Promise<Response> {
  if (signal === null) return run();
  signal.throwIfAborted();
  const response = await new Promise<Response>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    run().then(resolve, reject);
  });
  if (response.body === null) return response;
  const body = response.body.pipeThrough(new TransformStream(), { signal });
  return new Response(body, { status: response.status, headers: response.headers });
}

export const HANDSHAKE = '/api/nen/handshake';

/** A plain refusal, as anybody on the way can say it. */
export function refusal(code: string, status = 401): Response {
  return Response.json({ error: { code, message: 'forged' } }, { status });
}
