/**
 * PROTOCOL.md 2.1 and 2.2: base64 in its one canonical spelling, and the framing of everything that is
 * hashed, derived from or authenticated.
 */
export type Bytes = Uint8Array;
/** A field of an `input`: text stands for its UTF-8 bytes. */
export type Field = string | Bytes;

const SID = /^[A-Za-z0-9_-]{22}$/;

export const bytes = (field: Field): Buffer =>
  typeof field === 'string' ? Buffer.from(field, 'utf8') : Buffer.from(field);

export const join = (...parts: readonly Field[]): Buffer => Buffer.concat(parts.map(bytes));

export function u32(value: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
}

/** LP(label) || LP(f1) || ..., LP(x) = u32(length of x) || x */
export const input = (fields: readonly Field[]): Buffer =>
  join(...fields.flatMap((field) => [u32(bytes(field).length), bytes(field)]));

export const b64 = (value: Bytes): string => Buffer.from(value).toString('base64');
export const b64url = (value: Bytes): string => Buffer.from(value).toString('base64url');

/** What does not encode to itself is refused, and what has not `length` bytes: undefined. */
export function fromB64(text: unknown, length?: number): Buffer | undefined {
  if (typeof text !== 'string') return undefined;
  const value = Buffer.from(text, 'base64');
  return b64(value) === text && (length === undefined || value.length === length) ? value : undefined;
}

/** 16 bytes as 22 characters of base64url: the last one has four bits of zero. */
export const isSid = (text: unknown): text is string =>
  typeof text === 'string' && SID.test(text) && b64url(Buffer.from(text, 'base64url')) === text;
