/**
 * Identities in the handshake (PROTOCOL.md, "Identities"): ML-DSA-65 keys, known by their pin.
 *
 *   pin             = base64url(SHA-256(public key)), 43 characters
 *   client id.sig   = ML-DSA-65, context "nen/2 client", over SHA-256(input("nen/2 client hello", suite, pk, aud))
 *   server id.sig   = ML-DSA-65, context "nen/2 server", over the transcript
 */
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64UrlDecode,
  base64UrlEncode,
  latin1ToBytes,
} from '../crypto/bytes.ts';
import type { MaybePromise, Primitives, SyncPrimitives } from '../crypto/primitives.ts';
import {
  ML_DSA_65_PUBLIC_KEY_BYTES,
  ML_DSA_65_SIGNATURE_BYTES,
  type SignatureVerifier,
  type Signer,
} from '../crypto/signature.ts';
import { CONTEXT_CLIENT, CONTEXT_SERVER, LABEL_CLIENT_HELLO, PIN_BYTES } from './constants.ts';
import { NenError } from './errors.ts';
import { input } from './input.ts';
import { hasFields, toObject } from './json.ts';

/** A public key and the signature that proves its owner's part in this handshake. */
export interface IdentityProof {
  /** 1952 bytes. */
  readonly publicKey: Bytes;
  /** 3309 bytes. */
  readonly signature: Bytes;
}

export type Role = 'client' | 'server';

const CONTEXTS: Record<Role, Bytes> = {
  client: latin1ToBytes(CONTEXT_CLIENT),
  server: latin1ToBytes(CONTEXT_SERVER),
};

/** SHA-256 of a public key: what stands for an identity in transcripts and records. 32 bytes. */
export function identityDigest(primitives: SyncPrimitives, publicKey: Bytes): Bytes;
export function identityDigest(primitives: Primitives, publicKey: Bytes): MaybePromise<Bytes>;
export function identityDigest(primitives: Primitives, publicKey: Bytes): MaybePromise<Bytes> {
  return primitives.sha256(publicKey);
}

/** The pin of an identity, from its digest. */
export function encodePin(digest: Bytes): string {
  return base64UrlEncode(digest);
}

/** Whether the text is a pin: 43 characters of base64url. */
export function isPin(text: unknown): text is string {
  return typeof text === 'string' && base64UrlDecode(text)?.length === PIN_BYTES;
}

/** What the client signs. */
export function clientHelloDigest(
  primitives: Primitives,
  suite: string,
  publicKey: Bytes,
  audience: string,
): MaybePromise<Bytes> {
  return primitives.sha256(input(LABEL_CLIENT_HELLO, suite, publicKey, audience));
}

/**
 * Signs with a key that may lie elsewhere, in a KMS that fails or is slow.
 * @throws {NenError} ISO-1004 for the client's own signer, ISO-1008 for the server's: nothing was sent.
 */
export async function proveIdentity(signer: Signer, role: Role, message: Bytes): Promise<IdentityProof> {
  let signature: unknown;
  try {
    signature = await signer.sign(message, CONTEXTS[role]);
  } catch (cause) {
    throw noSignature(signer, role, `failed (${cause instanceof Error ? cause.name : typeof cause})`, cause);
  }
  if (!(signature instanceof Uint8Array) || signature.length !== ML_DSA_65_SIGNATURE_BYTES)
    throw noSignature(signer, role, 'gave no ML-DSA-65 signature');
  return { publicKey: signer.publicKey, signature: signature as Bytes };
}

/** Of the signer's error the log gets the name only: its text may hold what the application's KMS says of keys. */
function noSignature({ keyId }: Signer, role: Role, what: string, cause?: unknown): NenError {
  return new NenError(role === 'client' ? 'ISO-1004' : 'ISO-1008', {
    outcome: 'not-run',
    hint: `the ${role}'s signer (key ${keyId}) ${what}`,
    cause,
  });
}

export async function verifyIdentity(
  verifier: SignatureVerifier,
  role: Role,
  message: Bytes,
  { publicKey, signature }: IdentityProof,
): Promise<boolean> {
  return verifier.verify(publicKey, message, signature, CONTEXTS[role]);
}

/** The `id` field of a handshake message. */
export function encodeIdentity({ publicKey, signature }: IdentityProof): { pk: string; sig: string } {
  return { pk: base64Encode(publicKey), sig: base64Encode(signature) };
}

/** @returns undefined if malformed. */
export function decodeIdentity(value: unknown): IdentityProof | undefined {
  const id = toObject(value);
  if (id === undefined || !hasFields(id, ['pk', 'sig'])) return undefined;
  const { pk, sig } = id;
  const publicKey = typeof pk === 'string' ? base64Decode(pk) : undefined;
  const signature = typeof sig === 'string' ? base64Decode(sig) : undefined;
  if (publicKey?.length !== ML_DSA_65_PUBLIC_KEY_BYTES || signature?.length !== ML_DSA_65_SIGNATURE_BYTES)
    return undefined;
  return { publicKey, signature };
}
