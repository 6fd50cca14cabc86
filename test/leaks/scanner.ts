/**
 * Looks for many thousand byte strings at once, in one pass over what was captured: the first bytes of each are
 * hashed into a table of bits, and only where a bit is set is anything compared.
 */
import { type Spelling, spellingsOf } from './spellings.ts';
import { AS_IT_IS, VIEWS, type View } from './views.ts';

/** What is looked for: a canary or a secret. */
export interface Needle {
  /** A kind of canary, or what the secret is for. */
  readonly kind: string;
  readonly bytes: Buffer;
}

export interface Hit {
  readonly kind: string;
  readonly spelling: string;
  readonly view: string;
  /** What stands around it. */
  readonly context: string;
}

interface Pattern extends Spelling {
  readonly kind: string;
}

export interface ScanOptions {
  readonly views?: readonly View[];
}

export interface ScannerOptions {
  /** In every spelling and by halves, which is the default; or whole, as bytes alone. */
  readonly look?: 'for any trace' | 'for whole keys';
}

/** A leak of half a key is one too. */
const PIECE_BYTES = 16;
/** Of a pattern; none is shorter. */
const PREFIX_BYTES = 8;
const TABLE_BITS = 24;
const CONTEXT_BYTES = 40;

export class Scanner {
  readonly #byHash = new Map<number, Pattern[]>();
  readonly #isUsed = new Uint8Array(2 ** (TABLE_BITS - 3));

  constructor(needles: Iterable<Needle>, { look = 'for any trace' }: ScannerOptions = {}) {
    for (const { kind, bytes } of needles) {
      if (look === 'for whole keys') this.#add({ kind, name: AS_IT_IS.name, bytes });
      else for (const spelling of tracesOf(bytes)) this.#add({ kind, ...spelling });
    }
  }

  /** How many byte strings are looked for. */
  get patterns(): number {
    return [...this.#byHash.values()].reduce((sum, { length }) => sum + length, 0);
  }

  #add(pattern: Pattern): void {
    if (pattern.bytes.length < PREFIX_BYTES) throw new RangeError('too short to look for');
    const hash = hashOf(pattern.bytes.readInt32LE(0), pattern.bytes.readInt32LE(4));
    const slot = hash >>> (32 - TABLE_BITS);
    this.#isUsed[slot >>> 3] = (this.#isUsed[slot >>> 3] ?? 0) | (1 << (slot & 7));
    const others = this.#byHash.get(hash);
    if (others === undefined) this.#byHash.set(hash, [pattern]);
    else others.push(pattern);
  }

  /** Each pattern that was found, once for each view in which it was. */
  scan(captured: Buffer, { views = VIEWS }: ScanOptions = {}): readonly Hit[] {
    return views.flatMap((view) => {
      const read = view.read(captured);
      return [...this.#find(read)].map(([{ kind, name }, at]) => ({
        kind,
        spelling: name,
        view: view.name,
        context: read.toString('latin1', Math.max(0, at - CONTEXT_BYTES), at + CONTEXT_BYTES),
      }));
    });
  }

  /** Where each was seen last. */
  #find(read: Buffer): ReadonlyMap<Pattern, number> {
    const found = new Map<Pattern, number>();
    const isUsed = this.#isUsed;
    let low = 0;
    let high = 0;
    for (let at = 0; at < read.length; at++) {
      low = (low >>> 8) | (high << 24);
      high = (high >>> 8) | ((read[at] ?? 0) << 24);
      const hash = hashOf(low, high);
      const slot = hash >>> (32 - TABLE_BITS);
      if (((isUsed[slot >>> 3] ?? 0) & (1 << (slot & 7))) === 0) continue;
      const start = at + 1 - PREFIX_BYTES;
      if (start < 0) continue;
      for (const pattern of this.#byHash.get(hash) ?? []) {
        const end = start + pattern.bytes.length;
        if (end <= read.length && pattern.bytes.compare(read, start, end) === 0) found.set(pattern, start);
      }
    }
    return found;
  }
}

function hashOf(low: number, high: number): number {
  return Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77);
}

function tracesOf(bytes: Buffer): readonly Spelling[] {
  return piecesOf(bytes).flatMap(([offset, piece]) => spellingsOf(piece, offset));
}

/** Pieces of a secret with where they begin; the last ends with it. A canary, which is text, stays whole. */
function piecesOf(bytes: Buffer): readonly (readonly [number, Buffer])[] {
  if (bytes.length < 2 * PIECE_BYTES) return [[0, bytes]];
  const count = Math.ceil(bytes.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, piece) => {
    const offset = Math.min(piece * PIECE_BYTES, bytes.length - PIECE_BYTES);
    return [offset, bytes.subarray(offset, offset + PIECE_BYTES)];
  });
}
