/** PROTOCOL.md 3 and 4.1: identities, their digests and pins, and what either side signs with one. */
import { type Bytes, b64, b64url, fromB64 } from './bytes.ts';
import { mlDsa } from './post-quantum.ts';
import { sha256 } from './primitives.ts';

const PUBLIC_KEY_BYTES = 1952;
const SIGNATURE_BYTES = 3309;

export const CLIENT_CONTEXT = 'nen/2 client';
export const SERVER_CONTEXT = 'nen/2 server';

/** Somebody who can prove a key: 32 bytes of seed and what follows from them. */
export interface Identity {
  readonly seed: Bytes;
  readonly publicKey: Bytes;
  readonly pin: string;
}

/** `"id"` of a handshake message, decoded. */
export interface Shown {
  readonly publicKey: Bytes;
  readonly signature: Bytes;
}

/** What is signed, and under which context string. */
export interface Signing {
  readonly context: string;
  readonly digest: Bytes;
}

export const digestOf = (publicKey: Bytes): Buffer => sha256(publicKey);
export const pinOf = (publicKey: Bytes): string => b64url(digestOf(publicKey));

export function identityOf(seed: Bytes): Identity {
  const publicKey = mlDsa.publicKey(seed);
  return { seed, publicKey, pin: pinOf(publicKey) };
}

/** `{"pk","sig"}` */
export function show(identity: Identity, { digest, context }: Signing): { pk: string; sig: string } {
  return { pk: b64(identity.publicKey), sig: b64(mlDsa.sign(identity.seed, digest, context)) };
}

/** undefined if it has other fields, another spelling or other lengths. */
export function readShown(id: unknown): Shown | undefined {
  if (typeof id !== 'object' || id === null || Object.keys(id).sort().join() !== 'pk,sig') return undefined;
  const { pk, sig } = id as Record<string, unknown>;
  const [publicKey, signature] = [fromB64(pk, PUBLIC_KEY_BYTES), fromB64(sig, SIGNATURE_BYTES)];
  return publicKey && signature && { publicKey, signature };
}

export const holds = (shown: Shown, { digest, context }: Signing): boolean =>
  mlDsa.verify(shown.publicKey, digest, context, shown.signature);
