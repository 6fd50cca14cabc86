/**
 * What the cases of the store contract share: a store, a way to let its time pass, fresh names (the
 * store behind it may be shared and may remember earlier runs), and checks that throw plain errors,
 * so that any test runner will do.
 */
import { type Bytes, base64UrlEncode } from '../../crypto/bytes.ts';
import { randomBytes } from '../../crypto/random.ts';
import type { ClaimOptions, ClaimResult, SessionStore } from '../types.ts';

export interface ContractContext {
  readonly store: SessionStore;
  /** Lets the store's time pass. */
  wait(ms: number): Promise<void>;
  /** A short time: long enough for a few calls of this store, short enough to wait for. */
  readonly shortMs: number;
}

/** A behaviour every store has, and the proof of it, which throws where it hasn't. */
export type ContractCase = readonly [name: string, run: (context: ContractContext) => Promise<void>];

/** Long enough that nothing ends by itself while a case runs. */
export const LONG_MS = 600_000;

/** Names that an object used as a map, a key pattern or a joined key would get wrong. */
export const ODD_NAMES: readonly string[] = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'a:b',
  'a b',
  '*',
  '{a}',
  '../a',
  '%00',
  '0',
  '-1',
  '4294967295',
  'é',
  '\u{1f511}',
];

/** A session id that no run has used. */
export function freshSid(): string {
  return base64UrlEncode(randomBytes(16));
}

/** An attempt id, or a nonce: 16 random bytes. */
export function freshId(): string {
  return base64UrlEncode(randomBytes(16));
}

export function record(...bytes: number[]): Bytes {
  return Uint8Array.from(bytes);
}

/**
 * A claim by an attempt of its own that holds long and needs the session, unless said otherwise. An epoch that is
 * undefined is there, as in the server's calls.
 */
export function claim(
  store: SessionStore,
  sid: string,
  nonce: string,
  options: Partial<ClaimOptions> & { attempt?: string } = {},
): Promise<ClaimResult> {
  const { attempt = freshId(), ...changes } = options;
  const defaults = { claimMs: LONG_MS, idleMs: LONG_MS, requireSession: true, epoch: undefined };
  return store.claim(sid, nonce, attempt, { ...defaults, ...changes });
}

export function equal<Value>(actual: Value, expected: Value, what: string): void {
  if (!Object.is(actual, expected))
    throw new Error(`${what}: expected ${String(expected)}, got ${String(actual)}`);
}

export function equalBytes(actual: Bytes | undefined, expected: Bytes, what: string): void {
  if (actual === undefined) throw new Error(`${what}: expected ${expected.length} bytes, got nothing`);
  equal(actual.length, expected.length, `${what}, length`);
  for (const [at, byte] of expected.entries()) equal(actual[at], byte, `${what}, byte ${at}`);
}

/** Counts equal results. */
export function count<Value>(results: readonly Value[], wanted: Value): number {
  return results.filter((result) => result === wanted).length;
}

export async function rejectsWithTypeError(run: () => Promise<unknown>, what: string): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof TypeError) return;
    throw new Error(`${what}: expected a TypeError, got ${String(error)}`, { cause: error });
  }
  throw new Error(`${what}: expected a TypeError, got none`);
}
