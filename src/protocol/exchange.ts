/**
 * One sealed exchange, both sides in the order in which the bytes travel (PROTOCOL.md):
 *
 *   client  sealRequest    ->  openRequest    server (which verified the signed headers before)
 *   client  openResponse   <-  sealResponse   server
 *
 *   request   = AEAD(request key, nonce, input("nen/2 request", sid, METHOD, target, timestamp, kind, retry))
 *   response  = AEAD(answer key, fresh nonce, input("nen/2 response", sid, nonce, status, kind))
 *
 * Everything that tells two exchanges apart is authenticated, and a response opens only as the
 * answer to its own request.
 */
import { NONCE_BYTES, TAG_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, base64Decode, base64Encode, concatBytes } from '../crypto/bytes.ts';
import type { RandomBytes } from '../crypto/primitives.ts';
import { randomBytes } from '../crypto/random.ts';
import {
  CONTENT_TYPE_JSON,
  CONTENT_TYPE_OCTETS,
  HEADER_NONCE,
  HEADER_TAG,
  LABEL_ANSWER_KEY,
  LABEL_REQUEST,
  LABEL_RESPONSE,
} from './constants.ts';
import {
  type Encoding,
  type RequestKind,
  type ResponseKind,
  readRequestEnvelope,
  readResponseEnvelope,
  writeRequestEnvelope,
  writeResponseEnvelope,
} from './envelope.ts';
import { NenError } from './errors.ts';
import { decodeNonce } from './formats.ts';
import { input } from './input.ts';
import { deriveResponseKey, type SessionContext } from './keys.ts';
import {
  canonicalRequest,
  type HeaderReader,
  type RequestLine,
  type SealedHeaders,
  writeSealedHeaders,
} from './signed-headers.ts';

/** What binds an answer to its request. */
export interface Exchange {
  readonly session: SessionContext;
  readonly nonce: Bytes;
  readonly kind: RequestKind;
  /** Of the answer: the request's, where it has a body. */
  readonly encoding: Encoding;
}

/** A message as fetch takes it: header fields and a body. */
export interface SealedMessage {
  readonly headers: Record<string, string>;
  readonly body: Bytes | undefined;
}

export interface SealRequestOptions {
  readonly kind: RequestKind;
  readonly encoding: Encoding;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** X-Nen-Retry's value, or '' for a first attempt. */
  readonly retry: string;
  readonly random?: RandomBytes;
}

export interface SealedRequest extends SealedMessage {
  readonly exchange: Exchange;
  /** X-Nen-Nonce's value. */
  readonly nonce: string;
}

/** Client: seals `payload` and signs the headers. */
export async function sealRequest(
  session: SessionContext,
  line: RequestLine,
  payload: readonly Bytes[],
  { kind, encoding, timestamp, retry, random = randomBytes }: SealRequestOptions,
): Promise<SealedRequest> {
  const nonce = random(NONCE_BYTES);
  const nonceText = base64Encode(nonce);
  const timestampText = String(timestamp);
  const aad = requestAad(session.sid, line, timestampText, kind, retry);
  const box = await session.keys.requestKey.seal(nonce, aad, payload);
  const signed = session.keys.hmacKey.mac(canonicalRequest(line, timestampText, nonceText));
  // Not asked of Promise: zone.js has another one in its place. And what is there is not waited for.
  const signature = ArrayBuffer.isView(signed) ? signed : await signed;
  const headers = writeSealedHeaders(session.sid, timestampText, nonceText, signature, retry);
  const exchange: Exchange = { session, nonce, kind, encoding: answerEncoding(kind, encoding) };
  if (kind === 'none') {
    headers[HEADER_TAG] = base64Encode(concatBytes(box));
    return { headers, body: undefined, exchange, nonce: nonceText };
  }
  headers['Content-Type'] = encoding === 'octets' ? CONTENT_TYPE_OCTETS : CONTENT_TYPE_JSON;
  return { headers, body: writeRequestEnvelope(encoding, kind, box), exchange, nonce: nonceText };
}

export interface OpenedRequest {
  readonly payload: Bytes;
  readonly exchange: Exchange;
}

/**
 * Server: opens the body, or the tag of a request that has none.
 * @throws {NenError} ISO-4002 for a malformed envelope, ISO-4001 for one that does not open.
 */
export async function openRequest(
  session: SessionContext,
  line: RequestLine,
  headers: SealedHeaders,
  encoding: Encoding,
  body: Bytes,
): Promise<OpenedRequest> {
  const { kind, box } = readBox(headers, encoding, body);
  const aad = requestAad(session.sid, line, headers.timestamp, kind, headers.retry);
  try {
    const payload = await session.keys.requestKey.open(headers.nonceBytes, aad, box);
    const exchange = {
      session,
      nonce: headers.nonceBytes,
      kind,
      encoding: answerEncoding(kind, encoding),
    };
    return { payload, exchange };
  } catch (cause) {
    throw new NenError('ISO-4001', { hint: 'body, query or retry header altered on the way', cause });
  }
}

/** A request without a body has no encoding of its own that the answer could follow: it is answered in JSON. */
function answerEncoding(kind: RequestKind, encoding: Encoding): Encoding {
  return kind === 'none' ? 'json' : encoding;
}

function readBox(headers: SealedHeaders, encoding: Encoding, body: Bytes): { kind: RequestKind; box: Bytes } {
  if (headers.tag === null) {
    const envelope = readRequestEnvelope(encoding, body, headers.nonce);
    if (envelope === undefined) throw new NenError('ISO-4002', { hint: 'the body is not an envelope' });
    return envelope;
  }
  const box = decodeTag(headers.tag);
  if (box === undefined || body.length > 0)
    throw new NenError('ISO-4002', { hint: 'a tag beside a body, or malformed' });
  return { kind: 'none', box };
}

/**
 * Server: seals an answer under a key of its own.
 * @param status the outer status, which is authenticated.
 */
export async function sealResponse(
  { session, nonce: requestNonce, encoding }: Exchange,
  status: number,
  kind: ResponseKind,
  payload: readonly Bytes[],
  random: RandomBytes = randomBytes,
): Promise<SealedMessage> {
  const nonce = random(NONCE_BYTES);
  const key = deriveResponseKey(session.keys, LABEL_ANSWER_KEY, requestNonce);
  try {
    const box = await key.seal(nonce, responseAad(session.sid, requestNonce, status, kind), payload);
    if (kind === 'none') {
      return {
        headers: { [HEADER_NONCE]: base64Encode(nonce), [HEADER_TAG]: base64Encode(concatBytes(box)) },
        body: undefined,
      };
    }
    return {
      headers: { 'Content-Type': encoding === 'octets' ? CONTENT_TYPE_OCTETS : CONTENT_TYPE_JSON },
      body: writeResponseEnvelope(encoding, kind, nonce, box),
    };
  } finally {
    key.wipe();
  }
}

export interface OpenedResponse {
  readonly kind: ResponseKind;
  readonly payload: Bytes;
}

/**
 * Client: opens an answer that came in one envelope, or the tag of one without a body.
 * @throws {NenError} ISO-4004.
 */
export async function openResponse(
  { session, nonce: requestNonce, encoding }: Exchange,
  status: number,
  headers: HeaderReader,
  body: Bytes,
): Promise<OpenedResponse> {
  const envelope = readResponse(headers, encoding, body);
  if (envelope === undefined) throw new NenError('ISO-4004', { status, hint: 'the envelope is malformed' });
  const { kind, nonce, box } = envelope;
  const key = deriveResponseKey(session.keys, LABEL_ANSWER_KEY, requestNonce);
  try {
    return {
      kind,
      payload: await key.open(nonce, responseAad(session.sid, requestNonce, status, kind), box),
    };
  } catch (cause) {
    throw new NenError('ISO-4004', { status, cause });
  } finally {
    key.wipe();
  }
}

function readResponse(
  headers: HeaderReader,
  encoding: Encoding,
  body: Bytes,
): { kind: ResponseKind; nonce: Bytes; box: Bytes } | undefined {
  const tag = headers.get(HEADER_TAG);
  if (tag === null) return readResponseEnvelope(encoding, body);
  const nonce = decodeNonce(headers.get(HEADER_NONCE) ?? '');
  const box = decodeTag(tag);
  return nonce === undefined || box === undefined || body.length > 0
    ? undefined
    : { kind: 'none', nonce, box };
}

function requestAad(
  sid: string,
  line: RequestLine,
  timestamp: string,
  kind: RequestKind,
  retry: string,
): Bytes {
  return input(LABEL_REQUEST, sid, line.method, line.path + line.query, timestamp, kind, retry);
}

function responseAad(sid: string, requestNonce: Bytes, status: number, kind: ResponseKind): Bytes {
  return input(LABEL_RESPONSE, sid, requestNonce, String(status), kind);
}

function decodeTag(text: string): Bytes | undefined {
  const tag = base64Decode(text);
  return tag?.length === TAG_BYTES ? tag : undefined;
}
