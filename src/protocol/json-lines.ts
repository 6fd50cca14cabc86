/**
 * JSON lines, the content of a withNenStream answer (PROTOCOL.md, "A sealed stream"): one JSON text per
 * item, each ended by a line feed, which JSON itself never holds unescaped.
 */
import { type Bytes, utf8ToBytes } from '../crypto/bytes.ts';
import { MAX_ENVELOPE_BYTES } from './constants.ts';
import { NenError } from './errors.ts';

export const CONTENT_TYPE_JSON_LINES = 'application/jsonl';

/** A line may be as long as an answer in one envelope. */
const MAX_LINE_CHARACTERS = MAX_ENVELOPE_BYTES;

/** @throws {TypeError} for what JSON can't say: undefined, a function, a bigint, a cycle. */
export function encodeJsonLine(item: unknown): Bytes {
  const text: string | undefined = JSON.stringify(item);
  if (text === undefined) throw new TypeError('an item of a stream must be a JSON value');
  return utf8ToBytes(`${text}\n`);
}

/** Items out of whatever chunks arrive. */
export class JsonLineReader {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #rest = '';

  /** The items that this chunk completes. @throws {NenError} ISO-4004, ISO-6003. */
  push(chunk: Bytes): unknown[] {
    const [first = '', ...others] = this.#decode(chunk).split('\n');
    this.#rest += first;
    if (this.#rest.length > MAX_LINE_CHARACTERS)
      throw new NenError('ISO-6003', { hint: 'a line is too long' });
    if (others.length === 0) return [];
    const lines = [this.#rest, ...others];
    this.#rest = lines.pop() ?? '';
    return lines.flatMap(parseLine);
  }

  /** The last item, if no line feed ended it. @throws {NenError} ISO-4004. */
  end(): unknown[] {
    return parseLine(this.#rest + this.#decode());
  }

  #decode(chunk?: Bytes): string {
    try {
      return this.#decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw new NenError('ISO-4004', { hint: 'a stream of items that is not UTF-8', cause });
    }
  }
}

function parseLine(line: string): unknown[] {
  if (line.trim() === '') return [];
  try {
    return [JSON.parse(line)];
  } catch (cause) {
    throw new NenError('ISO-4004', { hint: 'a line that is not JSON', cause });
  }
}
