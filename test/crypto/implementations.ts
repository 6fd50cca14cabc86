/** The implementations that this runtime offers, for tests that must hold for each of them alike. */
import type { Bytes } from '../../src/crypto/bytes.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import { nodePrimitives } from '../../src/crypto/node.ts';
import type { Kem, RandomBytes, SyncPrimitives } from '../../src/crypto/primitives.ts';

export const noble: SyncPrimitives = noblePrimitives;
export const node: SyncPrimitives | undefined = nodePrimitives();

export const implementations: readonly SyncPrimitives[] = node === undefined ? [noble] : [noble, node];

/** The runtime's own ML-KEM, which only some runtimes have. */
export const nativeKem: Kem | undefined = node?.mlKem768 === noble.mlKem768 ? undefined : node?.mlKem768;

/** Every KEM that isn't the same object under another name. */
export const kems: readonly { readonly name: string; readonly kem: Kem }[] = [
  { name: 'noble', kem: noble.mlKem768 },
  ...(nativeKem === undefined ? [] : [{ name: 'native', kem: nativeKem }]),
];

export function unhex(text: string): Bytes {
  const clean = text.replaceAll(/\s/g, '');
  if (!/^([0-9a-fA-F]{2})*$/.test(clean)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from({ length: clean.length / 2 }, (_, i) =>
    Number.parseInt(clean.slice(2 * i, 2 * i + 2), 16),
  );
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A generator that gives these bytes, once, and fails if it is asked for another amount. */
export function fixed(bytes: Bytes): RandomBytes {
  return (length) => {
    if (length !== bytes.length) throw new Error(`asked for ${length} random bytes, not ${bytes.length}`);
    return bytes.slice();
  };
}
