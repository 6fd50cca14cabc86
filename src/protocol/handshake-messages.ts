/**
 * The messages of the handshake as bytes, written and read side by side (PROTOCOL.md, "Handshake"):
 *
 *   client hello   {v, suite, aud, pk, id?}
 *   server hello   {v, sid, ct, hs, id?}
 *   terms          {hmacKey, now, expiresAt, epoch}, sealed in hs
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, base64Decode, base64Encode, utf8ToBytes } from '../crypto/bytes.ts';
import type { Suite } from '../crypto/suite.ts';
import { MAX_HANDSHAKE_BYTES, PROTOCOL_VERSION } from './constants.ts';
import { NenError } from './errors.ts';
import { isAudience, isEpoch, isSid, isTime } from './formats.ts';
import { decodeIdentity, encodeIdentity, type IdentityProof } from './identity.ts';
import { hasFields, type JsonObject, parseMessage } from './json.ts';

export interface ClientHello {
  readonly suite: Suite;
  /** The origin that the client means. */
  readonly audience: string;
  readonly publicKey: Bytes;
  readonly identity: IdentityProof | undefined;
}

export function encodeClientHello({ suite, audience, publicKey, identity }: ClientHello): Bytes {
  const hello = { v: PROTOCOL_VERSION, suite: suite.name, aud: audience, pk: base64Encode(publicKey) };
  return encode(identity === undefined ? hello : { ...hello, id: encodeIdentity(identity) });
}

/** What a server accepts. */
export interface HandshakePolicy {
  readonly suites: readonly Suite[];
  /** Accepted origins; every one if absent. */
  readonly origins: ReadonlySet<string> | undefined;
}

/**
 * Reads a hello and checks its public key. Cheap: no key operation runs here.
 * @param isRotation one that inherits its identities shows none.
 * @throws {NenError} ISO-1001, ISO-1002, ISO-1003, and ISO-1004 for an identity that is malformed.
 */
export function decodeClientHello(body: Bytes, policy: HandshakePolicy, isRotation = false): ClientHello {
  const message = parseHandshake(body);
  if (message === undefined)
    throw new NenError('ISO-1001', { hint: 'the handshake is not a well-formed message' });
  const { v, suite: name, aud, pk, id } = message;
  // First, so that a client of another version learns that and not what it lacks.
  if (v !== undefined && v !== PROTOCOL_VERSION)
    throw new NenError('ISO-1003', { hint: 'another protocol version' });
  if (typeof pk !== 'string' || pk === '') throw new NenError('ISO-1001', { hint: 'no public key' });
  if (!hasFields(message, ['v', 'suite', 'aud', 'pk'], identityField(isRotation))) {
    throw new NenError('ISO-1001', { hint: 'fields missing or unknown' });
  }
  const suite = policy.suites.find((accepted) => accepted.name === name);
  if (suite === undefined) throw new NenError('ISO-1003', { hint: 'the suite is not accepted' });
  if (!isAudience(aud)) throw new NenError('ISO-1003', { hint: 'aud is not an origin' });
  if (policy.origins !== undefined && !policy.origins.has(aud)) {
    throw new NenError('ISO-1003', { hint: `aud ${aud} is not among the server's origins` });
  }
  const publicKey = decodePublicKey(pk, suite);
  const identity = id === undefined ? undefined : decodeIdentity(id);
  if (id !== undefined && identity === undefined)
    throw new NenError('ISO-1004', { hint: 'malformed identity' });
  return { suite, audience: aud, publicKey, identity };
}

function decodePublicKey(pk: string, { kem }: Suite): Bytes {
  const publicKey = base64Decode(pk);
  if (publicKey === undefined)
    throw new NenError('ISO-1002', { hint: 'the public key is not canonical base64' });
  try {
    kem.checkPublicKey(publicKey);
  } catch (cause) {
    throw new NenError('ISO-1002', { hint: 'the public key fails the input check of the KEM', cause });
  }
  return publicKey;
}

export interface ServerHello {
  readonly sid: string;
  readonly ciphertext: Bytes;
  readonly hs: Bytes;
  readonly identity: IdentityProof | undefined;
}

export function encodeServerHello({ sid, ciphertext, hs, identity }: ServerHello): Bytes {
  const hello = { v: PROTOCOL_VERSION, sid, ct: base64Encode(ciphertext), hs: base64Encode(hs) };
  return encode(identity === undefined ? hello : { ...hello, id: encodeIdentity(identity) });
}

/**
 * @param isRotation one that inherits its identities shows none.
 * @throws {NenError} ISO-1007, and ISO-1006 for an identity that is malformed.
 */
export function decodeServerHello(body: Bytes, { kem }: Suite, isRotation = false): ServerHello {
  const message = parseHandshake(body);
  if (message === undefined || !hasFields(message, ['v', 'sid', 'ct', 'hs'], identityField(isRotation)))
    throw invalidAnswer('malformed');
  const { v, sid, id } = message;
  const ciphertext = decodeField(message, 'ct');
  const hs = decodeField(message, 'hs');
  if (v !== PROTOCOL_VERSION || !isSid(sid)) throw invalidAnswer('malformed');
  if (ciphertext?.length !== kem.ciphertextBytes || hs === undefined) throw invalidAnswer('malformed');
  const identity = id === undefined ? undefined : decodeIdentity(id);
  if (id !== undefined && identity === undefined) {
    throw new NenError('ISO-1006', { outcome: 'not-run', hint: 'malformed identity' });
  }
  return { sid, ciphertext, hs, identity };
}

/** What the server grants, authenticated by `hs`. Times in milliseconds since the epoch. */
export interface SessionTerms {
  /** The server's clock. */
  readonly now: number;
  readonly expiresAt: number;
  /** Names the store's memory (X-Nen-Retry). */
  readonly epoch: string;
}

export function encodeTerms(hmacKey: Bytes, { now, expiresAt, epoch }: SessionTerms): Bytes {
  return encode({ hmacKey: base64Encode(hmacKey), now, expiresAt, epoch });
}

/** @throws {NenError} ISO-1007. */
export function decodeTerms(bytes: Bytes): { readonly hmacKey: Bytes; readonly terms: SessionTerms } {
  const message = parseMessage(bytes);
  if (message === undefined || !hasFields(message, ['hmacKey', 'now', 'expiresAt', 'epoch'])) {
    throw invalidAnswer('malformed terms');
  }
  const { now, expiresAt, epoch } = message;
  if (!isTime(now) || !isTime(expiresAt) || !isEpoch(epoch)) throw invalidAnswer('malformed terms');
  // Last, so that no other field leaves a key behind that nobody wipes.
  const hmacKey = decodeField(message, 'hmacKey');
  if (hmacKey?.length !== KEY_BYTES) throw invalidAnswer('malformed terms');
  return { hmacKey, terms: { now, expiresAt, epoch } };
}

export function invalidAnswer(hint: string, cause?: unknown): NenError {
  return new NenError('ISO-1007', { outcome: 'not-run', hint, cause });
}

function encode(message: object): Bytes {
  return utf8ToBytes(JSON.stringify(message));
}

/** Those of a rotation come inside of a sealed message, which may be larger. */
function parseHandshake(body: Bytes): JsonObject | undefined {
  return body.length > MAX_HANDSHAKE_BYTES ? undefined : parseMessage(body);
}

function identityField(isRotation: boolean): readonly string[] {
  return isRotation ? [] : ['id'];
}

function decodeField(message: JsonObject, name: string): Bytes | undefined {
  const text = message[name];
  return typeof text === 'string' ? base64Decode(text) : undefined;
}
