/**
 * Random cases on which our cryptography and somebody else's must agree byte for byte, in both directions and
 * in what they refuse. Pure, so that it runs in a page too. A failing case is known by its number: its inputs
 * come from a seed.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';
import { type Bytes, concatBytes, equalBytes } from '../../src/crypto/bytes.ts';
import type { Kem, MaybePromise, Primitives } from '../../src/crypto/primitives.ts';

/** Another ML-KEM-768, whose key pairs can be made from a seed d || z of 64 bytes. */
export interface OtherKem {
  fromSeed(
    seed: Bytes,
  ): MaybePromise<{ publicKey: Bytes; decapsulate(ciphertext: Bytes): MaybePromise<Bytes> }>;
  encapsulate(publicKey: Bytes): MaybePromise<{ ciphertext: Bytes; sharedSecret: Bytes }>;
}

/** Another ChaCha20-Poly1305. */
export interface OtherAead {
  seal(key: Bytes, nonce: Bytes, aad: Bytes, message: Bytes): MaybePromise<Bytes>;
  /** Throws for a box that is not authentic. */
  open(key: Bytes, nonce: Bytes, aad: Bytes, box: Bytes): MaybePromise<Bytes>;
}

export interface Tally {
  readonly cases: number;
  /** What was compared. */
  readonly comparisons: number;
  /** `case: what`, for the first twenty. */
  readonly differences: readonly string[];
}

class Comparison {
  #comparisons = 0;
  readonly #differences: string[] = [];
  at = 0;

  same(what: string, a: Bytes, b: Bytes): void {
    this.holds(what, equalBytes(a, b));
  }

  holds(what: string, condition: boolean): void {
    this.#comparisons++;
    if (!condition && this.#differences.length < 20) this.#differences.push(`${this.at}: ${what}`);
  }

  async refuses(what: string, run: () => unknown): Promise<void> {
    let refused = false;
    try {
      await run();
    } catch {
      refused = true;
    }
    this.holds(what, refused);
  }

  tally(cases: number): Tally {
    return { cases, comparisons: this.#comparisons, differences: this.#differences };
  }
}

/** The inputs of one case, as many bytes as are asked for, the same in each run. */
function inputsOf(purpose: number, at: number) {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, purpose);
  new DataView(key.buffer).setUint32(4, at);
  let drawn = 0;
  const bytes = (length: number): Bytes => {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(0, drawn++);
    return Uint8Array.from(chacha20(key, nonce, new Uint8Array(length)));
  };
  /** From 0 to below `end`. */
  const below = (end: number): number => new DataView(bytes(4).buffer).getUint32(0) % end;
  return { bytes, below };
}

function flipBit(bytes: Bytes, bit: number): Bytes {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

const Q = 3329;

/** The key with one of its 768 coefficients at q or above. */
function withBadCoefficient(publicKey: Bytes, index: number, value: number): Bytes {
  const key = publicKey.slice();
  const at = Math.floor(index / 2) * 3;
  const middle = key[at + 1] ?? 0;
  if (index % 2 === 0) key.set([value & 0xff, (middle & 0xf0) | (value >> 8)], at);
  else key.set([(middle & 0x0f) | ((value & 15) << 4), value >> 4], at + 1);
  return key;
}

/** Same keys of the same seed; each opens the other's; both reject alike, silently or not. */
export async function compareKems(ours: Kem, theirs: OtherKem, cases: number): Promise<Tally> {
  const compared = new Comparison();
  for (let at = 0; at < cases; at++) {
    compared.at = at;
    const { bytes, below } = inputsOf(1, at);
    const seed = bytes(64);
    const mine = await ours.generateKeyPair(() => seed.slice());
    const other = await theirs.fromSeed(seed);
    compared.same('public key of a seed', mine.publicKey, other.publicKey);

    const sent = await ours.encapsulate(other.publicKey, () => bytes(32));
    compared.same('theirs opens ours', await other.decapsulate(sent.ciphertext), sent.sharedSecret);
    const received = await theirs.encapsulate(mine.publicKey);
    compared.same('ours opens theirs', await mine.decapsulate(received.ciphertext), received.sharedSecret);

    const altered = flipBit(sent.ciphertext, below(sent.ciphertext.length * 8));
    const rejected = await mine.decapsulate(altered);
    compared.same('implicit rejection', rejected, await other.decapsulate(altered));
    compared.holds('another secret than the real one', !equalBytes(rejected, sent.sharedSecret));

    const bad = withBadCoefficient(mine.publicKey, below(768), Q + below(4096 - Q));
    await compared.refuses('ours takes a coefficient over q', () => ours.encapsulate(bad, () => bytes(32)));
    await compared.refuses('theirs takes a coefficient over q', () => theirs.encapsulate(bad));
    const cut = [below(1184), below(1088)] as const;
    await compared.refuses('ours takes a short key', () =>
      ours.encapsulate(mine.publicKey.slice(0, cut[0]), () => bytes(32)),
    );
    await compared.refuses('theirs takes a short key', () =>
      theirs.encapsulate(mine.publicKey.slice(0, cut[0])),
    );
    await compared.refuses('ours takes a short ciphertext', () =>
      mine.decapsulate(sent.ciphertext.slice(0, cut[1])),
    );
    await compared.refuses('theirs takes a short ciphertext', () =>
      other.decapsulate(sent.ciphertext.slice(0, cut[1])),
    );
  }
  return compared.tally(cases);
}

/** Mostly short, some empty, now and then over a record. */
function lengthOf(below: (end: number) => number): number {
  const kind = below(100);
  if (kind < 8) return 0;
  if (kind < 90) return below(600);
  return below(kind < 99 ? 5_000 : 70_000);
}

/** The same box of the same input, however the message is cut; each opens the other's; both refuse what is altered. */
export async function compareAeads(ours: Primitives, theirs: OtherAead, cases: number): Promise<Tally> {
  const compared = new Comparison();
  for (let at = 0; at < cases; at++) {
    compared.at = at;
    const { bytes, below } = inputsOf(2, at);
    const [rawKey, nonce] = [bytes(32), bytes(12)];
    const aad = bytes(below(5) === 0 ? 0 : below(300));
    const message = bytes(lengthOf(below));
    const key = ours.aeadKey(rawKey);
    const cut = below(message.length + 1);
    const box = concatBytes(await key.seal(nonce, aad, [message.subarray(0, cut), message.subarray(cut)]));
    compared.same('the box', box, await theirs.seal(rawKey, nonce, aad, message));
    compared.same('ours opens', await key.open(nonce, aad, box), message);
    compared.same('theirs opens', await theirs.open(rawKey, nonce, aad, box), message);
    const altered = flipBit(box, below(box.length * 8));
    await compared.refuses('ours opens an altered box', () => key.open(nonce, aad, altered));
    await compared.refuses('theirs opens an altered box', () => theirs.open(rawKey, nonce, aad, altered));
    const other = flipBit(concatBytes([aad, Uint8Array.of(0)]), 0);
    await compared.refuses('ours opens with other data', () => key.open(nonce, other, box));
    await compared.refuses('theirs opens with other data', () => theirs.open(rawKey, nonce, other, box));
    key.wipe();
  }
  return compared.tally(cases);
}

/** How many cases: all of them with NEN_CRYPTO_CASES=all (npm run test:nodes), else a tenth. */
export function caseCounts(all: boolean): { readonly kem: number; readonly aead: number } {
  return all ? { kem: 1_500, aead: 20_000 } : { kem: 150, aead: 2_000 };
}
