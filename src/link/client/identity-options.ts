/**
 * The identity options of a client, checked at construction: an option that is given but wrong must
 * never come down to trusting anybody.
 */
import { loadSigner } from '../../crypto/load-ml-dsa-65.ts';
import { loadOnce } from '../../crypto/load-once.ts';
import { randomBytes } from '../../crypto/random.ts';
import { isSigner, ML_DSA_65_SEED_BYTES, type Signer } from '../../crypto/signature.ts';
import { isPin } from '../../protocol/identity.ts';

/** Whom a client trusts, and who it is itself. */
export interface IdentityOptions {
  /**
   * Pins of the servers that may answer: SHA-256 of their ML-DSA-65 public keys as base64url, 43 characters.
   * Give the next key's pin too before you roll. Without pins whoever answers is taken for the server.
   */
  readonly serverPins?: readonly string[];
  /** 'tls' (the default): the client is nobody in particular. 'pqc': it proves an ML-DSA-65 identity. */
  readonly identityMode?: 'tls' | 'pqc';
  /** For 'pqc': the application's key. By default one that lives as long as the client. */
  readonly identity?: Signer;
}

/** @throws {TypeError} for a list that is empty, undefined or holds anything but pins. */
export function readPins(options: IdentityOptions): ReadonlySet<string> | undefined {
  if (!('serverPins' in options)) return undefined;
  const { serverPins } = options;
  if (!Array.isArray(serverPins) || serverPins.length === 0 || ![...serverPins].every(isPin)) {
    throw new TypeError(
      'serverPins: a list of pins, 43 characters of base64url each; leave it out to go without',
    );
  }
  return new Set(serverPins);
}

/** What gives the client's identity for a handshake; undefined in mode 'tls'. @throws {TypeError} */
export function readIdentity({
  identityMode = 'tls',
  identity,
}: IdentityOptions): (() => Promise<Signer>) | undefined {
  if (identityMode !== 'tls' && identityMode !== 'pqc') throw new TypeError("identityMode: 'tls' or 'pqc'");
  if (identityMode === 'tls') {
    if (identity === undefined) return undefined;
    throw new TypeError("identity: needs identityMode 'pqc'");
  }
  if (identity !== undefined) {
    if (isSigner(identity)) return async () => identity;
    throw new TypeError('identity: a Signer has a publicKey of 1952 bytes and sign()');
  }
  return loadOnce(() => loadSigner(randomBytes(ML_DSA_65_SEED_BYTES), 'ephemeral'));
}

let warned = false;

/** Once for each process: a page in production that takes whoever answers. */
export function warnWithoutPins(): void {
  if (warned || !isProduction()) return;
  warned = true;
  console.warn(
    'trpc-nen: no serverPins: whoever ends the TLS connection could be the server (security: unauthenticated)',
  );
}

function isProduction(): boolean {
  try {
    // In exactly these words, which bundlers replace: a page has no `process`.
    return process.env.NODE_ENV === 'production';
  } catch {
    return false;
  }
}
