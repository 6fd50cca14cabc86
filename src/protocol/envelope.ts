/**
 * The envelope, in its two encodings (PROTOCOL.md, "A sealed request", "A sealed response").
 *
 *   JSON    request {"ct"}, answer {"n","ct"}, with "t" where the payload is `http` or `error`
 *   octets  request ct, answer type || n || ct
 *
 * Writers emit one fixed form; readers take that form in a single pass over the bytes, without
 * a JSON.parse of the long string, and anything else by way of it.
 */
import { NONCE_BYTES, TAG_BYTES } from '../crypto/aead-sizes.ts';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64Length,
  byteLength,
  concatBytes,
  latin1ToBytes,
  readBase64,
  writeBase64,
} from '../crypto/bytes.ts';
import { hasFields, parseMessage } from './json.ts';

/** How an envelope is written (PROTOCOL.md, "Envelope"). */
export type Encoding = 'json' | 'octets';

/** What the payload of a request is: a JSON body, a whole HTTP message, or no body at all. */
export type RequestKind = 'json' | 'http' | 'none';

/** What the payload of an answer is; `error` is a refusal of the protocol itself. */
export type ResponseKind = RequestKind | 'error';

type BodyKind = Exclude<ResponseKind, 'none'>;

export interface RequestEnvelope {
  readonly kind: 'json' | 'http';
  /** ciphertext || tag */
  readonly box: Bytes;
}

export interface ResponseEnvelope {
  readonly kind: BodyKind;
  readonly nonce: Bytes;
  /** ciphertext || tag */
  readonly box: Bytes;
}

/** First byte of an answer in octets. */
const OCTETS_RESPONSE = 0;
export const OCTETS_STREAM = 1;
const OCTETS_ERROR = 2;

const NONCE_CHARACTERS = base64Length(NONCE_BYTES);

export function writeRequestEnvelope(
  encoding: Encoding,
  kind: 'json' | 'http',
  box: readonly Bytes[],
): Bytes {
  if (encoding === 'octets') return concatBytes(box);
  return writeJson(kind === 'http' ? REQUEST_HTTP : REQUEST_JSON, '', box);
}

/** @returns undefined for a malformed envelope, or one whose `n` is not the header's nonce. */
export function readRequestEnvelope(
  encoding: Encoding,
  body: Bytes,
  nonce: string,
): RequestEnvelope | undefined {
  if (encoding === 'octets') return body.length < TAG_BYTES ? undefined : { kind: 'http', box: body };
  for (const [kind, prefix] of REQUEST_FORMS) {
    const box = startsWith(body, prefix) ? readTail(body, prefix.length) : undefined;
    if (box !== undefined) return { kind, box };
  }
  const loose = parseEnvelope(body, ['ct'], ['t', 'n']);
  if (loose === undefined || loose.kind === 'error') return undefined;
  if (loose.nonce !== undefined && loose.nonce !== nonce) return undefined;
  return { kind: loose.kind, box: loose.box };
}

export function writeResponseEnvelope(
  encoding: Encoding,
  kind: BodyKind,
  nonce: Bytes,
  box: readonly Bytes[],
): Bytes {
  if (encoding === 'octets') {
    const type = Uint8Array.of(kind === 'error' ? OCTETS_ERROR : OCTETS_RESPONSE);
    return concatBytes([type, nonce, ...box]);
  }
  return writeJson(RESPONSE_PREFIX[kind], `${base64Encode(nonce)}","ct":"`, box);
}

/** @returns undefined for a malformed envelope. */
export function readResponseEnvelope(encoding: Encoding, body: Bytes): ResponseEnvelope | undefined {
  return encoding === 'octets' ? readOctetsResponse(body) : readJsonResponse(body);
}

function readOctetsResponse(body: Bytes): ResponseEnvelope | undefined {
  const start = 1 + NONCE_BYTES;
  const kind = body[0] === OCTETS_RESPONSE ? 'http' : body[0] === OCTETS_ERROR ? 'error' : undefined;
  if (kind === undefined || body.length < start + TAG_BYTES) return undefined;
  return { kind, nonce: body.subarray(1, start), box: body.subarray(start) };
}

function readJsonResponse(body: Bytes): ResponseEnvelope | undefined {
  for (const [kind, prefix] of RESPONSE_FORMS) {
    if (!startsWith(body, prefix)) continue;
    const nonceEnd = prefix.length + NONCE_CHARACTERS;
    const boxStart = nonceEnd + RESPONSE_MIDDLE.length;
    if (!startsWith(body, RESPONSE_MIDDLE, nonceEnd)) continue;
    const nonce = readBase64(body, prefix.length, nonceEnd);
    const box = readTail(body, boxStart);
    if (nonce !== undefined && nonce.length === NONCE_BYTES && box !== undefined) return { kind, nonce, box };
  }
  const loose = parseEnvelope(body, ['n', 'ct'], ['t']);
  const nonce = loose?.nonce === undefined ? undefined : base64Decode(loose.nonce);
  if (loose === undefined || nonce === undefined || nonce.length !== NONCE_BYTES) return undefined;
  return { kind: loose.kind, nonce, box: loose.box };
}

const REQUEST_JSON = latin1ToBytes('{"ct":"');
const REQUEST_HTTP = latin1ToBytes('{"t":"http","ct":"');
const REQUEST_FORMS = [
  ['http', REQUEST_HTTP],
  ['json', REQUEST_JSON],
] as const;
const RESPONSE_PREFIX = {
  json: latin1ToBytes('{"n":"'),
  http: latin1ToBytes('{"t":"http","n":"'),
  error: latin1ToBytes('{"t":"error","n":"'),
} as const;
const RESPONSE_FORMS = [
  ['http', RESPONSE_PREFIX.http],
  ['json', RESPONSE_PREFIX.json],
  ['error', RESPONSE_PREFIX.error],
] as const;
const RESPONSE_MIDDLE = latin1ToBytes('","ct":"');
const TAIL = latin1ToBytes('"}');

function writeJson(prefix: Bytes, middle: string, box: readonly Bytes[]): Bytes {
  const body = new Uint8Array(prefix.length + middle.length + base64Length(byteLength(box)) + TAIL.length);
  body.set(prefix);
  let at = prefix.length;
  if (middle !== '') {
    body.set(latin1ToBytes(middle), at);
    at += middle.length;
  }
  at = writeBase64(body, at, box);
  body.set(TAIL, at);
  return body;
}

/** The base64 from `start` up to the closing `"}`. */
function readTail(body: Bytes, start: number): Bytes | undefined {
  const end = body.length - TAIL.length;
  if (end < start || !startsWith(body, TAIL, end)) return undefined;
  const box = readBase64(body, start, end);
  return box !== undefined && box.length >= TAG_BYTES ? box : undefined;
}

function startsWith(body: Bytes, prefix: Bytes, at = 0): boolean {
  if (at + prefix.length > body.length) return false;
  for (let i = 0; i < prefix.length; i++) if (body[at + i] !== prefix[i]) return false;
  return true;
}

interface LooseEnvelope {
  readonly kind: BodyKind;
  readonly nonce: string | undefined;
  readonly box: Bytes;
}

function parseEnvelope(
  body: Bytes,
  required: readonly string[],
  optional: readonly string[],
): LooseEnvelope | undefined {
  const object = parseMessage(body);
  if (object === undefined || !hasFields(object, required, optional)) return undefined;
  const { t, n, ct } = object;
  if (t !== undefined && t !== 'http' && t !== 'error') return undefined;
  if (n !== undefined && typeof n !== 'string') return undefined;
  const box = typeof ct === 'string' ? base64Decode(ct) : undefined;
  if (box === undefined || box.length < TAG_BYTES) return undefined;
  return { kind: t ?? 'json', nonce: n, box };
}
