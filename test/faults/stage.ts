/**
 * The stage of the fault tests: instances of one application over a shared store, each with its own HTTP
 * server, its own clock and its own list of what ran there.
 */
import { createNen, type Nen, type NenEvent, type NenOptions } from '../../src/adapter/server.ts';
import { NenClient, type NenClientOptions } from '../../src/link/client/index.ts';
import { ECHO_PATH, openSession, send, type WireResponse } from '../attack/harness.ts';
import { serve } from '../support/serve.ts';

/** 32 bytes as base64. */
export const STORE_KEY: string = Buffer.alloc(32, 0x5a).toString('base64');

export interface Instance {
  readonly url: string;
  readonly port: number;
  readonly nen: Nen;
  readonly clock: { readonly now: () => number };
  /** The bodies that the handler was given, in order. */
  readonly ran: string[];
  readonly events: NenEvent[];
  /** Hints of refusals with this code, in order. */
  hints(code: string): string[];
  close(): Promise<void>;
}

export interface InstanceOptions extends NenOptions {
  /** Runs inside the handler. */
  readonly during?: (body: string) => Promise<void> | void;
  /** Answers in the place of the echo. */
  readonly answer?: (body: string, req: Request) => Response;
}

const echoed = (body: string): Response =>
  new Response(body, { headers: { 'Content-Type': 'application/json' } });

/** An instance that echoes what is sent to any path but those of the session. */
export async function startInstance({
  during,
  answer = echoed,
  ...options
}: InstanceOptions): Promise<Instance> {
  const events: NenEvent[] = [];
  const ran: string[] = [];
  const nen = createNen({
    storeKeys: [STORE_KEY],
    rateLimit: () => 0,
    ...options,
    onEvent: (event) => void events.push(event),
  });
  const echo = nen.wrap(async (req) => {
    const body = await req.text();
    ran.push(body);
    await during?.(body);
    return answer(body, req);
  });
  const server = await serve((req) => {
    const { pathname } = new URL(req.url);
    if (pathname.startsWith('/api/nen/')) return nen.routes[req.method === 'POST' ? 'POST' : 'GET'](req);
    return echo(req);
  });
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    nen,
    clock: { now: options.clock ?? Date.now },
    ran,
    events,
    hints: (code) =>
      events.flatMap((event) => (event.type === 'refused' && event.code === code ? [event.hint ?? ''] : [])),
    close: () => server.close(),
  };
}

/** A client of the first instance whose requests are spread over all of them, one after the other. */
export function clientOf(instances: readonly Instance[], options: NenClientOptions = {}): NenClient {
  const [first] = instances;
  if (first === undefined) throw new TypeError('no instance');
  const transport = options.fetch ?? fetch;
  let next = 0;
  return new NenClient(first.url, {
    ...options,
    fetch: (url, init) => {
      const instance = instances[next++ % instances.length] ?? first;
      return transport(url.replace(first.url, instance.url), init as RequestInit & typeof init);
    },
  });
}

/** POSTs through a client. @returns what the handler echoed. */
export async function call(client: NenClient, url: string, body: string): Promise<string> {
  const response = await client.fetch(`${url}${ECHO_PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as string;
}

export function allRan(instances: readonly Instance[]): string[] {
  return instances.flatMap(({ ran }) => ran);
}

/** The code of a refusal in clear; '' for a sealed answer. */
export function plainCode({ text }: WireResponse): string {
  return /^\{"error":\{"code":"(ISO-\d{4})"/.exec(text)?.[1] ?? '';
}

export { openSession, send };
