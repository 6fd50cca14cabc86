/**
 * Reading a body whole, but never more of it than a limit allows.
 */
import { type Bytes, concatBytes } from '../crypto/bytes.ts';
import { NenError } from './errors.ts';

/** The part of Request and Response that is read here. */
export interface BodySource {
  readonly body: ReadableStream<Bytes> | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * @param limit in bytes; what is longer is cut off at the chunk that exceeds it.
 * @throws {NenError} ISO-4003.
 */
export async function readBody(source: BodySource, limit: number): Promise<Bytes> {
  return source.body ? readRest(source.body.getReader(), [], limit) : readWhole(source, limit);
}

/** The same, of a body whose first chunks were read already. */
export async function readRest(
  reader: ReadableStreamDefaultReader<Bytes>,
  first: readonly Bytes[],
  limit: number,
): Promise<Bytes> {
  const chunks = new BodyChunks(limit);
  try {
    for (const chunk of first) chunks.add(chunk);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return chunks.whole();
      chunks.add(value);
    }
  } catch (error) {
    // The sender is told to stop; that it may fail to hear it changes nothing.
    reader.cancel().catch(() => undefined);
    throw error;
  }
}

/** A chunk of one byte takes two hundred: many are joined as they come (attack: a body of such chunks, row 113). */
const MAX_LOOSE_CHUNKS = 1024;

/** The chunks of a body, as they come. */
export class BodyChunks {
  readonly #limit: number;
  #length = 0;
  #joined: Bytes[] = [];
  #loose: Bytes[] = [];

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws {NenError} ISO-4003 for the chunk that exceeds the limit; none is kept then. */
  add(chunk: Bytes): void {
    this.#length += chunk.length;
    if (this.#length > this.#limit) {
      this.#joined = [];
      this.#loose = [];
      throw tooLarge(this.#limit);
    }
    this.#loose.push(chunk);
    if (this.#loose.length < MAX_LOOSE_CHUNKS) return;
    this.#joined.push(joinBytes(this.#loose));
    this.#loose = [];
  }

  whole(): Bytes {
    return joinBytes(this.#joined.length === 0 ? this.#loose : [...this.#joined, ...this.#loose]);
  }
}

/** The chunks as one; a single one as it is. */
export function joinBytes(chunks: readonly Bytes[]): Bytes {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : concatBytes(chunks);
}

/** Runtimes without streaming bodies (React Native) have no `body`. */
async function readWhole(source: BodySource, limit: number): Promise<Bytes> {
  const bytes = new Uint8Array(await source.arrayBuffer());
  if (bytes.length > limit) throw tooLarge(limit);
  return bytes;
}

function tooLarge(limit: number): NenError {
  return new NenError('ISO-4003', { hint: `the body is over ${limit} bytes` });
}
