/**
 * What "at most once" needs (PROTOCOL.md, "Claims" and "Retrying"): the window of timestamps, how long
 * a claimed nonce is remembered, and X-Nen-Retry, by which a retry claims its first attempt:
 *
 *   X-Nen-Retry = sid SP timestamp SP nonce SP epoch     (of the first attempt)
 */
import { CLAIM_MARGIN_MS, MAX_AGE_AT_CLAIM_MS, WINDOW_MS } from './constants.ts';
import { decodeNonce, isEpoch, isSid, isTimestamp } from './formats.ts';

/** Whether a request's timestamp is close enough to the server's clock, either way. */
export function isInWindow(timestamp: number, now: number): boolean {
  return Math.abs(now - timestamp) <= WINDOW_MS;
}

/**
 * Whether a request's nonce may still be claimed. Its timestamp was checked when its headers came, but its body
 * may be held back (attack: a copy, held back until the original's claim was forgotten, ran again). A claim lives
 * for at least four windows from the timestamp on, less the 60 s by which instance clocks may differ.
 */
export function isClaimable(timestamp: number, now: number): boolean {
  return now - timestamp < MAX_AGE_AT_CLAIM_MS;
}

/**
 * How long the claim of a nonce lives: longer than its timestamp can pass on any instance, so that
 * no copy can run after the claim is forgotten. Instance clocks agree within 60 s.
 */
export function claimMs(timestamp: number, now: number): number {
  return Math.max(0, timestamp - now) + 2 * WINDOW_MS + CLAIM_MARGIN_MS;
}

/** The first attempt of a call that is sent once more. */
export interface FirstAttempt {
  readonly sid: string;
  readonly timestamp: number;
  /** 16 characters of base64. */
  readonly nonce: string;
  /** The epoch that the first attempt's handshake was told. */
  readonly epoch: string;
}

export function encodeRetry({ sid, timestamp, nonce, epoch }: FirstAttempt): string {
  return `${sid} ${timestamp} ${nonce} ${epoch}`;
}

/** @returns undefined if malformed. */
export function decodeRetry(value: string): FirstAttempt | undefined {
  const [sid = '', timestamp = '', nonce = '', epoch = '', ...rest] = value.split(' ');
  if (rest.length > 0 || !isSid(sid) || !isTimestamp(timestamp) || !isEpoch(epoch)) return undefined;
  return decodeNonce(nonce) === undefined ? undefined : { sid, timestamp: Number(timestamp), nonce, epoch };
}
