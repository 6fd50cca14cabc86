/**
 * C2SP CCTV: ML-KEM-768 at its edges. What CCTV derives from a seed d was made with the draft's key
 * generation, G(d) instead of FIPS 203's G(d || k), and can't be reproduced: of those files the
 * encapsulations and decapsulations are used, and for whole exchanges the hash of Go's test.
 */
import { gunzipSync } from 'node:zlib';
import { shake128 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytesToUtf8, viewOf } from '../../src/crypto/bytes.ts';
import type { Encapsulation } from '../../src/crypto/primitives.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { fixed, hex, kems, noble, unhex } from '../crypto/implementations.ts';
import { describeVectors, readFields, readJson, readVectors } from './vectors.ts';

/** 100 exchanges take a fifth of a second; 10000 (NEN_LONG=1) about half a minute. */
const EXCHANGES = process.env.NEN_LONG === '1' ? 10_000 : 100;

describeVectors('CCTV ML-KEM-768', () => {
  describe.each(kems)('by $name', ({ kem }) => {
    it('modulus: refuses 780 public keys, with every value from q to 4095 and at every place', async () => {
      const text = bytesToUtf8(viewOf(gunzipSync(readVectors('cctv/ML-KEM-768-modulus.txt.gz'))));
      const keys = text.split('\n').filter((line) => line !== '');
      let refused = 0;
      for (const key of keys) {
        const made = (async (): Promise<Encapsulation> => kem.encapsulate(unhex(key), randomBytes))();
        await expect(made).rejects.toThrow(RangeError);
        refused++;
      }
      expect(refused).toBe(780);
    });
  });

  it('modulus: noble refuses them by itself, without our check', () => {
    const text = bytesToUtf8(viewOf(gunzipSync(readVectors('cctv/ML-KEM-768-modulus.txt.gz'))));
    const keys = text.split('\n').filter((line) => line !== '');
    for (const key of keys) expect(() => ml_kem768.encapsulate(unhex(key))).toThrow('modulus');
    expect(keys.length).toBe(780);
  });

  it('strcmp: rejects implicitly though the ciphertexts differ only after a zero byte', () => {
    const { dk = '', c = '', K } = readFields('cctv/ML-KEM-768-strcmp.txt');
    expect(hex(ml_kem768.decapsulate(unhex(c), unhex(dk)))).toBe(K);
  });

  it('unluckysample: a matrix that takes more than 575 bytes of SHAKE-128 to sample', async () => {
    const { ek = '', dk = '', m = '', c = '', K } = readFields('cctv/ML-KEM-768-unluckysample.txt');
    const { ciphertext, sharedSecret } = await noble.mlKem768.encapsulate(unhex(ek), fixed(unhex(m)));
    expect([hex(ciphertext), hex(sharedSecret)]).toEqual([c, K]);
    expect(hex(ml_kem768.decapsulate(unhex(c), unhex(dk)))).toBe(K);
  });

  it(`accumulated: ${EXCHANGES} exchanges, each with a random ciphertext too, give Go's hash`, {
    timeout: 120_000,
  }, async () => {
    const { 'ML-KEM-768-go': go } = readJson<Record<string, Record<string, string>>>('cctv/accumulated.json');
    const kem = noble.mlKem768;
    const input = shake128.create();
    const output = shake128.create();
    const draw = (length: number): Bytes => input.xof(length);
    let exchanges = 0;
    for (; exchanges < EXCHANGES; exchanges++) {
      const pair = await kem.generateKeyPair(draw);
      const { ciphertext, sharedSecret } = await kem.encapsulate(pair.publicKey, draw);
      const rejected = await pair.decapsulate(draw(1088));
      expect(hex(await pair.decapsulate(ciphertext))).toBe(hex(sharedSecret));
      for (const bytes of [pair.publicKey, ciphertext, sharedSecret, rejected]) output.update(bytes);
    }
    expect(exchanges).toBe(EXCHANGES);
    expect(hex(output.xof(32))).toBe(go?.[EXCHANGES]);
  });
});
