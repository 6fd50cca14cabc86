/**
 * PROTOCOL.md 4, both halves of a handshake and of a rotation, which is a handshake inside a session:
 * `hello` (client), `answer` (server), `finish` (client).
 */
import { randomBytes } from 'node:crypto';
import { type Bytes, b64, b64url, bytes, fromB64, input, isSid } from './bytes.ts';
import {
  CLIENT_CONTEXT,
  digestOf,
  holds,
  type Identity,
  pinOf,
  readShown,
  SERVER_CONTEXT,
  type Shown,
  type Signing,
  show,
} from './identity.ts';
import { hasExactly, readMessage } from './json-message.ts';
import { isSuite, SUITES, type SuiteName } from './kem.ts';
import { KEY_BYTES, NONCE_BYTES, open, seal, sha256 } from './primitives.ts';
import { Refusal } from './refusal.ts';
import { type Agreed, NOTHING, scheduleOf, transcriptOf } from './schedule.ts';
import { type Bend, honest } from './seams.ts';
import { isAud, isEpoch, isTime, type Keys, MAX_HANDSHAKE_BYTES, type Session } from './session.ts';

const VERSION = 2;
const SID_BYTES = 16;
const ZERO_NONCE = new Uint8Array(NONCE_BYTES);

/** The client's half until the answer comes. */
export interface Asked {
  readonly suite: SuiteName;
  readonly aud: string;
  readonly seed: Bytes;
  readonly publicKey: Bytes;
  readonly clientIdentity: Bytes;
  /** What goes on the wire. */
  readonly text: string;
}

export interface Asking {
  readonly suite: SuiteName;
  readonly aud: string;
  readonly identity?: Identity | undefined;
  /** In a rotation: identities are inherited and not shown. */
  readonly previous?: Session | undefined;
  /** Instead of the generator's, for a transcript that is to be written again. */
  readonly seed?: Bytes;
}

export function hello({ suite, aud, identity, previous, seed: given }: Asking, bend: Bend): Asked {
  const seed = given ?? randomBytes(SUITES[suite].seedBytes);
  const publicKey = SUITES[suite].publicKey(seed);
  const fields: Record<string, unknown> = { v: VERSION, suite, aud, pk: b64(publicKey) };
  if (identity) fields.id = show(identity, bend('client signs', signedByClient(suite, publicKey, aud)));
  const text = bend('hello text', JSON.stringify(bend('hello', fields)));
  const clientIdentity = previous?.clientIdentity ?? (identity ? digestOf(identity.publicKey) : NOTHING);
  return { suite, aud, seed, publicKey, clientIdentity, text };
}

function signedByClient(suite: SuiteName, publicKey: Bytes, aud: string): Signing {
  const digest = sha256(input(['nen/2 client hello', suite, publicKey, aud]));
  return { context: CLIENT_CONTEXT, digest };
}

export interface Hello {
  readonly suite: SuiteName;
  readonly aud: string;
  readonly publicKey: Bytes;
  readonly clientIdentity: Bytes;
}

export interface Accepting {
  readonly suites: readonly SuiteName[];
  readonly origins?: readonly string[] | undefined;
  readonly previous?: Session | undefined;
}

/** 4.3: the checks of a hello, in their order. @throws Refusal, in clear unless `previous` says rotation */
export function readHello(body: Bytes, { suites, origins, previous }: Accepting): Hello {
  const form = previous ? 'sealed' : 'plain';
  const must: (so: unknown, code: string) => asserts so = (so, code) => {
    if (!so) throw new Refusal(code, form);
  };
  const message = readMessage(body, MAX_HANDSHAKE_BYTES);
  must(message, 'ISO-1001');
  must(!Object.hasOwn(message, 'v') || message.v === VERSION, 'ISO-1003');
  must(typeof message.pk === 'string' && message.pk !== '', 'ISO-1001');
  must(hasExactly(message, ['v', 'suite', 'aud', 'pk'], previous ? [] : ['id']), 'ISO-1001');
  const { suite, aud, pk } = message;
  must(isSuite(suite) && suites.includes(suite), 'ISO-1003');
  must(isAud(aud) && (origins === undefined || origins.includes(aud)), 'ISO-1003');
  must(previous === undefined || previous.aud === aud, 'ISO-1003');
  const publicKey = fromB64(pk, SUITES[suite].publicKeyBytes);
  must(publicKey && SUITES[suite].isPublicKey(publicKey), 'ISO-1002');
  if (!('id' in message)) {
    return { suite, aud, publicKey, clientIdentity: previous?.clientIdentity ?? NOTHING };
  }
  const shown = readShown(message.id);
  must(shown && holds(shown, signedByClient(suite, publicKey, aud)), 'ISO-1004');
  return { suite, aud, publicKey, clientIdentity: digestOf(shown.publicKey) };
}

export interface Answering {
  readonly nowMs: number;
  readonly expiresAtMs: number;
  readonly epoch: string;
  readonly identity?: Identity | undefined;
  readonly previous?: Session | undefined;
  /** Instead of what the generator and the KEM draw, for a transcript that is to be written again. */
  readonly drawn?: { sharedSecret: Bytes; ciphertext: Bytes; sid: string; hmacKey: Bytes };
}

/** 4.3: the server's half. */
export function answer(said: Hello, how: Answering, bend: Bend): { session: Session; text: string } {
  const { suite, aud, publicKey, clientIdentity } = said;
  const { nowMs, expiresAtMs, epoch, identity, previous, drawn } = how;
  const { sharedSecret, ciphertext } = bend('encapsulated', drawn ?? encapsulate(suite, publicKey, previous));
  const sid = drawn?.sid ?? b64url(randomBytes(SID_BYTES));
  const hmacKey = drawn?.hmacKey ?? randomBytes(KEY_BYTES);
  const serverIdentity = previous?.serverIdentity ?? (identity ? digestOf(identity.publicKey) : NOTHING);
  const agreed: Agreed = {
    ...{ suite, aud, publicKey, clientIdentity, sid, ciphertext, serverIdentity },
    ...(previous && { previous }),
  };
  const transcript = transcriptOf(agreed, bend);
  const keys = scheduleOf(transcript, sharedSecret, agreed, bend);

  const terms = bend('terms', { hmacKey: b64(hmacKey), now: nowMs, expiresAt: expiresAtMs, epoch });
  const plaintext = bytes(bend('terms text', JSON.stringify(terms)));
  const hs = seal(bend('hs box', { key: keys.handshakeKey, nonce: ZERO_NONCE, aad: transcript, plaintext }));
  const fields: Record<string, unknown> = { v: VERSION, sid, ct: b64(ciphertext), hs: b64(hs) };
  if (identity && !previous) {
    fields.id = show(identity, bend('server signs', { context: SERVER_CONTEXT, digest: transcript }));
  }
  return {
    session: sessionOf(agreed, keys, { hmacKey, nowMs, expiresAtMs, epoch }),
    text: bend('answer text', JSON.stringify(bend('answer', fields))),
  };
}

/** @throws Refusal for a key of low order, which shows only here */
function encapsulate(suite: SuiteName, publicKey: Bytes, previous: Session | undefined) {
  try {
    return SUITES[suite].encapsulate(publicKey);
  } catch {
    throw new Refusal('ISO-1002', previous ? 'sealed' : 'plain');
  }
}

/** Which servers a client takes. */
export interface Expecting {
  readonly pins?: readonly string[] | undefined;
  /** Without pins: the pin that the server has once shown. */
  readonly seen?: string | undefined;
  readonly previous?: Session | undefined;
}

function badAnswer(so: unknown): asserts so {
  if (!so) throw new Refusal('ISO-1007');
}

function badServer(so: unknown): asserts so {
  if (!so) throw new Refusal('ISO-1006');
}

/** 4.5: the client's second half, from the answer's body on. @throws Refusal */
export function finish(asked: Asked, body: Bytes, expecting: Expecting): Session {
  const { suite, aud, publicKey, clientIdentity, seed } = asked;
  const { previous } = expecting;
  const message = readMessage(body, MAX_HANDSHAKE_BYTES);
  badAnswer(hasExactly(message, ['v', 'sid', 'ct', 'hs'], previous ? [] : ['id']));
  const { v, sid } = message;
  const ciphertext = fromB64(message.ct, SUITES[suite].ciphertextBytes);
  const box = fromB64(message.hs);
  badAnswer(v === VERSION && isSid(sid) && ciphertext && box);
  const shown = readShown(message.id);
  badServer(shown || !('id' in message));
  badServer(previous || accepts(expecting, shown));

  const serverIdentity = previous?.serverIdentity ?? (shown ? digestOf(shown.publicKey) : NOTHING);
  const agreed: Agreed = {
    ...{ suite, aud, publicKey, clientIdentity, sid, ciphertext, serverIdentity },
    ...(previous && { previous }),
  };
  // Nothing to bend: a client of other keys never gets past its own `hs`.
  const transcript = transcriptOf(agreed, honest);
  const keys = scheduleOf(transcript, decapsulated(asked, ciphertext), agreed, honest);
  const terms = readTerms(open(keys.handshakeKey, ZERO_NONCE, transcript, box));
  badServer(!shown || holds(shown, { context: SERVER_CONTEXT, digest: transcript }));
  seed.fill(0);
  return sessionOf(agreed, keys, terms);
}

function accepts({ pins, seen }: Expecting, shown: Shown | undefined): boolean {
  const wanted = pins ?? (seen === undefined ? undefined : [seen]);
  return wanted === undefined || (shown !== undefined && wanted.includes(pinOf(shown.publicKey)));
}

function decapsulated({ suite, seed }: Asked, ciphertext: Bytes): Bytes {
  try {
    return SUITES[suite].decapsulate(seed, ciphertext);
  } catch {
    throw new Refusal('ISO-1007');
  }
}

interface Terms {
  readonly hmacKey: Bytes;
  readonly nowMs: number;
  readonly expiresAtMs: number;
  readonly epoch: string;
}

function readTerms(plaintext: Bytes | undefined): Terms {
  badAnswer(plaintext);
  const terms = readMessage(plaintext);
  badAnswer(hasExactly(terms, ['hmacKey', 'now', 'expiresAt', 'epoch']));
  const { now, expiresAt, epoch } = terms;
  const hmacKey = fromB64(terms.hmacKey, KEY_BYTES);
  badAnswer(hmacKey && typeof now === 'number' && typeof expiresAt === 'number');
  badAnswer(isTime(String(now)) && isTime(String(expiresAt)) && isEpoch(epoch));
  return { hmacKey, nowMs: now, expiresAtMs: expiresAt, epoch };
}

function sessionOf(agreed: Agreed, keys: Keys, terms: Terms): Session {
  const { sid, suite, aud, clientIdentity, serverIdentity } = agreed;
  const { requestKey, responseSecret, exporterSecret } = keys;
  const { hmacKey, nowMs, expiresAtMs, epoch } = terms;
  return {
    ...{ sid, suite, aud, requestKey, responseSecret, exporterSecret, hmacKey },
    ...{ clientIdentity, serverIdentity, createdAtMs: nowMs, expiresAtMs, epoch },
  };
}
