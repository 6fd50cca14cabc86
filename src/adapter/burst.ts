/**
 * Reads a body by what is ready together: one turn of the event loop without a byte ends a burst.
 * So a whole server-sent event becomes one record instead of one for each of its chunks, and
 * nothing waits for more to come, unless `gather` is told to. It lasts a few turns at most, or a body that
 * gives a few bytes at each would be held back for as long as it does.
 */
import type { Bytes } from '../crypto/bytes.ts';
import { onNextTurn } from './next-turn.ts';

export interface Burst {
  readonly chunks: readonly Bytes[];
  readonly length: number;
  /** Whether the body has ended. */
  readonly done: boolean;
}

/** A body that is there at once takes one. */
const MAX_BURST_TURNS = 8;

export class BurstReader {
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  #pending: Promise<ReadableStreamReadResult<Bytes>> | undefined;

  constructor(body: ReadableStream<Bytes>) {
    this.#reader = body.getReader();
  }

  /**
   * What is ready now, up to about `maxBytes` and a few turns: empty, if one turn passes without a byte.
   * @throws what the body errors with, once the bytes before it were given.
   */
  async ready(maxBytes: number): Promise<Burst> {
    const chunks: Bytes[] = [];
    let length = 0;
    const turns = untilQuiet(MAX_BURST_TURNS);
    try {
      while (length <= maxBytes) {
        this.#pending ??= this.#reader.read();
        const read = await Promise.race([this.#pending, turns.quiet]);
        if (read === undefined) break;
        if (!read.done) chunks.push(asBytes(read.value));
        this.#pending = undefined;
        if (read.done) return { chunks, length, done: true };
        length += read.value.length;
        turns.heard();
      }
    } catch (error) {
      // The failed read stays pending, for the next call to throw. Of a chunk that is no bytes the body knows nothing.
      this.#reader.cancel(error).catch(() => undefined);
      if (chunks.length === 0) throw error;
    } finally {
      turns.stop();
    }
    return { chunks, length, done: false };
  }

  /**
   * The same, but what is ready is held for `holdMs` from its first byte on, or until it has `fullBytes` or the
   * body ends: what comes meanwhile comes with it.
   */
  async gather(maxBytes: number, holdMs: number, fullBytes: number): Promise<Burst> {
    let burst = await this.ready(maxBytes);
    if (holdMs === 0 || burst.length === 0) return burst;
    const until = performance.now() + holdMs;
    for (let leftMs = holdMs; leftMs > 0; leftMs = until - performance.now()) {
      if (burst.done || burst.length >= fullBytes) break;
      await this.wait(leftMs);
      // What the body fails with stays pending: the bytes before it come first.
      const more = await this.ready(maxBytes - burst.length).catch(() => undefined);
      if (more === undefined) break;
      burst = {
        chunks: [...burst.chunks, ...more.chunks],
        length: burst.length + more.length,
        done: more.done,
      };
    }
    return burst;
  }

  /** Resolves when a chunk or the end is there, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    this.#pending ??= this.#reader.read();
    const pending = this.#pending;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      const wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
      pending.then(wake, wake);
    });
  }

  /** Cancels the body: its generators end. */
  async cancel(reason: unknown): Promise<void> {
    await this.#reader.cancel(reason);
  }
}

function asBytes(chunk: unknown): Bytes {
  if (chunk instanceof Uint8Array) return chunk as Bytes;
  throw new TypeError('a response body must be made of Uint8Array chunks');
}

interface Turns {
  /** Resolves once the event loop has turned without a byte, or as often as it may. */
  readonly quiet: Promise<undefined>;
  heard(): void;
  stop(): void;
}

function untilQuiet(maxTurns: number): Turns {
  let isQuiet = true;
  let turns = 0;
  let stop: () => void = () => undefined;
  const quiet = new Promise<undefined>((resolve) => {
    const turned = (): void => {
      turns++;
      if (isQuiet || turns === maxTurns) resolve(undefined);
      else stop = onNextTurn(turned);
      isQuiet = true;
    };
    stop = onNextTurn(turned);
  });
  const heard = (): void => {
    isQuiet = false;
  };
  return { quiet, heard, stop: () => stop() };
}
