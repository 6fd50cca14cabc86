/** Sessions, randomness and bytes for the tests of the protocol; all of them deterministic. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { type Bytes, base64UrlEncode, concatBytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import type { RandomBytes, SyncPrimitives } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import { NenError, type NenErrorCode } from '../../src/protocol/errors.ts';
import type { SessionTerms } from '../../src/protocol/handshake-messages.ts';
import {
  importKeys,
  type SessionContext,
  type SessionSecrets,
  type SyncSessionKeys,
} from '../../src/protocol/keys.ts';

export { hex, unhex } from '../crypto/implementations.ts';

/** Whether to try everything instead of a sample. */
export const LONG: boolean = process.env.NEN_LONG === '1';

export const NOW = 1_700_000_000_000;

/** What handshakes here mean, and come to. */
export const AUD = 'https://app.example';
export const terms: SessionTerms = { now: NOW, expiresAt: NOW + 3_600_000, epoch: 'epoch-1' };

/** 32 bytes that depend on the name alone. */
export function named(name: string): Bytes {
  return noblePrimitives.sha256(utf8ToBytes(name));
}

/** An endless generator that gives the same bytes for the same seed, each draw in a buffer of its own. */
export function seeded(seed: string): RandomBytes {
  let draws = 0;
  return (length) => {
    const draw = draws++;
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => named(`${seed} ${draw} ${i}`));
    return concatBytes(blocks).slice(0, length);
  };
}

export function sidOf(name: string): string {
  return base64UrlEncode(named(`sid ${name}`).slice(0, 16));
}

export function secretsOf(name: string): SessionSecrets {
  return {
    requestKey: named(`request key ${name}`),
    responseSecret: named(`response secret ${name}`),
    exporterSecret: named(`exporter ${name}`),
    hmacKey: named(`hmac key ${name}`),
  };
}

/** A session as both sides hold it. */
export function sessionOf(name: string, p: SyncPrimitives = primitives()): SessionContext<SyncSessionKeys> {
  return { sid: sidOf(name), keys: importKeys(p, secretsOf(name)) };
}

/** What a call came to: the code of its NenError, or 'ok'. Anything else that is thrown fails the test. */
export async function codeOf(run: () => unknown): Promise<NenErrorCode | 'ok'> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    if (error instanceof NenError) return error.code;
    throw error;
  }
}

/** The NenError that a call fails with. */
export async function errorOf(run: () => unknown): Promise<NenError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof NenError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual).toBeInstanceOf(Uint8Array);
  expect(Buffer.compare(actual ?? new Uint8Array(0), expected)).toBe(0);
}

/** A copy with one bit flipped. */
export function flip(bytes: Bytes, bit: number): Bytes {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

/** The pieces of `bytes` between these places. */
export function cutAt(bytes: Bytes, ...places: readonly number[]): Bytes[] {
  const ends = [...places, bytes.length];
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

export const ascii = (text: string): Bytes => utf8ToBytes(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export type Fields = Record<string, unknown>;
export const parse = (message: Bytes): Fields => JSON.parse(text(message)) as Fields;
export const json = (value: unknown): Bytes => utf8ToBytes(JSON.stringify(value));

/** Bytes that look random, quickly. */
export function patterned(length: number): Bytes {
  return Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8) ^ (i >> 16));
}

export const bytesUpTo = (maxLength: number): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ maxLength, size: 'max' }).map((array) => Uint8Array.from(array));

export const bytesOf = (length: number): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Uint8Array.from(array));

/** With properties that a polluted host would give every object; they are gone afterwards. */
export async function polluted<T>(
  properties: Record<string, unknown>,
  run: () => T | Promise<T>,
): Promise<T> {
  const names = Object.keys(properties);
  try {
    for (const name of names) {
      // As a careless merge of a JSON body does it.
      Object.defineProperty(Object.prototype, name, {
        value: properties[name],
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
    return await run();
  } finally {
    for (const name of names) Reflect.deleteProperty(Object.prototype, name);
  }
}
