/** The memory of another process, as somebody reads it who may (Linux: /proc). */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';

export const hasProcessMemory: boolean = existsSync('/proc/self/mem');

const CHUNK_BYTES = 2 ** 20;
/** Pieces overlap by so much, so that nothing of up to this length is missed between two. */
const OVERLAP_BYTES = 64;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Every page that can be written to and has been, in pieces that are only good until the next. */
export function* writableMemory(pid: number | undefined): Generator<Buffer> {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  try {
    for (const [, from = '', to = ''] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
      const end = BigInt(`0x${to}`);
      for (let at = BigInt(`0x${from}`); at < end; at += BigInt(CHUNK_BYTES - OVERLAP_BYTES)) {
        const piece = readPiece(memory, at, chunk.subarray(0, Math.min(CHUNK_BYTES, Number(end - at))));
        if (!piece.equals(ZEROS.subarray(0, piece.length))) yield piece;
      }
    }
  } finally {
    closeSync(memory);
  }
}

function readPiece(memory: number, at: bigint, piece: Buffer): Buffer {
  try {
    return piece.subarray(0, readSync(memory, piece, { position: at }));
  } catch {
    // A page that is reserved and not there.
    return piece.subarray(0, 0);
  }
}
