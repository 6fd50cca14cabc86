/**
 * From a request of node:http to one of fetch. The body is read as it is asked for and no faster, so that
 * nobody fills the memory of a server that refuses the request by its headers; the signal follows the socket.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { BodyChunks } from '../../protocol/body.ts';
import { NenError } from '../../protocol/errors.ts';
import { mayHaveBody } from '../../protocol/fetch-rules.ts';
import { createIncomingRequest, type IncomingBody } from '../incoming-request.ts';
import { NodeHeaders } from './headers.ts';
import { requestUrl } from './request-url.ts';
import type { NodeRequest, NodeResponse } from './types.ts';

/** The largest body, and what reading a larger one fails with. */
export interface BodyLimit {
  readonly bytes: number;
  readonly exceeded: () => Error;
}

/** @throws {TypeError} for a target or a host that make no URL, or not the one that was routed by. */
export function toRequest(req: NodeRequest, res: NodeResponse, limit?: BodyLimit): Request {
  const method = req.method ?? 'GET';
  const headers = new Headers([...new NodeHeaders(req.headers)]);
  const init: RequestInit & { duplex: 'half' } = {
    method,
    headers,
    signal: goneSignal(res)(),
    duplex: 'half',
  };
  if (mayHaveBody(method)) init.body = bodyOf(req, headers, limit);
  return new Request(requestUrl(originOf(req), targetOf(req)), init);
}

/** Those that a Request keeps as they are: others it refuses, or writes in capitals. */
const ORDINARY_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * The same for a handler of ours: a stand-in, for an ordinary request whose body nobody has begun to read.
 * @throws {TypeError} as above.
 */
export function toIncomingRequest(req: NodeRequest, res: NodeResponse): Request {
  const method = req.method ?? 'GET';
  if (req.readableDidRead || !ORDINARY_METHODS.has(method)) return toRequest(req, res);
  return createIncomingRequest({
    method,
    url: requestUrl(originOf(req), targetOf(req)),
    headers: new NodeHeaders(req.headers),
    body: mayHaveBody(method) || bringsBody(req) ? incomingBody(req) : null,
    signal: goneSignal(res),
  });
}

/** A GET or HEAD that brings one all the same: no handler gets it, and a sealed call that had none is refused. */
function bringsBody({ headers }: NodeRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Path and query as the client sent them: Express and Connect cut off of `url` where they are mounted. */
export function targetOf(req: NodeRequest): string {
  const { originalUrl } = req as { readonly originalUrl?: unknown };
  return typeof originalUrl === 'string' ? originalUrl : (req.url ?? '/');
}

function originOf({ headers, socket }: NodeRequest): string {
  const isTls = socket !== undefined && socket !== null && 'encrypted' in socket && socket.encrypted === true;
  const host = headers.host ?? headers[':authority'] ?? 'localhost';
  return `${isTls ? 'https' : 'http'}://${String(host)}`;
}

/** Aborts when the connection closes before the response has ended. Made when it is first asked for. */
function goneSignal(res: NodeResponse): () => AbortSignal {
  let isGone = false;
  let gone: AbortController | undefined;
  res.once('close', () => {
    isGone = !res.writableEnded;
    if (isGone) gone?.abort();
  });
  return () => {
    if (gone === undefined) {
      gone = new AbortController();
      if (isGone) gone.abort();
    }
    return gone.signal;
  };
}

/**
 * The body, unread where nobody has begun to read it: a body parser that takes another content type may
 * have left an empty `req.body` and the bytes where they were.
 */
function bodyOf(req: NodeRequest, headers: Headers, limit: BodyLimit | undefined): BodyInit | null {
  if (!req.readableDidRead) return unreadBody(req, headers, limit);
  const { body } = req;
  if (body === undefined || body === null) return failedBody(consumed());
  const parsed = typeof body === 'string' || ArrayBuffer.isView(body) ? body : JSON.stringify(body);
  // Spaces between its tokens are gone, and nobody could have cut JSON short unnoticed.
  headers.delete('content-length');
  const length = typeof parsed === 'string' ? new TextEncoder().encode(parsed).length : parsed.byteLength;
  return limit !== undefined && length > limit.bytes ? failedBody(limit.exceeded()) : (parsed as BodyInit);
}

function consumed(): NenError {
  return new NenError('ISO-4007', {
    hint: 'a middleware in front has read the body and left nothing in req.body: mount the sealed handler before it',
  });
}

function failedBody(error: Error): ReadableStream<Bytes> {
  return new ReadableStream({ start: (controller) => controller.error(error) });
}

function unreadBody(req: NodeRequest, headers: Headers, limit: BodyLimit | undefined): ReadableStream<Bytes> {
  if (limit !== undefined && Number(headers.get('content-length')) > limit.bytes) {
    return failedBody(limit.exceeded());
  }
  return streamOf(req, limit);
}

function streamOf(req: NodeRequest, limit?: BodyLimit): ReadableStream<Bytes> {
  let chunks: AsyncIterator<unknown> | undefined;
  let left = limit?.bytes ?? Number.POSITIVE_INFINITY;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        // The connection outlives a body that is given up: its answer is still to be sent on it.
        chunks ??= req.iterator({ destroyOnReturn: false });
        const { done, value } = await chunks.next();
        if (done === true) return controller.close();
        const chunk = value as Bytes;
        left -= chunk.length;
        if (left >= 0) return controller.enqueue(chunk);
        await drop(req, chunks);
        throw limit?.exceeded();
      },
      cancel: () => drop(req, chunks),
    },
    { highWaterMark: 0 },
  );
}

function incomingBody(req: NodeRequest): IncomingBody {
  return { stream: () => streamOf(req), whole: (limit) => readWhole(req, limit) };
}

/** Without a stream and an iterator, which cost 10 us more. */
function readWhole(req: NodeRequest, limit: number): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const chunks = new BodyChunks(limit);
    const brokenOff = (): void => reject(new Error('the client has left'));
    // An empty body that somebody in front has waited for, as Next's pages router does: nothing was read.
    if (req.readableEnded && !req.readableDidRead) return resolve(chunks.whole());
    if (req.destroyed || req.readableEnded) return brokenOff();
    const take = (chunk: Bytes): void => {
      try {
        chunks.add(chunk);
      } catch (error) {
        req.off('data', take);
        // The rest is thrown away, as in `drop`.
        req.resume();
        reject(error);
      }
    };
    req.on('data', take);
    req.on('end', () => {
      req.off('close', brokenOff);
      resolve(chunks.whole());
    });
    req.on('error', reject);
    req.on('close', brokenOff);
    // Somebody in front may have paused it.
    req.resume();
  });
}

/** The rest is read and thrown away, or the next request on this connection would never be seen. */
async function drop(req: NodeRequest, chunks: AsyncIterator<unknown> | undefined): Promise<void> {
  await chunks?.return?.();
  req.resume();
}
