/** What web-crypto.test.ts runs in the page: our cryptography against the browser's own, and with it. */
import { type Bytes, concatBytes } from '../../../src/crypto/bytes.ts';
import { force } from '../../../src/crypto/choice.ts';
import { loadSigner, loadVerifier } from '../../../src/crypto/load-ml-dsa-65.ts';
import { loadPrimitives } from '../../../src/crypto/load-primitives.ts';
import { createMlDsa65Signer, mlDsa65Verifier } from '../../../src/crypto/ml-dsa-65.ts';
import { nobleAeadKey, noblePrimitives } from '../../../src/crypto/noble.ts';
import type { Primitives } from '../../../src/crypto/primitives.ts';
import { randomBytes } from '../../../src/crypto/random.ts';
import { type ModernSubtle, modernSubtle } from '../../../src/crypto/web-subtle.ts';
import {
  compareAeads,
  compareKems,
  type OtherAead,
  type OtherKem,
  type Tally,
} from '../../crypto/differences.ts';

function subtle(): ModernSubtle {
  const found = modernSubtle();
  if (found === undefined) throw new Error('no WebCrypto: the page is not on localhost');
  return found;
}

const kem: OtherKem = {
  async fromSeed(seed) {
    const privateKey = await subtle().importKey('raw-seed', seed, 'ML-KEM-768', false, ['decapsulateBits']);
    const publicKey = await subtle().getPublicKey(privateKey, ['encapsulateBits']);
    return {
      publicKey: new Uint8Array(await subtle().exportKey('raw-public', publicKey)),
      decapsulate: async (ciphertext) =>
        new Uint8Array(await subtle().decapsulateBits('ML-KEM-768', privateKey, ciphertext)),
    };
  },
  async encapsulate(publicKey) {
    const key = await subtle().importKey('raw-public', publicKey, 'ML-KEM-768', false, ['encapsulateBits']);
    const { ciphertext, sharedKey } = await subtle().encapsulateBits('ML-KEM-768', key);
    return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
  },
};

const NAME = 'ChaCha20-Poly1305';

const aead: OtherAead = {
  async seal(key, iv, additionalData, message) {
    const imported = await subtle().importKey('raw-secret', key, NAME, false, ['encrypt']);
    return new Uint8Array(
      await subtle().encrypt({ name: NAME, iv, additionalData, tagLength: 128 }, imported, message),
    );
  },
  async open(key, iv, additionalData, box) {
    const imported = await subtle().importKey('raw-secret', key, NAME, false, ['decrypt']);
    return new Uint8Array(
      await subtle().decrypt({ name: NAME, iv, additionalData, tagLength: 128 }, imported, box),
    );
  },
};

const nobleAead: OtherAead = {
  seal: (key, nonce, aad, message) => concatBytes(nobleAeadKey(key).seal(nonce, aad, [message])),
  open: (key, nonce, aad, box) => nobleAeadKey(key).open(nonce, aad, box),
};

const tests = {
  kems: (cases: number): Promise<Tally> => compareKems(noblePrimitives.mlKem768, kem, cases),
  aeads: (cases: number): Promise<Tally> => compareAeads(noblePrimitives, aead, cases),
  ownAead: async (cases: number): Promise<Tally> => compareAeads(await loadPrimitives(), nobleAead, cases),
  /** @returns how many hashes, MACs and derived keys of the client are not noble's. */
  async ownHashes(cases: number): Promise<number> {
    const own = await loadPrimitives();
    const [key, data] = [randomBytes(32), randomBytes(cases)] as const;
    const made = async (p: Primitives, part: Bytes): Promise<string> =>
      [await p.sha256(part), await p.extract(key, part), await p.expand(p.macKey(key), part)].join();
    let differences = 0;
    for (let length = 0; length < cases; length++) {
      const part = data.subarray(0, length);
      if ((await made(own, part)) !== (await made(noblePrimitives, part))) differences++;
    }
    return differences;
  },
  /** @returns how many exchanges between the client's KEM and noble's failed. */
  async ownKem(cases: number): Promise<number> {
    const { mlKem768 } = await loadPrimitives();
    let failures = 0;
    for (let i = 0; i < cases; i++) {
      for (const [ours, theirs] of [
        [mlKem768, noblePrimitives.mlKem768],
        [noblePrimitives.mlKem768, mlKem768],
      ] as const) {
        const pair = await ours.generateKeyPair(randomBytes);
        const { ciphertext, sharedSecret } = await theirs.encapsulate(pair.publicKey, randomBytes);
        if (String(await pair.decapsulate(ciphertext)) !== String(sharedSecret)) failures++;
      }
    }
    return failures;
  },
  /** @returns what was found out of each signature by the browser and by noble, verified by both. */
  async signatures(cases: number): Promise<Record<string, number>> {
    const [message, context, other] = [randomBytes(32), randomBytes(12), randomBytes(12)] as const;
    const verifiers = { browser: await loadVerifier(), noble: mlDsa65Verifier() };
    const found: Record<string, number> = {};
    const count = (what: string, condition: boolean): void => {
      found[what] = (found[what] ?? 0) + (condition ? 1 : 0);
    };
    for (let i = 0; i < cases; i++) {
      const seed = randomBytes(32);
      const signers = { browser: await loadSigner(seed, 'own'), noble: createMlDsa65Signer(seed, 'noble') };
      count('same key', String(signers.browser.publicKey) === String(signers.noble.publicKey));
      for (const [by, { sign, publicKey }] of Object.entries(signers)) {
        const signature = await sign(message, context);
        for (const [who, { verify }] of Object.entries(verifiers)) {
          const altered: Bytes = signature.slice();
          altered[i % altered.length] = (altered[i % altered.length] ?? 0) ^ 1;
          count(`${who} takes ${by}`, await verify(publicKey, message, signature, context));
          count(`${who} takes another context`, await verify(publicKey, message, signature, other));
          count(`${who} takes an altered one`, await verify(publicKey, message, altered, context));
          count(`${who} takes a short key`, await verify(publicKey.slice(1), message, signature, context));
        }
      }
    }
    return found;
  },
  /** @returns which primitives a client takes: as it is, and told to take noble. */
  async names(): Promise<readonly string[]> {
    const { name } = await loadPrimitives();
    force('noble');
    const forced = await loadPrimitives();
    force(undefined);
    return [name, forced.name];
  },
};

export type PageTests = typeof tests;

Object.assign(globalThis, { tests });
