/**
 * How many handshakes a server answers: each costs it a key encapsulation, and anybody may ask.
 * Token buckets per client address, or one for all where nobody tells the address.
 */
import { ownString } from '../session/own-string.ts';
import { positiveInteger, positiveNumber } from './checks.ts';

/**
 * Decides on one handshake.
 * @param address from `clientAddress`, undefined where it is not known.
 * @returns 0 to answer it, or the seconds after which the client may ask again (Retry-After).
 */
export type RateLimiter = (address: string | undefined) => number | Promise<number>;

/** The rates of `tokenBucket`. */
export interface TokenBucketOptions {
  /** Handshakes a second and address, in the long run. */
  readonly perSecond: number;
  /** Handshakes at once. */
  readonly burst: number;
  /** The same, where the address is not known: for all clients together. */
  readonly global: { readonly perSecond: number; readonly burst: number };
  /** How many addresses are remembered; the longest unseen one is forgotten first. 10 000 by default. */
  readonly maxAddresses?: number;
  /** In milliseconds; Date.now by default. */
  readonly now?: () => number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** About a tenth of what one core can answer, for each address; half of it for all together. */
export const DEFAULT_RATE: TokenBucketOptions = {
  perSecond: 20,
  burst: 100,
  global: { perSecond: 1000, burst: 2000 },
};

/** @throws {TypeError} for a rate that is none. */
export function tokenBucket({
  perSecond,
  burst,
  global,
  maxAddresses = 10_000,
  now = Date.now,
}: TokenBucketOptions): RateLimiter {
  positiveNumber('perSecond', perSecond);
  positiveInteger('burst', burst);
  positiveNumber('global.perSecond', global.perSecond);
  positiveInteger('global.burst', global.burst);
  positiveInteger('maxAddresses', maxAddresses);
  const buckets = new Map<string, Bucket>();
  const shared: Bucket = { tokens: global.burst, at: now() };

  function take(bucket: Bucket, rate: number, size: number): number {
    const at = now();
    bucket.tokens = Math.min(size, bucket.tokens + (Math.max(0, at - bucket.at) * rate) / 1000);
    bucket.at = at;
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / rate);
    bucket.tokens -= 1;
    return 0;
  }

  return (address) => {
    if (address === undefined) return take(shared, global.perSecond, global.burst);
    const key = ownString('', address.slice(0, MAX_ADDRESS_CHARACTERS));
    const bucket = buckets.get(key) ?? { tokens: burst, at: now() };
    buckets.delete(key);
    buckets.set(key, bucket);
    if (buckets.size > maxAddresses) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    return take(bucket, perSecond, burst);
  };
}

/** What is the same up to here counts as one address: whoever asks may have written a header of any length. */
const MAX_ADDRESS_CHARACTERS = 1024;
