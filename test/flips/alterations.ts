/** Everything that the way can do to bytes and to a list of records: one bit, one cut, one order. */
import { type Bytes, base64Decode, bytesToLatin1, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { flipBit } from '../attack/harness.ts';

/** The bits of so many bytes, each, or one of `step`. A step that is odd comes by every place in a byte. */
export function* bits(length: number, step = 1): Generator<number> {
  for (let bit = 0; bit < length * 8; bit += step) yield bit;
}

/** The text with one bit of it turned over, one character being one byte. */
export function flipText(text: string, bit: number): string {
  return bytesToLatin1(flipBit(latin1ToBytes(text), bit));
}

export function isBase64(text: string): boolean {
  return base64Decode(text) !== undefined;
}

/** Every order of 0 to `count` - 1, the right one first. */
export function* orders(count: number): Generator<readonly number[]> {
  if (count === 0) return yield [];
  const places = [...Array(count).keys()];
  for (const place of places) {
    const rest = places.filter((other) => other !== place);
    for (const order of orders(count - 1)) yield [place, ...order.map((at) => rest[at] ?? 0)];
  }
}

/** Every way to choose one of two for each of `count` places. */
export function* choices(count: number): Generator<readonly (0 | 1)[]> {
  for (let mask = 0; mask < 2 ** count; mask++) {
    yield Array.from({ length: count }, (_, at) => ((mask >> at) & 1 ? 1 : 0));
  }
}

/** The bytes up to each length but the whole. */
export function* cuts(bytes: Bytes, step = 1): Generator<Bytes> {
  for (let length = 0; length < bytes.length; length += step) yield bytes.slice(0, length);
}
