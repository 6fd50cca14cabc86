import type { Bytes } from './codec.ts';

/** The length of the joined `pieces`. */
export function byteLength(pieces: readonly Bytes[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}
