/** What both sides keep of a session, and the times and forms of PROTOCOL.md 2.1 and 16. */
import type { Bytes } from './bytes.ts';
import type { SuiteName } from './kem.ts';

export interface Session {
  readonly sid: string;
  readonly suite: SuiteName;
  readonly aud: string;
  readonly requestKey: Bytes;
  readonly responseSecret: Bytes;
  readonly exporterSecret: Bytes;
  readonly hmacKey: Bytes;
  /** Digests, or empty. */
  readonly clientIdentity: Bytes;
  readonly serverIdentity: Bytes;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly epoch: string;
}

/** The keys that both sides derive. */
export interface Keys {
  readonly handshakeKey: Bytes;
  readonly requestKey: Bytes;
  readonly responseSecret: Bytes;
  readonly exporterSecret: Bytes;
}

/** How a message travels: in JSON, or in octets. */
export type Encoding = 'json' | 'octets';
export type RequestKind = 'json' | 'http' | 'none';
export type ResponseKind = RequestKind | 'error';

/** Of a record in a stream, a byte: stream.ts has their names. */
export type RecordKind = number;

/** A request before it is sealed. */
export interface Outgoing {
  readonly method: string;
  /** Path and query as they will be sent. */
  readonly target: string;
  readonly kind: RequestKind;
  readonly payload: Bytes;
  readonly encoding: Encoding;
  readonly timestamp: string;
  readonly nonce: Bytes;
  /** The value of X-Nen-Retry, or empty. */
  readonly retry: string;
}

export const WINDOW_MS = 30_000;
export const CLAIM_MARGIN_MS = 60_000;
export const MAX_AGE_MS = 60_000;
export const SESSION_MS = 3_600_000;
export const IDLE_MS = 900_000;
export const UNCONFIRMED_MS = 30_000;
export const MAX_REQUESTS = 2 ** 20;
export const MAX_HANDSHAKE_BYTES = 16 * 1024;
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

const TIME = /^[1-9][0-9]{12}$/;
const EPOCH = /^[A-Za-z0-9_-]{1,64}$/;
const AUD_MAX_CHARACTERS = 300;

export const isTime = (text: unknown): text is string => typeof text === 'string' && TIME.test(text);
export const isEpoch = (text: unknown): text is string => typeof text === 'string' && EPOCH.test(text);

/** An origin exactly as the URL standard writes it. */
export function isAud(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > AUD_MAX_CHARACTERS || !/^https?:/.test(text)) return false;
  return URL.canParse(text) && new URL(text).origin === text;
}
