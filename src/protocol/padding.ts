/**
 * Padding to size classes (PROTOCOL.md, "Padding"): zeros inside of what is sealed, so that the way sees
 * the class of a length and not the length.
 *
 *   HTTP message    message || zeros                              (RFC 9292 section 3.8)
 *   padded record   LP(content) || zeros
 *
 * The zeros are authenticated like all else: they are looked at only after the box has opened.
 */
import { type Bytes, byteLength, latin1ToBytes } from '../crypto/bytes.ts';
import { MAX_RECORD_BYTES } from './constants.ts';
import { u32 } from './input.ts';

/**
 * Which lengths are left. `{ blockBytes }`: its multiples ("block-length padding", RFC 8467 section 4.1).
 * `'padme'`: Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
 * PURBs", PETS 2019, section 4.3): at most 12 % more bytes, but what is short keeps most of its length.
 */
export type Padding = 'none' | 'padme' | { readonly blockBytes: number };

/** The length in front of a padded record's content. */
const LENGTH_BYTES = 4;

/** The content that fills a padded record of `recordBytes`. */
export function contentOf(recordBytes: number): number {
  return Math.max(0, recordBytes - LENGTH_BYTES);
}

export const MAX_PADDED_CONTENT_BYTES: number = contentOf(MAX_RECORD_BYTES);

/** A copy of what an application configures. @throws {TypeError} */
export function readPadding(padding: Padding | undefined): Padding | undefined {
  if (padding === undefined || padding === 'none' || padding === 'padme') return padding;
  const blockBytes: unknown = padding?.blockBytes;
  if (Number.isSafeInteger(blockBytes) && Number(blockBytes) > 0 && Number(blockBytes) <= MAX_RECORD_BYTES)
    return { blockBytes: Number(blockBytes) };
  throw new TypeError(`padding: 'none', 'padme', or { blockBytes } of 1 to ${MAX_RECORD_BYTES}`);
}

/** The length of the class that `length` falls into: `length` or more. */
export function paddedLength(length: number, padding: Padding): number {
  if (padding === 'none') return length;
  const unit = padding === 'padme' ? padmeUnit(length) : padding.blockBytes;
  return Math.ceil(length / unit) * unit;
}

/** Padmé keeps as many leading bits of a length as its exponent has bits. */
function padmeUnit(length: number): number {
  if (length < 2) return 1;
  const exponent = Math.floor(Math.log2(length));
  const exponentBits = Math.floor(Math.log2(exponent)) + 1;
  return 2 ** Math.max(0, exponent - exponentBits);
}

/** An encoded HTTP message, its zeros behind it. */
export function padMessage(pieces: readonly Bytes[], padding: Padding): readonly Bytes[] {
  return pad(pieces, padding, Number.MAX_SAFE_INTEGER);
}

/** The same for the message in the head of a stream, which must fit into a record. */
export function padHead(pieces: readonly Bytes[], padding: Padding): readonly Bytes[] {
  return pad(pieces, padding, MAX_RECORD_BYTES);
}

/** The plaintext of a padded record. @param content at most {@link MAX_PADDED_CONTENT_BYTES}. */
export function encodePadded(content: Bytes, padding: Padding): readonly Bytes[] {
  return pad([latin1ToBytes(u32(content.length)), content], padding, MAX_RECORD_BYTES);
}

/** @returns undefined for anything that is not exactly a padded content. */
export function decodePadded(plaintext: Bytes): Bytes | undefined {
  if (plaintext.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + new DataView(plaintext.buffer, plaintext.byteOffset).getUint32(0);
  if (end > plaintext.length) return undefined;
  for (let at = end; at < plaintext.length; at++) if (plaintext[at] !== 0) return undefined;
  return plaintext.subarray(LENGTH_BYTES, end);
}

function pad(pieces: readonly Bytes[], padding: Padding, maxBytes: number): readonly Bytes[] {
  const length = byteLength(pieces);
  const zeros = Math.min(paddedLength(length, padding), maxBytes) - length;
  return zeros > 0 ? [...pieces, new Uint8Array(zeros)] : pieces;
}
