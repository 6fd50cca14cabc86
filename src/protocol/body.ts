/**
 * Reading a body whole, but never more of it than a limit allows.
 */
import { type Bytes, concatBytes } from '../crypto/bytes.ts';
import { NenError } from './errors.ts';

/** The part of Request and Response that is read here. */
export interface BodySource {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * @param limit in bytes; what is longer is cut off at the chunk that exceeds it.
 * @throws {NenError} ISO-4003.
 */
export async function readBody(source: BodySource, limit: number): Promise<Bytes> {
  if (!source.body) return readWhole(source, limit);
  const reader = source.body.getReader();
  const chunks: Bytes[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      // The sender is told to stop; that it may fail to hear it changes nothing.
      reader.cancel().catch(() => undefined);
      throw tooLarge(limit);
    }
    chunks.push(value);
  }
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
