/**
 * The key schedule of the handshake (PROTOCOL.md, "Handshake"):
 *
 *   transcript = SHA-256(input("nen/2 transcript", suite, aud, pk, client id, sid, ct, server id, previous sid))
 *   prk        = HKDF-Extract(salt = transcript, ikm = shared secret || previous exporter secret)
 *   each key   = HKDF-Expand(prk, input(label), 32)
 *
 * An identity stands in the transcript as the SHA-256 of its public key; what is absent is LP("").
 */
import { type Bytes, concatBytes, wipe } from '../crypto/bytes.ts';
import type { MacKey, MaybePromise, Primitives } from '../crypto/primitives.ts';
import {
  LABEL_EXPORTER,
  LABEL_HANDSHAKE_KEY,
  LABEL_REQUEST_KEY,
  LABEL_RESPONSE_SECRET,
  LABEL_TRANSCRIPT,
} from './constants.ts';
import { input } from './input.ts';
import type { SessionSecrets } from './keys.ts';

/** SHA-256 of each side's ML-DSA-65 public key, where it has one. */
export interface Identities {
  readonly clientIdentity?: Bytes | undefined;
  readonly serverIdentity?: Bytes | undefined;
}

/** The session that a rotation continues. Identities are inherited. */
export interface PreviousSession extends Identities {
  readonly sid: string;
  readonly exporterSecret: Bytes;
}

export interface TranscriptFields extends Identities {
  readonly suite: string;
  readonly audience: string;
  readonly publicKey: Bytes;
  readonly sid: string;
  readonly ciphertext: Bytes;
  readonly previousSid: string | undefined;
}

export function hashTranscript(primitives: Primitives, fields: TranscriptFields): MaybePromise<Bytes> {
  return primitives.sha256(
    input(
      LABEL_TRANSCRIPT,
      fields.suite,
      fields.audience,
      fields.publicKey,
      fields.clientIdentity ?? '',
      fields.sid,
      fields.ciphertext,
      fields.serverIdentity ?? '',
      fields.previousSid ?? '',
    ),
  );
}

export interface Schedule {
  readonly handshakeKey: Bytes;
  /** All but the HMAC key, which the server draws. */
  readonly secrets: Omit<SessionSecrets, 'hmacKey'>;
}

/** Derives the keys and wipes the shared secret; if that fails, what it came to as well. */
export async function deriveSchedule(
  primitives: Primitives,
  transcript: Bytes,
  sharedSecret: Bytes,
  previous: PreviousSession | undefined,
): Promise<Schedule> {
  const ikm = concatBytes(previous === undefined ? [sharedSecret] : [sharedSecret, previous.exporterSecret]);
  wipe(sharedSecret);
  const prk = await extractKey(primitives, transcript, ikm);
  const derived: Bytes[] = [];
  const expand = async (label: string): Promise<Bytes> => {
    const key = await primitives.expand(prk, input(label));
    derived.push(key);
    return key;
  };
  try {
    return {
      handshakeKey: await expand(LABEL_HANDSHAKE_KEY),
      secrets: {
        requestKey: await expand(LABEL_REQUEST_KEY),
        responseSecret: await expand(LABEL_RESPONSE_SECRET),
        exporterSecret: await expand(LABEL_EXPORTER),
      },
    };
  } catch (error) {
    wipe(...derived);
    throw error;
  } finally {
    prk.wipe();
  }
}

/** Wipes what the key is made of. */
async function extractKey(primitives: Primitives, salt: Bytes, ikm: Bytes): Promise<MacKey> {
  try {
    const prk = await primitives.extract(salt, ikm);
    const key = primitives.macKey(prk);
    wipe(prk);
    return key;
  } finally {
    wipe(ikm);
  }
}
