/**
 * The handshake, both sides in the order in which the bytes travel (PROTOCOL.md, "Handshake"):
 *
 *   client  startHandshake    client hello  ->
 *   server                                      verifyClientIdentity, answerHandshake
 *   client  finishHandshake   <-  server hello
 *
 * A rotation is the same handshake inside a sealed request, with the old session as `previous` and
 * without identities of its own: they are inherited.
 */
import { KEY_BYTES, NONCE_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, base64UrlEncode, concatBytes, wipe } from '../crypto/bytes.ts';
import { loadVerifier } from '../crypto/load-ml-dsa-65.ts';
import type {
  Encapsulation,
  KemKeyPair,
  MaybePromise,
  Primitives,
  RandomBytes,
} from '../crypto/primitives.ts';
import { randomBytes } from '../crypto/random.ts';
import type { SignatureVerifier, Signer } from '../crypto/signature.ts';
import type { Suite } from '../crypto/suite.ts';
import { SID_BYTES } from './constants.ts';
import { NenError } from './errors.ts';
import {
  type ClientHello,
  decodeServerHello,
  decodeTerms,
  encodeServerHello,
  encodeTerms,
  invalidAnswer,
  type SessionTerms,
} from './handshake-messages.ts';
import {
  clientHelloDigest,
  encodePin,
  type IdentityProof,
  identityDigest,
  proveIdentity,
  verifyIdentity,
} from './identity.ts';
import { deriveSchedule, hashTranscript, type Identities, type PreviousSession } from './key-schedule.ts';
import type { SessionSecrets } from './keys.ts';

/**
 * A handshake that waits for its answer. It holds the ephemeral key pair until `finishHandshake`, which
 * wipes it; who drops the handshake before wipes it himself.
 */
export interface PendingHandshake {
  readonly hello: ClientHello;
  readonly keyPair: KemKeyPair;
  readonly previous: PreviousSession | undefined;
}

export interface NewSession extends Identities {
  readonly sid: string;
  readonly secrets: SessionSecrets;
  readonly terms: SessionTerms;
}

interface StartOptions {
  /** The client's own identity, proved in the hello. */
  readonly identity?: Signer | undefined;
  readonly previous?: PreviousSession | undefined;
  readonly random?: RandomBytes;
}

/**
 * Client: makes an ephemeral key pair, signed if the client has an identity.
 * @throws {NenError} ISO-1004 if the client's signer fails.
 */
export async function startHandshake(
  suite: Suite,
  audience: string,
  { identity: signer, previous, random = randomBytes }: StartOptions = {},
): Promise<PendingHandshake> {
  const keyPair = await suite.kem.generateKeyPair(random);
  const { publicKey } = keyPair;
  try {
    const identity =
      signer &&
      (await proveIdentity(
        signer,
        'client',
        await clientHelloDigest(suite.primitives, suite.name, publicKey, audience),
      ));
    return { hello: { suite, audience, publicKey, identity }, keyPair, previous };
  } catch (error) {
    keyPair.wipe();
    throw error;
  }
}

/**
 * Server: verifies the client's identity, if there is one.
 * @returns SHA-256 of its public key.
 * @throws {NenError} ISO-1004.
 */
export async function verifyClientIdentity(
  primitives: Primitives,
  { suite, audience, publicKey, identity }: ClientHello,
  loadVerifier: () => Promise<SignatureVerifier>,
): Promise<Bytes | undefined> {
  if (identity === undefined) return undefined;
  const signed = await clientHelloDigest(primitives, suite.name, publicKey, audience);
  if (!(await verifyIdentity(await loadVerifier(), 'client', signed, identity))) {
    throw new NenError('ISO-1004', { hint: 'the client identity signature does not verify' });
  }
  return identityDigest(primitives, identity.publicKey);
}

interface AnswerOptions {
  readonly terms: SessionTerms;
  /** The session's id, if it was drawn before: the terms may depend on it. */
  readonly sid?: string;
  /** From `verifyClientIdentity`; a rotation inherits its own. */
  readonly clientIdentity?: Bytes | undefined;
  /** The server's own, which signs the transcript. Not of use in a rotation. */
  readonly identity?: Signer | undefined;
  readonly previous?: PreviousSession | undefined;
  readonly random?: RandomBytes;
}

/** A session id: 16 random bytes as base64url without padding, 22 characters. */
export function newSid(random: RandomBytes = randomBytes): string {
  return base64UrlEncode(random(SID_BYTES));
}

/**
 * Server: encapsulates, derives the session and seals its terms.
 * @throws {NenError} ISO-1002 for a key that the KEM refuses, ISO-1008 if the server's signer fails.
 */
export async function answerHandshake(
  primitives: Primitives,
  hello: ClientHello,
  { terms, sid: given, previous, clientIdentity, identity: signer, random = randomBytes }: AnswerOptions,
): Promise<{ readonly session: NewSession; readonly answer: Bytes }> {
  const { ciphertext, sharedSecret } = await encapsulate(hello, random);
  const held = [sharedSecret];
  try {
    const sid = given ?? newSid(random);
    const hmacKey = random(KEY_BYTES);
    held.push(hmacKey);
    const identities: Identities = previous ?? {
      clientIdentity,
      serverIdentity: signer && (await identityDigest(primitives, signer.publicKey)),
    };
    const transcript = await transcriptOf(primitives, hello, sid, ciphertext, identities, previous);
    const schedule = await deriveSchedule(primitives, transcript, sharedSecret, previous);
    held.push(...Object.values(schedule.secrets));
    const hs = await sealTerms(primitives, schedule.handshakeKey, transcript, encodeTerms(hmacKey, terms));
    const isSigned = signer !== undefined && previous === undefined;
    const identity = isSigned ? await proveIdentity(signer, 'server', transcript) : undefined;
    return {
      session: { sid, secrets: { ...schedule.secrets, hmacKey }, terms, ...pickIdentities(identities) },
      answer: encodeServerHello({ sid, ciphertext, hs, identity }),
    };
  } catch (error) {
    wipe(...held);
    throw error;
  }
}

/** Whom the client takes for its server. */
export interface ServerTrust {
  /** The pins one of which the server must prove; undefined: none is known yet, and whoever answers is taken. */
  readonly pins: ReadonlySet<string> | undefined;
  readonly loadVerifier: () => Promise<SignatureVerifier>;
}

/** Takes whoever answers for the server: a server that shows an identity must still own it. */
export const UNPINNED: ServerTrust = { pins: undefined, loadVerifier };

/**
 * Client: refuses a key that is not pinned, decapsulates, derives and opens the terms, which confirms the
 * keys: ML-KEM rejects a wrong ciphertext silently, only here does it show. Then the server proves that the
 * key is its own. Wipes the ephemeral key pair: one answer, one try.
 * @throws {NenError} ISO-1007, ISO-1006.
 */
export async function finishHandshake(
  primitives: Primitives,
  { hello, keyPair, previous }: PendingHandshake,
  body: Bytes,
  trust: ServerTrust,
): Promise<NewSession> {
  try {
    const { sid, ciphertext, hs, identity } = decodeServerHello(body, hello.suite, previous !== undefined);
    const identities: Identities = previous ?? {
      clientIdentity: hello.identity && (await identityDigest(primitives, hello.identity.publicKey)),
      serverIdentity: identity && (await identityDigest(primitives, identity.publicKey)),
    };
    if (previous === undefined) requirePinned(identities.serverIdentity, trust);
    const transcript = await transcriptOf(primitives, hello, sid, ciphertext, identities, previous);
    const schedule = await deriveSchedule(
      primitives,
      transcript,
      await decapsulate(keyPair, ciphertext),
      previous,
    );
    const held: Bytes[] = Object.values(schedule.secrets);
    try {
      const { hmacKey, terms } = await openTerms(primitives, schedule.handshakeKey, transcript, hs);
      held.push(hmacKey);
      // Without pins too: a key that is shown must be owned.
      if (identity !== undefined) await verifyServerIdentity(transcript, identity, trust);
      return { sid, secrets: { ...schedule.secrets, hmacKey }, terms, ...pickIdentities(identities) };
    } catch (error) {
      wipe(...held);
      throw error;
    }
  } finally {
    keyPair.wipe();
  }
}

/** The handshake key seals once, so its nonce is zero. */
const NONCE_ZERO: Bytes = new Uint8Array(NONCE_BYTES);

/** Before anything is done with the answer, so that a stripped identity is told from an altered message. */
function requirePinned(serverIdentity: Bytes | undefined, { pins }: ServerTrust): void {
  if (pins === undefined) return;
  if (serverIdentity === undefined) throw untrusted('the server has no identity');
  const pin = encodePin(serverIdentity);
  if (!pins.has(pin)) throw untrusted(`the server's key ${pin} is not pinned`);
}

async function verifyServerIdentity(
  transcript: Bytes,
  identity: IdentityProof,
  { loadVerifier }: ServerTrust,
): Promise<void> {
  if (await verifyIdentity(await loadVerifier(), 'server', transcript, identity)) return;
  throw untrusted("the server's signature does not verify");
}

function untrusted(hint: string): NenError {
  return new NenError('ISO-1006', { outcome: 'not-run', hint });
}

function transcriptOf(
  primitives: Primitives,
  { suite, audience, publicKey }: ClientHello,
  sid: string,
  ciphertext: Bytes,
  identities: Identities,
  previous: PreviousSession | undefined,
): MaybePromise<Bytes> {
  const previousSid = previous?.sid;
  return hashTranscript(primitives, {
    suite: suite.name,
    audience,
    publicKey,
    sid,
    ciphertext,
    previousSid,
    ...pickIdentities(identities),
  });
}

function pickIdentities({ clientIdentity, serverIdentity }: Identities): Identities {
  return { clientIdentity, serverIdentity };
}

/** Wipes the key and the plaintext. */
async function sealTerms(
  primitives: Primitives,
  handshakeKey: Bytes,
  transcript: Bytes,
  terms: Bytes,
): Promise<Bytes> {
  const key = primitives.aeadKey(handshakeKey);
  try {
    return concatBytes(await key.seal(NONCE_ZERO, transcript, [terms]));
  } finally {
    key.wipe();
    wipe(handshakeKey, terms);
  }
}

/** Wipes the key and the plaintext. */
async function openTerms(
  primitives: Primitives,
  handshakeKey: Bytes,
  transcript: Bytes,
  hs: Bytes,
): Promise<ReturnType<typeof decodeTerms>> {
  const key = primitives.aeadKey(handshakeKey);
  try {
    const terms = await key.open(NONCE_ZERO, transcript, hs);
    try {
      return decodeTerms(terms);
    } finally {
      wipe(terms);
    }
  } catch (cause) {
    throw invalidAnswer('the keys are not confirmed', cause);
  } finally {
    key.wipe();
    wipe(handshakeKey);
  }
}

/** What a ciphertext makes the KEM throw (an X25519 half of low order) is the fault of who sent it. */
async function decapsulate(keyPair: KemKeyPair, ciphertext: Bytes): Promise<Bytes> {
  try {
    return await keyPair.decapsulate(ciphertext);
  } catch (cause) {
    throw invalidAnswer('the KEM refused the ciphertext', cause);
  }
}

async function encapsulate({ suite, publicKey }: ClientHello, random: RandomBytes): Promise<Encapsulation> {
  try {
    return await suite.kem.encapsulate(publicKey, random);
  } catch (cause) {
    throw new NenError('ISO-1002', { hint: 'the KEM refused the public key', cause });
  }
}
