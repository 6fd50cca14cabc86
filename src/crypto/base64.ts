/**
 * Canonical base64 (RFC 4648 sections 3.2, 3.5 and 4) over whatever the platform offers: padded, no
 * white space, one alphabet, zero trailing bits, so that each byte string has exactly one spelling.
 * A second spelling of a nonce would be a second nonce to a table of replays (attack: re-spelling).
 * Works by 48 KiB of bytes or 64 Ki characters: V8 keeps strings over 131072 characters in its
 * large-object space, where the same work takes ten times as long.
 */
import { byteLength } from './byte-length.ts';
import type { Bytes, Codec } from './codec.ts';

/** The functions of bytes.ts of the same names, over one codec. */
export interface Base64 {
  encode(bytes: Bytes): string;
  decode(text: string): Bytes | undefined;
  write(target: Bytes, offset: number, pieces: readonly Bytes[]): number;
  read(source: Bytes, start: number, end: number): Bytes | undefined;
}

/** A whole number of quanta, as bytes and as characters. */
const CHUNK_BYTES = 48 * 1024;
const CHUNK_CHARACTERS = 64 * 1024;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;

export function base64Over(codec: Codec): Base64 {
  const symbols = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));

  /** The four characters of the last one to three bytes, or of three in the middle. */
  function writeQuantum(target: Bytes, offset: number, bytes: Bytes): void {
    const [a = 0, b = 0, c = 0] = bytes;
    target[offset] = symbols[a >> 2] ?? 0;
    target[offset + 1] = symbols[((a & 3) << 4) | (b >> 4)] ?? 0;
    target[offset + 2] = bytes.length < 2 ? PAD : (symbols[((b & 15) << 2) | (c >> 6)] ?? 0);
    target[offset + 3] = bytes.length < 3 ? PAD : (symbols[c & 63] ?? 0);
  }

  function encode(bytes: Bytes): string {
    if (bytes.length <= CHUNK_BYTES) return codec.encode(bytes);
    let text = '';
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      text += codec.encode(bytes.subarray(at, at + CHUNK_BYTES));
    }
    return text;
  }

  function decode(text: string): Bytes | undefined {
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    const length = decodedLength(text.length, padding);
    if (length === undefined) return undefined;
    const bytes = new Uint8Array(length);
    for (let at = 0, from = 0; from < text.length; from += CHUNK_CHARACTERS, at += CHUNK_BYTES) {
      const chunk = text.length <= CHUNK_CHARACTERS ? text : text.slice(from, from + CHUNK_CHARACTERS);
      const expected = Math.min(CHUNK_BYTES, length - at);
      if (codec.decode(chunk, bytes, at) !== expected) return undefined;
      // Canonical is what encodes to itself.
      if (codec.encode(bytes.subarray(at, at + expected)) !== chunk) return undefined;
    }
    return bytes;
  }

  function write(target: Bytes, offset: number, pieces: readonly Bytes[]): number {
    const end = offset + Math.ceil(byteLength(pieces) / 3) * 4;
    if (!(offset >= 0 && end <= target.length)) throw new RangeError('no room for the base64');
    const carry = new Uint8Array(3);
    let carried = 0;
    let to = offset;
    for (const piece of pieces) {
      let at = 0;
      if (carried > 0) {
        while (carried < 3 && at < piece.length) carry[carried++] = piece[at++] ?? 0;
        if (carried < 3) continue;
        writeQuantum(target, to, carry);
        to += 4;
        carried = 0;
      }
      const whole = piece.length - ((piece.length - at) % 3);
      while (at < whole) {
        const stop = Math.min(at + CHUNK_BYTES, whole);
        codec.writeAscii(target, to, codec.encode(piece.subarray(at, stop)));
        to += ((stop - at) / 3) * 4;
        at = stop;
      }
      while (at < piece.length) carry[carried++] = piece[at++] ?? 0;
    }
    if (carried > 0) writeQuantum(target, to, carry.subarray(0, carried));
    carry.fill(0);
    return end;
  }

  function read(source: Bytes, start: number, end: number): Bytes | undefined {
    if (!(start >= 0 && start <= end && end <= source.length)) throw new RangeError('no such range');
    if (start === end) return new Uint8Array(0);
    const padding = source[end - 1] !== PAD ? 0 : source[end - 2] !== PAD ? 1 : 2;
    const length = decodedLength(end - start, padding);
    if (length === undefined) return undefined;
    const bytes = new Uint8Array(length);
    for (let at = 0, from = start; from < end; from += CHUNK_CHARACTERS, at += CHUNK_BYTES) {
      const chunk = codec.ascii(source, from, Math.min(from + CHUNK_CHARACTERS, end));
      // A character that the platform skipped leaves the result too short.
      if (codec.decode(chunk, bytes, at) !== Math.min(CHUNK_BYTES, length - at)) return undefined;
    }
    // Trailing bits are in the last quantum: it must be the very one that its bytes encode to.
    const quantum = new Uint8Array(4);
    writeQuantum(quantum, 0, bytes.subarray(length - 3 + padding));
    for (let i = 0; i < 4; i++) if (quantum[i] !== source[end - 4 + i]) return undefined;
    return bytes;
  }

  return { encode, decode, write, read };
}

function decodedLength(characters: number, padding: number): number | undefined {
  return characters % 4 === 0 ? (characters / 4) * 3 - padding : undefined;
}
