/**
 * Both directions of the interoperability tests: a server of ours and one of the peer's, over real HTTP, with the
 * same handler behind them, which says what it got and keeps count of its runs.
 */
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createNen, type NenOptions } from '../../src/adapter/server.ts';
import { bytes } from '../peer/bytes.ts';
import { type PeerResponse, PeerServer, type PeerServerOptions } from '../peer/server.ts';
import { serve } from '../support/serve.ts';

/** A listening server, and what ran in it. */
export interface Stage {
  readonly origin: string;
  readonly ran: string[];
  close(): Promise<void>;
}

export const ENDPOINT = '/api/trpc';

interface Told {
  readonly method: string;
  readonly target: string;
  readonly authorization: string | null;
  readonly content: string;
}

/** What the handler does is named by the last segment of the path. */
function act({ method, target, authorization, content }: Told): PeerResponse {
  const text = `${method} ${target} ${authorization} ${content}`;
  const json = [['content-type', 'application/json']] as const;
  switch (target.split('?', 1)[0]?.split('/').pop()) {
    case 'json':
      return { status: 202, headers: json, body: bytes(JSON.stringify({ text })) };
    case 'gone':
      return { status: 204, headers: [], body: new Uint8Array(0) };
    case 'stream':
      return { status: 201, headers: [['x-own', 'sealed']], body: slowly(['one ', 'two ', 'three']) };
    case 'broken':
      return { status: 200, headers: [], body: slowly(['one ', new Error('the handler broke off')]) };
    case 'throws':
      throw new Error('the handler failed');
    default:
      return { status: 203, headers: [['x-own', 'sealed']], body: bytes(text) };
  }
}

async function* slowly(parts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    // A body that is ready at once would be answered in one envelope.
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    if (part instanceof Error) throw part;
    yield bytes(part);
  }
}

export async function ourServer(options: NenOptions = {}): Promise<Stage> {
  const ran: string[] = [];
  const nen = createNen({ onEvent: () => undefined, rateLimit: () => 0, ...options });
  const wrapped = nen.wrap(
    async (req) => {
      const { pathname, search } = new URL(req.url);
      ran.push(`${req.method} ${pathname}`);
      const authorization = req.headers.get('authorization');
      const content = await req.text();
      const { status, headers, body } = act({
        ...{ method: req.method, target: pathname + search, authorization, content },
      });
      return new Response(bodyOf(status, body), { status, headers: headers.map(([...line]) => line) });
    },
    { endpoint: ENDPOINT },
  );
  const server = await serve((req) =>
    new URL(req.url).pathname.startsWith('/api/nen/') ? nen.routes.POST(req) : wrapped(req),
  );
  return { origin: server.url, ran, close: () => server.close() };
}

function bodyOf(status: number, body: PeerResponse['body']): BodyInit | null {
  if (status === 204) return null;
  if (body instanceof Uint8Array) return Uint8Array.from(body);
  return Readable.toWeb(Readable.from(body)) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

export async function peerServer(
  options: Omit<PeerServerOptions, 'handler'> = {},
): Promise<Stage & { readonly peer: PeerServer }> {
  const ran: string[] = [];
  const peer = new PeerServer({
    ...options,
    handler: ({ method, target, headers, content }) => {
      ran.push(`${method} ${target.split('?', 1)[0]}`);
      const authorization = headers.find(([name]) => name === 'authorization')?.[1] ?? null;
      return act({ method, target, authorization, content: Buffer.from(content).toString() });
    },
  });
  const { origin, close } = await peer.listen();
  return { origin, ran, close, peer };
}
