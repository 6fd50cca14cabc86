/**
 * Bytes and their spellings: latin1, UTF-8 and base64 (RFC 4648 section 4, padded and canonical;
 * section 5 without padding for the session id). The platform's own functions do the work, chosen
 * once in codec.ts; the canonical rules are base64.ts's.
 */
import { type Base64, base64Over } from './base64.ts';
import { byteLength } from './byte-length.ts';
import { type Bytes, type Codec, platformCodec } from './codec.ts';

export { byteLength } from './byte-length.ts';
export type { Bytes } from './codec.ts';

const codec: Codec = /* @__PURE__ */ platformCodec();
const base64: Base64 = /* @__PURE__ */ base64Over(codec);
const encoder: TextEncoder = /* @__PURE__ */ new TextEncoder();
const decoder: TextDecoder = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** No bytes. Shared, so not for whoever might transfer its buffer. */
export const EMPTY: Bytes = /* @__PURE__ */ new Uint8Array(0);

/** Joins `pieces` into one new buffer. */
export function concatBytes(pieces: readonly Bytes[]): Bytes {
  const joined = secretBytes(byteLength(pieces));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/**
 * A place for a secret, filled with zeros. A short array without an ArrayBuffer of its own lies on V8's heap,
 * which leaves copies behind that no wipe reaches (attack: reading the memory of a process, row 131).
 */
export function secretBytes(length: number): Bytes {
  return new Uint8Array(new ArrayBuffer(length));
}

export function copySecret(secret: Bytes): Bytes {
  const copy = secretBytes(secret.length);
  copy.set(secret);
  return copy;
}

/** The same memory as a plain Uint8Array: a Buffer's slice() is a view, where ours is a copy. */
export function viewOf(view: ArrayBufferView): Bytes {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
}

/** Compares in a time that depends on the lengths only, never on the content. Never throws. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Overwrites secrets with zeros, as well as a garbage-collected language can. */
export function wipe(...buffers: Bytes[]): void {
  for (const buffer of buffers) buffer.fill(0);
}

/**
 * Spells each code unit as one byte.
 * @throws {RangeError} for a code unit above 255, which would silently lose its upper byte.
 */
export function latin1ToBytes(s: string): Bytes {
  requireLatin1(s);
  const bytes = new Uint8Array(s.length);
  codec.writeLatin1(bytes, 0, s);
  return bytes;
}

/**
 * The same for what is public and soon forgotten: on Node it lies in the pool of short buffers, where it costs
 * 2 us less, garbage collection included.
 * @throws {RangeError} for a code unit above 255.
 */
export function publicLatin1ToBytes(s: string): Bytes {
  requireLatin1(s);
  return codec.fromLatin1(s);
}

function requireLatin1(s: string): void {
  if (/[\u0100-\uffff]/.test(s)) throw new RangeError('the text has a character outside latin1');
}

/** Spells each byte of `bytes[start..end)` as one code unit, 0 to 255. */
export function bytesToLatin1(bytes: Bytes, start = 0, end: number = bytes.length): string {
  return codec.latin1(bytes, start, end);
}

/** UTF-8; a lone surrogate becomes U+FFFD, as everywhere on the web. */
export function utf8ToBytes(s: string): Bytes {
  return encoder.encode(s);
}

/**
 * Strict UTF-8. A byte order mark is kept, so that whoever parses the text refuses it.
 * @throws {TypeError} for anything that is not well-formed UTF-8.
 */
export function bytesToUtf8(bytes: Bytes): string {
  return decoder.decode(bytes);
}

/** Base64 with padding (RFC 4648 section 4). For what is small; bodies go through {@link writeBase64}. */
export function base64Encode(bytes: Bytes): string {
  return base64.encode(bytes);
}

/**
 * Decodes canonical base64 and nothing else.
 * @returns undefined for white space, missing padding, the URL alphabet, a wrong length or
 * non-zero trailing bits: each byte string has exactly one spelling.
 */
export function base64Decode(text: string): Bytes | undefined {
  return base64.decode(text);
}

/** The number of base64 characters of `bytes` bytes, padding included. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/**
 * Writes the base64 of the joined `pieces` as ASCII into `target`, without joining them.
 * @returns the offset after the last character.
 * @throws {RangeError} if `target` has no room for it; nothing is written then.
 */
export function writeBase64(target: Bytes, offset: number, pieces: readonly Bytes[]): number {
  return base64.write(target, offset, pieces);
}

/**
 * Decodes the ASCII base64 in `source[start..end)`, by the rules of {@link base64Decode}.
 * @throws {RangeError} if the range isn't inside `source`.
 */
export function readBase64(source: Bytes, start: number, end: number): Bytes | undefined {
  return base64.read(source, start, end);
}

/** Base64url without padding (RFC 4648 section 5): 22 characters for 16 bytes. */
export function base64UrlEncode(bytes: Bytes): string {
  return base64.encode(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Decodes canonical base64url without padding; undefined for any other spelling. */
export function base64UrlDecode(text: string): Bytes | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const padding = '='.repeat((4 - (text.length % 4)) % 4);
  return base64.decode(text.replaceAll('-', '+').replaceAll('_', '/') + padding);
}
