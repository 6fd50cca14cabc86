/**
 * WHATWG fetch over the sealed channel. Directly, method, path and query are those of the call;
 * through the tunnel, every call is a POST to one constant path.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { CONTENT_TYPE_JSON, TUNNEL_SEGMENT } from '../../protocol/constants.ts';
import type { Encoding, RequestKind } from '../../protocol/envelope.ts';
import { isNullBodyStatus, mayHaveBody } from '../../protocol/fetch-rules.ts';
import type { Field } from '../../protocol/headers.ts';
import { encodeRequest } from '../../protocol/http.ts';
import { type Padding, padMessage } from '../../protocol/padding.ts';
import type { Call, Caller } from './call.ts';
import { type Message, readMessage } from './message.ts';
import { type Answer, letGo } from './open-answer.ts';
import { responseOf } from './response-body.ts';

/** Takes what fetch takes, gives what fetch gives. */
export type Fetch = typeof globalThis.fetch;

export interface FetchOptions {
  readonly caller: Caller;
  /** The server's origin. @throws {TypeError} where it is the page's own and there is no page. */
  readonly origin: () => string;
  readonly encoding: Encoding;
  /** Lower-case. */
  readonly publicHeaders: readonly string[];
  readonly credentials: RequestCredentials | undefined;
  readonly padding: Padding;
  /** The path under which calls are tunnelled; undefined: not tunnelled. */
  readonly endpoint: string | undefined;
  /** What the caller gets of an answer. */
  readonly respond: Respond;
}

export type Respond = (answer: Answer, message: Message) => Response;

export function createFetch(options: FetchOptions): Fetch {
  return async (input, init) => {
    if (isForeignScheme(input)) return globalThis.fetch(input, init);
    const origin = options.origin();
    const message = await readMessage(input, init ?? {}, origin);
    if (message.url.origin !== origin) {
      throw new TypeError(`this client seals calls to ${origin}, not to ${message.url.origin}`);
    }
    const answer = await options.caller.call(toCall(message, options, origin));
    return options.respond(answer, message);
  };
}

/** data:, blob: and the like never leave the runtime. */
function isForeignScheme(input: RequestInfo | URL): boolean {
  const url = typeof input === 'string' ? input : 'url' in input ? input.url : input.href;
  return /^(?!https?:)[a-z][a-z0-9+.-]*:/i.test(url);
}

function toCall(message: Message, options: FetchOptions, origin: string): Call {
  const { url, method, fields, signal, keepalive } = message;
  const target = url.pathname + url.search;
  const kind = options.endpoint === undefined ? directKind(message, options) : 'http';
  return {
    line:
      options.endpoint === undefined
        ? { method, path: url.pathname, query: url.search }
        : { method: 'POST', path: `${options.endpoint}/${TUNNEL_SEGMENT}`, query: '' },
    origin,
    kind,
    encoding: options.encoding,
    payload: payloadOf(kind, message, target, options.padding),
    publicHeaders: Object.fromEntries(fields.filter(([name]) => options.publicHeaders.includes(name))),
    safe: method === 'GET' || method === 'HEAD',
    retry: 'once',
    signal,
    credentials: message.credentials ?? options.credentials,
    keepalive,
  };
}

function payloadOf(
  kind: RequestKind,
  { method, fields, body }: Message,
  path: string,
  padding: Padding,
): readonly Bytes[] {
  if (kind === 'none') return [];
  return kind === 'json' ? [body] : padMessage(encodeRequest({ method, path, fields, body }), padding);
}

/**
 * Without the tunnel a call is no more than it needs to be: no body, a JSON body, or a whole message, which
 * alone has room for padding.
 */
function directKind(
  { method, fields, body }: Message,
  { encoding, publicHeaders, padding }: FetchOptions,
): RequestKind {
  const own = fields.filter(([name]) => name !== 'accept' && !publicHeaders.includes(name));
  if (!mayHaveBody(method)) {
    const [first] = own;
    if (first === undefined) return 'none';
    throw new TypeError(
      `a ${method} has no body that could carry the header '${first[0]}' sealed: use tunnel(), another method, or publicHeaders`,
    );
  }
  if (padding !== 'none') return 'http';
  if (body.length === 0) return own.length === 0 ? 'none' : 'http';
  return encoding === 'json' && own.length === 1 && isJson(own[0]) ? 'json' : 'http';
}

function isJson(field: Field | undefined): boolean {
  return field?.[0] === 'content-type' && field[1] === CONTENT_TYPE_JSON;
}

/** Whether there can be no body, whatever was sent. */
export function hasNullBody({ status }: Answer, { method }: Message): boolean {
  return isNullBodyStatus(status) || method === 'HEAD';
}

export function toHeaders(fields: readonly Field[]): Headers {
  return new Headers(fields as [string, string][]);
}

/** A real Response. */
export const toResponse: Respond = (answer, message) => {
  const { status, fields, body } = answer;
  const isNull = hasNullBody(answer, message);
  if (isNull) letGo(body);
  const response = responseOf(isNull ? null : body, { status, headers: toHeaders(fields) });
  Object.defineProperty(response, 'url', { value: message.url.href.replace(/#.*$/, '') });
  return response;
};
