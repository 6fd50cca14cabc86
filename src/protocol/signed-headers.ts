/**
 * The signed headers of a sealed request (PROTOCOL.md, "A sealed request"): what the client writes,
 * what the server reads and verifies before it looks at the body.
 *
 *   X-Nen-Signature = HMAC(hmacKey, METHOD \n path \n timestamp \n nonce)
 */
import { type Bytes, base64Decode, base64Encode, equalBytes, publicLatin1ToBytes } from '../crypto/bytes.ts';
import { isInWindow } from './claims.ts';
import {
  HEADER_NONCE,
  HEADER_RETRY,
  HEADER_SESSION,
  HEADER_SIGNATURE,
  HEADER_TAG,
  HEADER_TIMESTAMP,
  MAC_BYTES,
} from './constants.ts';
import { NenError } from './errors.ts';
import { decodeNonce, isSid, isTimestamp } from './formats.ts';
import type { SyncSessionKeys } from './keys.ts';

/** The outer request line, as the client sends it. */
export interface RequestLine {
  readonly method: string;
  /** The raw pathname: what the signature covers. */
  readonly path: string;
  /** `?` and what follows, or nothing: path || query is what the AAD covers. */
  readonly query: string;
}

/** What the HMAC key signs. */
export function canonicalRequest({ method, path }: RequestLine, timestamp: string, nonce: string): Bytes {
  return publicLatin1ToBytes(`${method}\n${path}\n${timestamp}\n${nonce}`);
}

/** Client: the headers that every sealed request carries. */
export function writeSealedHeaders(
  sid: string,
  timestamp: string,
  nonce: string,
  signature: Bytes,
  retry: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    [HEADER_SESSION]: sid,
    [HEADER_TIMESTAMP]: timestamp,
    [HEADER_NONCE]: nonce,
    [HEADER_SIGNATURE]: base64Encode(signature),
  };
  if (retry !== '') headers[HEADER_RETRY] = retry;
  return headers;
}

/** The X-Nen headers of a request, each of its one form but the signature, which `verifyRequest` judges. */
export interface SealedHeaders {
  readonly sid: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly nonceBytes: Bytes;
  readonly signature: string;
  /** '' if absent. */
  readonly retry: string;
  readonly tag: string | null;
}

export interface HeaderReader {
  get(name: string): string | null;
}

/** Whether a request has any of our headers: one that has none was never meant to be sealed. */
export function hasSealedHeaders(headers: HeaderReader): boolean {
  return SEALED_HEADERS.some((name) => headers.get(name) !== null);
}

const SEALED_HEADERS = [
  HEADER_SESSION,
  HEADER_SIGNATURE,
  HEADER_NONCE,
  HEADER_TIMESTAMP,
  HEADER_TAG,
  HEADER_RETRY,
];

/**
 * Server: reads the headers. One that arrives twice reads as a joined value and fails its form.
 * @throws {NenError} ISO-3001, ISO-3004, ISO-3005, ISO-3006, ISO-2001.
 */
export function readSealedHeaders(headers: HeaderReader): SealedHeaders {
  const signature = headers.get(HEADER_SIGNATURE);
  if (!signature)
    throw new NenError('ISO-3001', { hint: `no ${HEADER_SIGNATURE}: a proxy may strip X- headers` });
  const timestamp = headers.get(HEADER_TIMESTAMP);
  if (timestamp === null || !isTimestamp(timestamp))
    throw new NenError('ISO-3004', { hint: 'not 13 digits' });
  const nonce = headers.get(HEADER_NONCE);
  if (!nonce) throw new NenError('ISO-3005', { hint: `no ${HEADER_NONCE}` });
  const nonceBytes = decodeNonce(nonce);
  if (nonceBytes === undefined) throw new NenError('ISO-3006', { hint: 'not canonical base64 of 12 bytes' });
  const sid = headers.get(HEADER_SESSION);
  if (!isSid(sid)) throw new NenError('ISO-2001', { hint: 'session id missing or malformed' });
  return {
    sid,
    timestamp,
    nonce,
    nonceBytes,
    signature,
    retry: headers.get(HEADER_RETRY) ?? '',
    tag: headers.get(HEADER_TAG),
  };
}

/**
 * Server: the signature, in constant time, then the timestamp.
 * @throws {NenError} ISO-3002, ISO-3003.
 */
export function verifyRequest(
  keys: SyncSessionKeys,
  line: RequestLine,
  headers: SealedHeaders,
  now: number,
): void {
  const expected = keys.hmacKey.mac(canonicalRequest(line, headers.timestamp, headers.nonce));
  const signature = base64Decode(headers.signature);
  if (signature?.length !== MAC_BYTES || !equalBytes(signature, expected)) {
    throw new NenError('ISO-3002', {
      hint: 'altered on the way, or method or path rewritten (see mountPath)',
    });
  }
  const ageMs = now - Number(headers.timestamp);
  if (!isInWindow(Number(headers.timestamp), now)) {
    throw new NenError('ISO-3003', { hint: `the timestamp is ${ageMs} ms old` });
  }
}
