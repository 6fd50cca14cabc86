/**
 * Replay claims in memory (PROTOCOL.md, "What the server checks"): (sid, nonce) -> attempt.
 * Claims are kept in generations by the time at which they end and forgotten a whole generation at a
 * time: no sweep (one of a million entries stopped the event loop for 315 ms), no expiry time per claim.
 * A generation is a ShardedMap, since the rehash of one large Map stops it too. Every live generation is
 * looked at, so 32 s each: 2.9 us a claim, against 3.9 at 16 s. Measured on Node 20: 134 to 151 bytes a
 * claim at one to five million; the longest calls, 5 to 16 ms at a million, are garbage collections.
 */
import { ownString } from './own-string.ts';
import { ShardedMap, type StringHash } from './sharded-map.ts';

/** How much longer than asked a claim may be remembered. */
export const GENERATION_MS = 32_000;

/** The longest claim. It bounds the number of generations (114), and so the work of one call. */
export const MAX_CLAIM_MS = 3_600_000;

export class ClaimTable {
  readonly #maxClaims: number;
  readonly #hash: StringHash;
  /** By number: generation g ends at (g + 1) * GENERATION_MS. A key is in one generation at most. */
  readonly #generations = new Map<number, ShardedMap<string>>();
  #size = 0;

  constructor(maxClaims: number, hash: StringHash) {
    this.#maxClaims = maxClaims;
    this.#hash = hash;
  }

  /** The claims held, some of them expired. */
  get size(): number {
    return this.#size;
  }

  /** The size of the largest single Map. For tests. */
  get largestMap(): number {
    let largest = 0;
    for (const claims of this.#generations.values()) largest = Math.max(largest, claims.largestShard);
    return largest;
  }

  /**
   * @returns whether the nonce is this attempt's, now or already.
   * @throws {Error} if the table is full. A live claim never makes room: it could be replayed then.
   */
  claim(sid: string, nonce: string, attempt: string, claimMs: number, now: number): boolean {
    // The length makes the key unambiguous whatever the sid holds; the colons keep V8 from taking
    // a key for an integer, whose hash has no secret seed.
    const key = ownString(sid.length, sid, nonce);
    const hash = this.#hash(key);
    const holder = ownString('', attempt);
    const generation = Math.floor((now + claimMs) / GENERATION_MS);
    for (const [number, claims] of this.#generations) {
      if ((number + 1) * GENERATION_MS <= now) {
        this.#generations.delete(number);
        this.#size -= claims.size;
        continue;
      }
      const held = claims.get(key, hash);
      if (held === undefined) continue;
      if (held !== holder) return false;
      if (number >= generation) return true;
      // The same attempt claims it for longer: it moves.
      claims.delete(key);
      this.#size--;
      break;
    }
    if (this.#size >= this.#maxClaims) throw new Error('the table of replay claims is full');
    this.#put(generation, key, holder);
    return true;
  }

  #put(generation: number, key: string, holder: string): void {
    let claims = this.#generations.get(generation);
    if (claims === undefined) {
      claims = new ShardedMap(this.#maxClaims, this.#hash);
      this.#generations.set(generation, claims);
    }
    claims.set(key, holder);
    this.#size++;
  }
}
