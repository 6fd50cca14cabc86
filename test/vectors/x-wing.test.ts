/**
 * X-Wing against the vectors of its draft, with either X25519.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import { createXWing } from '../../src/crypto/x-wing.ts';
import { loadX25519 } from '../../src/crypto/x25519.ts';
import { nobleX25519 } from '../../src/crypto/x25519-noble.ts';

interface Vector {
  readonly [field: string]: string;
}

const folder = process.env.NEN_VECTORS ?? new URL('../../../shared/vectors', import.meta.url).pathname;
const file = `${folder}/xwing/xwing-draft-test-vectors.json`;
const found = existsSync(file);
const reason = found ? '' : ` (skipped: no external vectors at ${folder}; NEN_VECTORS names another folder)`;

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, 'hex'));

/** Gives these bytes, piece by piece. */
function tape(bytes: Uint8Array<ArrayBuffer>): (length: number) => Uint8Array<ArrayBuffer> {
  let at = 0;
  return (length) => {
    at += length;
    return bytes.slice(at - length, at);
  };
}

describe.skipIf(!found)(`X-Wing vectors${reason}`, () => {
  const vectors: Vector[] = found ? JSON.parse(readFileSync(file, 'utf8')) : [];

  test('there are three of them', () => expect(vectors).toHaveLength(3));

  test.each(vectors.map((vector, index) => [index, vector] as const))('vector %i', async (_, vector) => {
    const { seed = '', eseed = '', pk = '', ct = '', ss = '' } = vector;
    const kem = createXWing(noblePrimitives.mlKem768);
    const pair = await kem.generateKeyPair(tape(hex(seed)));
    expect(pair.publicKey).toEqual(hex(pk));
    const encapsulated = await kem.encapsulate(hex(pk), tape(hex(eseed)));
    expect(encapsulated.ciphertext).toEqual(hex(ct));
    expect(encapsulated.sharedSecret).toEqual(hex(ss));
    expect(await pair.decapsulate(hex(ct))).toEqual(hex(ss));
  });
});

test('noble and the runtime agree on X25519', async () => {
  const runtime = await loadX25519();
  for (let i = 1; i < 20; i++) {
    const [a, b] = [new Uint8Array(32).fill(i), new Uint8Array(32).fill(i + 100)];
    const [ours, theirs] = [await runtime.keyPair(a.slice()), await nobleX25519.keyPair(b.slice())];
    expect(await ours.deriveSecret(theirs.publicKey)).toEqual(await theirs.deriveSecret(ours.publicKey));
  }
});
