/**
 * The textual forms of single values (PROTOCOL.md, "Conventions"): one exact spelling each, so that
 * what is compared, signed and remembered is always the same bytes.
 */
import { NONCE_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, base64Decode } from '../crypto/bytes.ts';

const SID = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const TIMESTAMP = /^[1-9][0-9]{12}$/;
const EPOCH = /^[A-Za-z0-9_-]{1,64}$/;
/** The longest host has 253. */
export const MAX_AUDIENCE_CHARACTERS = 300;

/** A session id: 16 bytes as base64url without padding, 22 characters, of which the last carries two bits. */
export function isSid(text: unknown): text is string {
  return typeof text === 'string' && SID.test(text);
}

/** Milliseconds since the epoch, 13 digits. */
export function isTimestamp(text: string): boolean {
  return TIMESTAMP.test(text);
}

/** The same as a number. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && isTimestamp(String(value));
}

/** What names a store's memory. It travels in X-Nen-Retry. */
export function isEpoch(text: unknown): text is string {
  return typeof text === 'string' && EPOCH.test(text);
}

/** The 12 bytes behind a nonce's 16 characters. */
export function decodeNonce(text: string): Bytes | undefined {
  const nonce = text.length === 16 ? base64Decode(text) : undefined;
  return nonce?.length === NONCE_BYTES ? nonce : undefined;
}

/** An origin in its one serialisation: scheme://host[:port], http or https. */
export function isAudience(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > MAX_AUDIENCE_CHARACTERS || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'https:' || url.protocol === 'http:') && url.origin === text;
}
