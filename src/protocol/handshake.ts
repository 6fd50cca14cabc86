/**
 * The handshake, both sides in the order in which the bytes travel (PROTOCOL.md, "Handshake"):
 *
 *   client  startHandshake   {v, suite, aud, pk, id?}  ->
 *   server                                             answerHandshake
 *   client  finishHandshake  <-  {v, sid, ct, hs, id?}
 *
 *   transcript = SHA-256(input("nen/2 transcript", suite, aud, pk, client id, sid, ct, server id, previous sid))
 *   prk        = HKDF-Extract(transcript, shared secret || previous exporter secret)
 *   hs         = AEAD(handshake key, nonce 0, transcript, {hmacKey, now, expiresAt, epoch})
 *
 * A rotation is the same handshake inside a sealed request, with the old session as `previous`.
 */
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64UrlEncode,
  concatBytes,
  utf8ToBytes,
  wipe,
} from '../crypto/bytes.ts';
import type { Encapsulation, KemKeyPair, Primitives, RandomBytes } from '../crypto/primitives.ts';
import { randomBytes } from '../crypto/random.ts';
import type { Suite } from '../crypto/suite.ts';
import {
  KEY_BYTES,
  LABEL_EXPORTER,
  LABEL_HANDSHAKE_KEY,
  LABEL_REQUEST_KEY,
  LABEL_RESPONSE_SECRET,
  LABEL_TRANSCRIPT,
  NONCE_BYTES,
  PROTOCOL_VERSION,
  SID_BYTES,
} from './constants.ts';
import { NenError } from './errors.ts';
import { isAudience, isEpoch, isSid, isTimestamp } from './formats.ts';
import { input } from './input.ts';
import { hasFields, type JsonObject, parseMessage } from './json.ts';
import type { SessionSecrets } from './keys.ts';

/** The session that a rotation continues. */
export interface PreviousSession {
  readonly sid: string;
  readonly exporterSecret: Bytes;
}

/** What the server grants, authenticated by `hs`. Times in milliseconds since the epoch. */
export interface SessionTerms {
  /** The server's clock. */
  readonly now: number;
  readonly expiresAt: number;
  /** Names the store's memory (X-Nen-Retry). */
  readonly epoch: string;
}

export interface ClientHello {
  readonly suite: Suite;
  /** The origin that the client means. */
  readonly audience: string;
  readonly publicKey: Bytes;
}

/**
 * A handshake that waits for its answer. It holds the ephemeral key pair until `finishHandshake`, which
 * wipes it; who drops the handshake before wipes it himself.
 */
export interface PendingHandshake {
  readonly hello: ClientHello;
  readonly keyPair: KemKeyPair;
  readonly previous: PreviousSession | undefined;
}

export interface NewSession {
  readonly sid: string;
  readonly secrets: SessionSecrets;
  readonly terms: SessionTerms;
}

interface StartOptions {
  readonly previous?: PreviousSession | undefined;
  readonly random?: RandomBytes;
}

/** Client: makes an ephemeral key pair. */
export async function startHandshake(
  suite: Suite,
  audience: string,
  { previous, random = randomBytes }: StartOptions = {},
): Promise<PendingHandshake> {
  const keyPair = await suite.kem.generateKeyPair(random);
  return { hello: { suite, audience, publicKey: keyPair.publicKey }, keyPair, previous };
}

export function encodeClientHello({ suite, audience, publicKey }: ClientHello): Bytes {
  return utf8ToBytes(
    JSON.stringify({ v: PROTOCOL_VERSION, suite: suite.name, aud: audience, pk: base64Encode(publicKey) }),
  );
}

/** What a server accepts. */
export interface HandshakePolicy {
  readonly suites: readonly Suite[];
  /** Accepted origins; every one if absent. */
  readonly origins: ReadonlySet<string> | undefined;
}

/**
 * Server: reads the client's message. Cheap: no key operation runs here.
 * @throws {NenError} ISO-1001, ISO-1002, ISO-1003.
 */
export function decodeClientHello(body: Bytes, policy: HandshakePolicy): ClientHello {
  const message = parseMessage(body);
  if (message === undefined)
    throw new NenError('ISO-1001', { hint: 'the handshake is not a well-formed JSON message' });
  const { v, suite: name, aud, pk } = message;
  if (v !== undefined && v !== PROTOCOL_VERSION)
    throw new NenError('ISO-1003', { hint: 'another protocol version' });
  if (typeof pk !== 'string' || pk === '') throw new NenError('ISO-1001', { hint: 'no public key' });
  if (!hasFields(message, ['v', 'suite', 'aud', 'pk'])) {
    throw new NenError('ISO-1001', { hint: 'fields missing or unknown' });
  }
  const suite = policy.suites.find((accepted) => accepted.name === name);
  if (suite === undefined) throw new NenError('ISO-1003', { hint: 'the suite is not accepted' });
  if (!isAudience(aud)) throw new NenError('ISO-1003', { hint: 'aud is not an origin' });
  if (policy.origins !== undefined && !policy.origins.has(aud)) {
    throw new NenError('ISO-1003', { hint: `aud ${aud} is not among the server's origins` });
  }
  const publicKey = base64Decode(pk);
  if (publicKey?.length !== suite.kem.publicKeyBytes) {
    throw new NenError('ISO-1002', {
      hint: `the public key is not canonical base64 of ${suite.kem.publicKeyBytes} bytes`,
    });
  }
  return { suite, audience: aud, publicKey };
}

export interface AnswerOptions {
  readonly terms: SessionTerms;
  /** The session's id, if it was drawn before: the terms may depend on it. */
  readonly sid?: string;
  readonly previous?: PreviousSession | undefined;
  readonly random?: RandomBytes;
}

/** A session id: 16 random bytes as base64url without padding, 22 characters. */
export function newSid(random: RandomBytes = randomBytes): string {
  return base64UrlEncode(random(SID_BYTES));
}

/**
 * Server: encapsulates, derives the session and seals its terms.
 * @throws {NenError} ISO-1002 for a key that the KEM's input check refuses.
 */
export async function answerHandshake(
  primitives: Primitives,
  hello: ClientHello,
  { terms, sid: given, previous, random = randomBytes }: AnswerOptions,
): Promise<{ readonly session: NewSession; readonly answer: Bytes }> {
  const { ciphertext, sharedSecret } = await encapsulate(hello, random);
  const sid = given ?? newSid(random);
  const hmacKey = random(KEY_BYTES);
  const schedule = deriveSchedule(primitives, hello, sid, ciphertext, sharedSecret, previous);
  const handshakeKey = primitives.aeadKey(schedule.handshakeKey);
  const plainTerms = encodeTerms(hmacKey, terms);
  const box = await handshakeKey.seal(NONCE_ZERO, schedule.transcript, [plainTerms]);
  handshakeKey.wipe();
  wipe(schedule.handshakeKey, plainTerms);
  const answer = {
    v: PROTOCOL_VERSION,
    sid,
    ct: base64Encode(ciphertext),
    hs: base64Encode(concatBytes(box)),
  };
  const secrets = { ...schedule.secrets, hmacKey };
  return { session: { sid, secrets, terms }, answer: utf8ToBytes(JSON.stringify(answer)) };
}

/**
 * Client: decapsulates, derives and opens the terms, which confirms the keys: ML-KEM rejects a wrong
 * ciphertext silently, only here does it show. Wipes the ephemeral key pair: one answer, one try.
 * @throws {NenError} ISO-1007.
 */
export async function finishHandshake(
  primitives: Primitives,
  { hello, keyPair, previous }: PendingHandshake,
  body: Bytes,
): Promise<NewSession> {
  try {
    const { sid, ciphertext, hs } = decodeAnswer(body, hello.suite);
    const sharedSecret = await keyPair.decapsulate(ciphertext);
    const schedule = deriveSchedule(primitives, hello, sid, ciphertext, sharedSecret, previous);
    const { hmacKey, terms } = await openTerms(primitives, schedule, hs);
    return { sid, secrets: { ...schedule.secrets, hmacKey }, terms };
  } finally {
    keyPair.wipe();
  }
}

async function openTerms(
  primitives: Primitives,
  { transcript, handshakeKey, secrets }: Schedule,
  hs: Bytes,
): Promise<{ hmacKey: Bytes; terms: SessionTerms }> {
  const key = primitives.aeadKey(handshakeKey);
  try {
    const terms = await key.open(NONCE_ZERO, transcript, hs);
    try {
      return decodeTerms(terms);
    } finally {
      wipe(terms);
    }
  } catch (cause) {
    wipe(secrets.requestKey, secrets.responseSecret, secrets.exporterSecret);
    throw invalidAnswer('the keys are not confirmed', cause);
  } finally {
    key.wipe();
    wipe(handshakeKey);
  }
}

/** The handshake key seals once, so its nonce is zero. */
const NONCE_ZERO: Bytes = new Uint8Array(NONCE_BYTES);
/** No identities yet: an absent field is LP(""). */
const NO_IDENTITY = '';

interface Schedule {
  readonly transcript: Bytes;
  readonly handshakeKey: Bytes;
  readonly secrets: Omit<SessionSecrets, 'hmacKey'>;
}

/** The key schedule. Wipes the shared secret. */
function deriveSchedule(
  primitives: Primitives,
  { suite, audience, publicKey }: ClientHello,
  sid: string,
  ciphertext: Bytes,
  sharedSecret: Bytes,
  previous: PreviousSession | undefined,
): Schedule {
  const transcript = primitives.sha256(
    input(
      LABEL_TRANSCRIPT,
      suite.name,
      audience,
      publicKey,
      NO_IDENTITY,
      sid,
      ciphertext,
      NO_IDENTITY,
      previous?.sid ?? '',
    ),
  );
  const ikm = previous === undefined ? sharedSecret : concatBytes([sharedSecret, previous.exporterSecret]);
  const prkBytes = primitives.extract(transcript, ikm);
  const prk = primitives.macKey(prkBytes);
  const expand = (label: string): Bytes => primitives.expand(prk, input(label), KEY_BYTES);
  const schedule = {
    transcript,
    handshakeKey: expand(LABEL_HANDSHAKE_KEY),
    secrets: {
      requestKey: expand(LABEL_REQUEST_KEY),
      responseSecret: expand(LABEL_RESPONSE_SECRET),
      exporterSecret: expand(LABEL_EXPORTER),
    },
  };
  prk.wipe();
  wipe(sharedSecret, ikm, prkBytes);
  return schedule;
}

async function encapsulate({ suite, publicKey }: ClientHello, random: RandomBytes): Promise<Encapsulation> {
  try {
    return await suite.kem.encapsulate(publicKey, random);
  } catch (cause) {
    throw new NenError('ISO-1002', { hint: 'the KEM refused the public key', cause });
  }
}

function decodeAnswer(body: Bytes, suite: Suite): { sid: string; ciphertext: Bytes; hs: Bytes } {
  const message = parseMessage(body);
  if (message === undefined || !hasFields(message, ['v', 'sid', 'ct', 'hs']))
    throw invalidAnswer('malformed');
  const { v, sid } = message;
  const ciphertext = decodeField(message, 'ct');
  const hs = decodeField(message, 'hs');
  if (v !== PROTOCOL_VERSION || !isSid(sid)) throw invalidAnswer('malformed');
  if (ciphertext?.length !== suite.kem.ciphertextBytes || hs === undefined) throw invalidAnswer('malformed');
  return { sid, ciphertext, hs };
}

function decodeField(message: JsonObject, name: string): Bytes | undefined {
  const text = message[name];
  return typeof text === 'string' ? base64Decode(text) : undefined;
}

function encodeTerms(hmacKey: Bytes, { now, expiresAt, epoch }: SessionTerms): Bytes {
  return utf8ToBytes(JSON.stringify({ hmacKey: base64Encode(hmacKey), now, expiresAt, epoch }));
}

function decodeTerms(bytes: Bytes): { hmacKey: Bytes; terms: SessionTerms } {
  const message = parseMessage(bytes);
  if (message === undefined || !hasFields(message, ['hmacKey', 'now', 'expiresAt', 'epoch'])) {
    throw invalidAnswer('malformed terms');
  }
  const { now, expiresAt, epoch } = message;
  const hmacKey = decodeField(message, 'hmacKey');
  if (hmacKey?.length !== KEY_BYTES || !isTime(now) || !isTime(expiresAt) || !isEpoch(epoch)) {
    throw invalidAnswer('malformed terms');
  }
  return { hmacKey, terms: { now, expiresAt, epoch } };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && isTimestamp(String(value));
}

function invalidAnswer(hint: string, cause?: unknown): NenError {
  return new NenError('ISO-1007', { outcome: 'not-run', hint, cause });
}
