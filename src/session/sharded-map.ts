/**
 * A Map cut into many small ones, so that no insertion ever waits for a long rehash: a JS Map
 * doubles in one step, which takes 30 to 100 ms at a million entries and under 0.4 ms at 16 000.
 * A key's shard comes from a hash with a secret seed, so that a client that picks its own nonces
 * can't aim them all at one shard.
 */
import { randomBytes } from '../crypto/random.ts';

/** How many entries a shard holds when the map holds what it was made for. */
const ENTRIES_PER_SHARD = 4096;
const MAX_SHARDS = 65_536;

/** A string hash of 32 bits. */
export type StringHash = (key: string) => number;

/** Makes a hash of its own: whoever doesn't know the seed can't predict which keys share a shard. */
export function secretHash(): StringHash {
  const draw = randomBytes(8);
  const view = new DataView(draw.buffer, draw.byteOffset, draw.byteLength);
  const start = view.getInt32(0);
  // Odd, so that multiplying by it loses nothing.
  const multiplier = view.getInt32(4) | 1;
  return (key) => {
    let hash = start;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), multiplier);
    // The low bits of a product depend on the low bits of its factors only: the shard is taken from the high ones.
    return hash >>> 15;
  };
}

export class ShardedMap<Value> {
  readonly #hash: StringHash;
  readonly #shards: (Map<string, Value> | undefined)[];
  #size = 0;

  /** @param capacity the most entries that it is going to hold: it sets the number of shards and isn't enforced. */
  constructor(capacity: number, hash: StringHash) {
    const wanted = Math.min(Math.max(capacity / ENTRIES_PER_SHARD, 1), MAX_SHARDS);
    const shards = 2 ** Math.ceil(Math.log2(wanted));
    this.#shards = new Array<Map<string, Value> | undefined>(shards).fill(undefined);
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  /** The size of the largest shard, which bounds the longest rehash. Walks all shards: for tests. */
  get largestShard(): number {
    return this.#shards.reduce((largest, shard) => Math.max(largest, shard?.size ?? 0), 0);
  }

  /** @param hash of the key, for whoever looks one key up in several maps of one hash: it costs more than the look-up. */
  get(key: string, hash: number = this.#hash(key)): Value | undefined {
    return this.#shards[this.#shardOf(hash)]?.get(key);
  }

  set(key: string, value: Value): void {
    const index = this.#shardOf(this.#hash(key));
    const shard = this.#shards[index] ?? new Map<string, Value>();
    this.#shards[index] = shard;
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
  }

  delete(key: string): boolean {
    const deleted = this.#shards[this.#shardOf(this.#hash(key))]?.delete(key) ?? false;
    if (deleted) this.#size--;
    return deleted;
  }

  #shardOf(hash: number): number {
    return hash & (this.#shards.length - 1);
  }
}
