/**
 * What the platform offers for turning bytes into text: Node's Buffer, the standard
 * Uint8Array.fromBase64 (ECMAScript 2026), or atob and btoa. Each is a plain value behind one
 * interface, so that all of them can be tested on one runtime. None is trusted to be strict:
 * Buffer skips unknown characters, the others skip white space. Strictness is base64.ts's.
 */
import { nodeBuffer } from './runtime.ts';

/** Bytes that own no shared memory: what fetch bodies, WebCrypto and node:crypto all take. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Conversions of short runs of bytes; the callers cut long ones. */
export interface Codec {
  readonly name: 'buffer' | 'native' | 'atob';
  /** One code unit, 0 to 255, for each byte of `bytes[start..end)`. */
  latin1(bytes: Bytes, start: number, end: number): string;
  /** Writes a text of code units 0 to 255 into `target`, which has room for it. */
  writeLatin1(target: Bytes, offset: number, text: string): void;
  /** The same into bytes of its own, which may lie in memory that other texts share. */
  fromLatin1(text: string): Bytes;
  /** As latin1(), for ASCII, and quicker. What becomes of other bytes is unspecified, but it is not ASCII. */
  ascii(bytes: Bytes, start: number, end: number): string;
  writeAscii(target: Bytes, offset: number, text: string): void;
  /** RFC 4648 section 4, padded. */
  encode(bytes: Bytes): string;
  /**
   * Decodes a text into `target`, which has room for it, perhaps leniently.
   * @returns the number of bytes written, or -1 if the platform refused the text.
   */
  decode(text: string, target: Bytes, offset: number): number;
}

/** Chooses for this runtime: the one place that does. */
export function platformCodec(): Codec {
  const NodeBuffer = nodeBuffer();
  if (NodeBuffer !== undefined) return bufferCodec(NodeBuffer);
  const native = nativeBase64();
  return native === undefined ? atobCodec() : nativeCodec(native);
}

/** What is used of Node's Buffer: declarations must not ask for Node's types. */
interface BufferView {
  toString(encoding: 'latin1' | 'base64', start?: number, end?: number): string;
  write(text: string, offset: number, encoding: 'latin1' | 'base64'): number;
}

interface BufferConstructor {
  from(memory: ArrayBuffer, byteOffset: number, length: number): BufferView;
  from(text: string, encoding: 'latin1'): ArrayBufferView<ArrayBuffer>;
}

/** Node, Bun, Deno: everything happens in native code, on views of the same memory. */
export function bufferCodec(NodeBuffer: BufferConstructor): Codec {
  const view = (bytes: Bytes): BufferView =>
    NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  function latin1(bytes: Bytes, start: number, end: number): string {
    return view(bytes).toString('latin1', start, end);
  }
  function writeLatin1(target: Bytes, offset: number, text: string): void {
    view(target).write(text, offset, 'latin1');
  }
  return {
    name: 'buffer',
    latin1,
    writeLatin1,
    fromLatin1(text) {
      const { buffer, byteOffset, byteLength } = NodeBuffer.from(text, 'latin1');
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
    ascii: latin1,
    writeAscii: writeLatin1,
    encode: (bytes) => view(bytes).toString('base64'),
    // Buffer reads the URL alphabet as well, which nothing later could tell from the other.
    decode: (text, target, offset) =>
      text.includes('-') || text.includes('_') ? -1 : view(target).write(text, offset, 'base64'),
  };
}

/** The methods of ECMAScript 2026 that TypeScript's ES2023 library doesn't know yet. */
export interface NativeBase64 {
  toBase64(bytes: Bytes): string;
  setFromBase64(target: Bytes, text: string): { readonly read: number; readonly written: number };
}

/** The runtime's own methods, or undefined where it has none. */
export function nativeBase64(): NativeBase64 | undefined {
  interface WithBase64 {
    toBase64?(): string;
    setFromBase64?(text: string, options: { lastChunkHandling: 'strict' }): { read: number; written: number };
  }
  const { toBase64, setFromBase64 }: WithBase64 = Uint8Array.prototype as WithBase64;
  if (toBase64 === undefined || setFromBase64 === undefined) return undefined;
  return {
    toBase64: (bytes) => toBase64.call(bytes),
    setFromBase64: (target, text) => setFromBase64.call(target, text, { lastChunkHandling: 'strict' }),
  };
}

/** Browsers and edge runtimes of 2025 and later. */
export function nativeCodec(native: NativeBase64): Codec {
  return {
    ...atobCodec(),
    name: 'native',
    encode: (bytes) => native.toBase64(bytes),
    decode(text, target, offset) {
      try {
        const { read, written } = native.setFromBase64(target.subarray(offset), text);
        return read === text.length ? written : -1;
      } catch {
        return -1;
      }
    },
  };
}

/** Code units per String.fromCharCode call: well under every engine's limit of arguments. */
const UNITS_PER_CALL = 8192;

/** Everywhere else, React Native included. */
export function atobCodec(): Codec {
  const encoder = new TextEncoder();
  // With the mark kept: three bytes that vanished would let a longer text pass for a shorter one.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  function latin1(bytes: Bytes, start: number, end: number): string {
    let text = '';
    for (let at = start; at < end; at += UNITS_PER_CALL) {
      const units: ArrayLike<number> = bytes.subarray(at, Math.min(at + UNITS_PER_CALL, end));
      // Not by spreading, which takes seven times as long.
      text += String.fromCharCode.apply(undefined, units as number[]);
    }
    return text;
  }
  function writeLatin1(target: Bytes, offset: number, text: string): void {
    for (let i = 0; i < text.length; i++) target[offset + i] = text.charCodeAt(i);
  }
  return {
    name: 'atob',
    latin1,
    writeLatin1,
    fromLatin1(text) {
      const bytes = new Uint8Array(text.length);
      writeLatin1(bytes, 0, text);
      return bytes;
    },
    ascii: (bytes, start, end) => decoder.decode(bytes.subarray(start, end)),
    writeAscii(target, offset, text) {
      encoder.encodeInto(text, target.subarray(offset));
    },
    encode: (bytes) => btoa(latin1(bytes, 0, bytes.length)),
    decode(text, target, offset) {
      let binary: string;
      try {
        binary = atob(text);
      } catch {
        return -1;
      }
      writeLatin1(target, offset, binary);
      return binary.length;
    },
  };
}
