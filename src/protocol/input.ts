/**
 * The one framing of everything that is hashed, derived from or authenticated:
 *   LP(x) = u32 length of x, then x        input(label, f1, ...) = LP(label) || LP(f1) || ...
 * Length prefixes make every input injective: no field can be moved into its neighbour.
 * Fields are joined as latin1 text, which costs one conversion in all instead of one each. No field is a secret: the
 * text can't be wiped, and its bytes may lie in memory that others share.
 */
import { type Bytes, bytesToLatin1, publicLatin1ToBytes } from '../crypto/bytes.ts';

/** The big-endian 32-bit integer `value` as four latin1 characters. */
export function u32(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** LP(field) as latin1 text. Strings are ASCII or latin1, one byte a character. */
export function lp(field: string | Bytes): string {
  const text = typeof field === 'string' ? field : bytesToLatin1(field);
  return u32(text.length) + text;
}

/** input(label, ...fields). An absent field is `''`. */
export function input(label: string, ...fields: readonly (string | Bytes)[]): Bytes {
  let text = lp(label);
  for (const field of fields) text += lp(field);
  return publicLatin1ToBytes(text);
}
