/**
 * A call as plain data: what any way of calling fetch comes down to before it is sealed.
 */
import { type Bytes, EMPTY, utf8ToBytes } from '../../crypto/bytes.ts';
import { isForbiddenMethod, isToken, mayHaveBody, normalizeMethod } from '../../protocol/fetch-rules.ts';
import { type Field, isFraming } from '../../protocol/headers.ts';
import { throwIfAborted } from './abort.ts';
import { type CallUrl, readCallUrl } from './call-url.ts';
import { unlessAborted } from './unless-aborted.ts';

export interface Message {
  readonly method: string;
  readonly url: CallUrl;
  readonly fields: readonly Field[];
  readonly body: Bytes;
  readonly signal: AbortSignal | null;
  readonly credentials: RequestCredentials | undefined;
  readonly keepalive: boolean | undefined;
}

/** What fetch and tRPC's links pass: tRPC's header values may be missing or lists. */
export interface MessageInit extends Omit<RequestInit, 'headers'> {
  headers?: HeadersInit | Record<string, string | readonly string[] | undefined>;
}

/**
 * Reads a call of fetch. Bodies are buffered: what is sealed in one piece must be there in one piece.
 * @throws {TypeError} for what fetch would refuse too; the signal's reason once it has aborted.
 */
export async function readMessage(
  input: string | URL | Request,
  init: MessageInit,
  base: string,
): Promise<Message> {
  if (typeof input === 'object' && 'headers' in input) {
    const request = new Request(input, init as RequestInit);
    FOLLOWING.set(request.signal, [input, request]);
    return readRequest(request);
  }
  const { signal = null, credentials, keepalive } = init;
  const method = readMethod(init.method ?? 'GET');
  const url = readCallUrl(input, base);
  const headers = readHeaders(init.headers);
  const given = init.body ?? null;
  if (given !== null && !mayHaveBody(method)) {
    throw new TypeError('Request with GET/HEAD method cannot have body.');
  }
  throwIfAborted(signal);
  const read = readInitBody(given, headers);
  const body = ArrayBuffer.isView(read) ? read : await unlessAborted(read, signal);
  return { method, url, fields: toFields(headers), body, signal, credentials, keepalive };
}

/**
 * A Request's signal follows the one that it was made with, but in Node only for as long as both Requests live.
 * So for as long as the signal is listened to, this keeps them.
 */
const FOLLOWING = new WeakMap<AbortSignal, readonly Request[]>();

async function readRequest(request: Request): Promise<Message> {
  const { method, signal, credentials, keepalive } = request;
  throwIfAborted(signal);
  const body: Bytes = new Uint8Array(await unlessAborted(request.arrayBuffer(), signal));
  return {
    method,
    url: new URL(request.url),
    fields: toFields(request.headers),
    body,
    signal,
    credentials,
    keepalive,
  };
}

/** Headers in any of the forms that fetch and tRPC's links take. */
export function readHeaders(init: MessageInit['headers']): Headers {
  if (init === undefined || init instanceof Headers || Symbol.iterator in init)
    return new Headers(init as HeadersInit);
  const headers = new Headers();
  for (const [name, value] of Object.entries(init)) {
    if (value === undefined) continue;
    if (typeof value === 'string') headers.set(name, value);
    else for (const one of value) headers.append(name, one);
  }
  return headers;
}

/** What is there is read at once: waiting costs more than a small body does. */
function readInitBody(body: BodyInit | null, headers: Headers): Bytes | Promise<Bytes> {
  if (body === null) return EMPTY;
  if (typeof body === 'string') {
    if (!headers.has('content-type')) headers.set('content-type', 'text/plain;charset=UTF-8');
    return utf8ToBytes(body);
  }
  // A copy: the caller may go on using the buffer while we wait for a session. (A Buffer's slice is a view.)
  if (body instanceof Uint8Array) return new Uint8Array(body);
  // The platform knows how to turn the rest into bytes, and which content type that is.
  const response = new Response(body);
  const type = response.headers.get('content-type');
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
  return response.arrayBuffer().then((bytes) => new Uint8Array(bytes));
}

function toFields(headers: Headers): readonly Field[] {
  const fields: Field[] = [];
  for (const [name, value] of headers) if (!isFraming(name)) fields.push([name, value]);
  return fields;
}

/** @throws {TypeError} as a Request does. */
function readMethod(method: string): string {
  if (isToken(method) && !isForbiddenMethod(method)) return normalizeMethod(method);
  throw new TypeError(`'${method}' is not a valid or supported HTTP method.`);
}
