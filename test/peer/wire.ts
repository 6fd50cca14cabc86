/** HTTP as it is: header lines in their order, targets as they were written, bodies as bytes. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HeaderLine } from './binary-http.ts';
import type { Bytes } from './bytes.ts';

export interface WireRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly HeaderLine[];
  readonly body?: Bytes | undefined;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Bytes | AsyncIterable<Bytes>;
}

/** An answer whose body has yet to arrive. */
export interface Arriving {
  readonly status: number;
  /** Names in lower case; a header that came twice is joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Bytes>;
}

export function send(origin: string, { method, target, headers, body }: WireRequest): Promise<Arriving> {
  const lines = [['Host', new URL(origin).host], ...headers];
  if (body !== undefined && !lines.some(([name]) => name?.toLowerCase() === 'content-length')) {
    lines.push(['Content-Length', String(body.length)]);
  }
  return new Promise((resolve, reject) => {
    // One connection for one request: a misbehaving one leaves nothing behind for the next.
    const options = { method, path: target, headers: lines.flat(), agent: false };
    const sent = request(origin, options as object, (answer) =>
      resolve({ status: answer.statusCode ?? 0, headers: joined(answer.headers), body: answer }),
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const joined = (headers: NodeJS.Dict<string | string[]>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** All of it, or undefined once it is over `maxBytes`. */
export async function readAll(body: AsyncIterable<Bytes>, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Bytes[] = [];
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    if (total > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export interface Listening {
  readonly origin: string;
  close(): Promise<void>;
}

/** Serves on a free loopback port. The body arrives with the request. */
export async function listen(handler: (request: Received) => Promise<WireAnswer>): Promise<Listening> {
  const server = createServer((req, res) => {
    respond(handler, req, res).catch((error: unknown) =>
      res.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  handler: (request: Received) => Promise<WireAnswer>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const body = (await readAll(req, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
  const { method = '', url = '' } = req;
  const answer = await handler({ method, target: url, headers: joined(req.headers), body });
  res.writeHead(answer.status, answer.headers.flat());
  if (answer.body instanceof Uint8Array) return void res.end(answer.body);
  for await (const chunk of answer.body) {
    if (res.destroyed) return;
    res.write(chunk);
  }
  res.end();
}

export interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}
