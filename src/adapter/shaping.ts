/**
 * What the way may still read off an answer's sizes and times, and the options that leave it less
 * (PROTOCOL.md, "Padding"; docs/padding.md): padding, and for streams coalescing.
 */
import { KEEP_ALIVE_MS, MAX_RECORD_BYTES, SILENCE_MS } from '../protocol/constants.ts';
import { contentOf, type Padding, readPadding } from '../protocol/padding.ts';

/** What hides the sizes and times of answers (docs/padding.md). */
export interface ShapingOptions {
  /**
   * Pads answers and the records of streams to size classes: `{ blockBytes: 256 }` to multiples of it, `'padme'`
   * to about 12 % more at most. What is answered to HEAD has nothing that could be padded. 'none' by default.
   */
  readonly padding?: Padding;
  /**
   * Holds what a stream gives for up to so many milliseconds, or until a block of `padding` is full, so that one
   * record carries several items: fewer sizes, fewer bytes. 0 by default, 10 000 at most.
   */
  readonly coalesceMs?: number;
}

/** The options, resolved. */
export interface Shaping {
  readonly padding: Padding;
  readonly coalesceMs: number;
  /** From so many bytes on nothing is held. */
  readonly fullBytes: number;
}

export const NO_SHAPING: Shaping = { padding: 'none', coalesceMs: 0, fullBytes: MAX_RECORD_BYTES };

const MAX_COALESCE_MS = 10_000;

/**
 * @param base what holds where an option is absent.
 * @param keepAliveMs how long a stream may have been silent already when something begins to be held.
 * @throws {TypeError}
 */
export function resolveShaping(
  { padding, coalesceMs }: ShapingOptions,
  base: Shaping = NO_SHAPING,
  keepAliveMs: number = KEEP_ALIVE_MS,
): Shaping {
  const resolved = readPadding(padding) ?? base.padding;
  return {
    padding: resolved,
    coalesceMs: holdTime(coalesceMs ?? base.coalesceMs, keepAliveMs),
    fullBytes: typeof resolved === 'object' ? contentOf(resolved.blockBytes) : MAX_RECORD_BYTES,
  };
}

function holdTime(coalesceMs: number, keepAliveMs: number): number {
  const isTime = Number.isSafeInteger(coalesceMs) && coalesceMs >= 0 && coalesceMs <= MAX_COALESCE_MS;
  if (!isTime) throw new TypeError(`coalesceMs: a whole number from 0 to ${MAX_COALESCE_MS}`);
  // A client takes a stream that is silent for longer than this for dead.
  if (coalesceMs + keepAliveMs < SILENCE_MS) return coalesceMs;
  throw new TypeError(`coalesceMs: with keepAliveMs less than ${SILENCE_MS}`);
}
