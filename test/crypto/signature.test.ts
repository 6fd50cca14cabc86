/** What an application may hand in as a signer. */
import { describe, expect, it } from 'vitest';
import { isSigner } from '../../src/crypto/signature.ts';

const publicKey = new Uint8Array(1952);
const sign = () => new Uint8Array(3309);

describe('a signer', () => {
  it('is a public key of 1952 bytes and what signs with it', () => {
    expect(isSigner({ keyId: 'kms', publicKey, sign })).toBe(true);
    expect(isSigner({ publicKey, sign })).toBe(true);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', 'signer'],
    ['a function', Object.assign(() => undefined, { publicKey, sign })],
    ['an empty object', {}],
    ['a key alone', { publicKey }],
    ['a function alone', { sign }],
    ['a key in base64', { publicKey: 'A'.repeat(1952), sign }],
    ['a list of numbers', { publicKey: Array.from(publicKey), sign }],
    ['a key too short', { publicKey: publicKey.subarray(1), sign }],
    ['a key too long', { publicKey: new Uint8Array(1953), sign }],
    ['what does not sign', { publicKey, sign: 'sign' }],
  ])('is not %s', (_, value) => {
    expect(isSigner(value)).toBe(false);
  });
});
