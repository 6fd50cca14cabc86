/**
 * X25519 (RFC 7748): the runtime's own through WebCrypto, else noble's, which is loaded only then.
 */
import { type Bytes, concatBytes, equalBytes, wipe } from './bytes.ts';
import { loadOnce } from './load-once.ts';
import { webCrypto } from './runtime.ts';
import type { X25519 } from './x25519-types.ts';

export const loadX25519: () => Promise<X25519> = /* @__PURE__ */ loadOnce(detect);

async function detect(): Promise<X25519> {
  const subtle = webCrypto()?.subtle;
  if (subtle !== undefined) {
    const native = webCryptoX25519(subtle);
    try {
      const [a, b] = await Promise.all([
        native.keyPair(new Uint8Array(32).fill(1)),
        native.keyPair(new Uint8Array(32).fill(2)),
      ]);
      if (equalBytes(await a.deriveSecret(b.publicKey), await b.deriveSecret(a.publicKey))) return native;
    } catch {
      // Not this runtime's: noble's then.
    }
  }
  return (await import('./x25519-noble.ts')).nobleX25519;
}

/** PKCS #8 of an X25519 private key (RFC 8410) as far as the key itself. */
const PKCS8_PREFIX: Bytes = /* @__PURE__ */ Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
]);
const SECRET_BYTES = 32;
const ALGORITHM = { name: 'X25519' };
/** The base point: u = 9. A public key is the secret multiplied by it. */
const BASE_POINT: Bytes = /* @__PURE__ */ Uint8Array.of(9, ...new Uint8Array(31));

function webCryptoX25519(subtle: SubtleCrypto): X25519 {
  const importPublic = (raw: Bytes): Promise<CryptoKey> => subtle.importKey('raw', raw, ALGORITHM, false, []);
  return {
    async keyPair(secret) {
      // Node's WebCrypto takes a longer one, and ignores what is over.
      if (secret.length !== SECRET_BYTES) throw new RangeError('an X25519 secret has 32 bytes');
      const pkcs8 = concatBytes([PKCS8_PREFIX, secret]);
      let key: CryptoKey | undefined = await subtle
        .importKey('pkcs8', pkcs8, ALGORITHM, false, ['deriveBits'])
        .finally(() => wipe(pkcs8));
      const multiply = async (point: Bytes): Promise<Bytes> => {
        if (key === undefined) throw new Error('the key is wiped');
        // All zero for a point of low order: WebCrypto refuses it, as RFC 7748 section 6.1 asks.
        return new Uint8Array(
          await subtle.deriveBits({ ...ALGORITHM, public: await importPublic(point) }, key, 256),
        );
      };
      return {
        publicKey: await multiply(BASE_POINT),
        deriveSecret: multiply,
        wipe() {
          key = undefined;
        },
      };
    },
  };
}
