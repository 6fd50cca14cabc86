/**
 * A session record as it lies in a store outside of the process (PROTOCOL.md, "Session records").
 *
 *   record at rest = LP(keyId) || LP(wrapped data key, or nothing) || salt (32) || box
 *   key = HKDF(KEK or data key, salt, input("nen/2 record seal key"))
 *   box = AEAD(key, nonce 0, aad = input("nen/2 record seal", sid, keyId), record)
 *
 * The salt is random and so is therefore the key, which seals once. The sid in the AAD ties a record to its
 * place: one that was moved to another session doesn't open.
 */
import { NONCE_BYTES } from '../crypto/aead-sizes.ts';
import {
  type Bytes,
  bytesToLatin1,
  concatBytes,
  copySecret,
  latin1ToBytes,
  utf8ToBytes,
  wipe,
} from '../crypto/bytes.ts';
import { noblePrimitives } from '../crypto/noble.ts';
import type { AeadKey } from '../crypto/primitives.ts';
import { randomBytes } from '../crypto/random.ts';
import { primitives } from '../crypto/select.ts';
import { LABEL_RECORD_SEAL, LABEL_RECORD_SEAL_KEY } from '../protocol/constants.ts';
import { NenError } from '../protocol/errors.ts';
import { input, lp } from '../protocol/input.ts';
import type { KeyRing } from './key-ring.ts';
import { KEY_ID, MAX_KEY_ID_BYTES, MAX_WRAPPED_BYTES } from './ring-key.ts';

const SALT_BYTES = 32;
const LENGTH_BYTES = 4;
const NONCE_ZERO: Bytes = new Uint8Array(NONCE_BYTES);

/** Seals a record for its place. @throws {SessionStoreError} if the key isn't available. */
export async function sealRecord(ring: KeyRing, sid: string, record: Bytes): Promise<Bytes> {
  // At once: the buffer is the caller's, who may use it again.
  const own = copySecret(record);
  try {
    const salt = randomBytes(SALT_BYTES);
    const { keyId, wrapped, key } = await ring.sealing();
    const aead = deriveKey(key, salt);
    try {
      const box = await aead.seal(NONCE_ZERO, aad(sid, keyId), [own]);
      return concatBytes([latin1ToBytes(lp(keyId) + lp(wrapped)), salt, ...box]);
    } finally {
      aead.wipe();
    }
  } finally {
    wipe(own);
  }
}

/**
 * @throws {NenError} ISO-2004 for anything that was not sealed for this place under a key of the ring.
 * @throws {SessionStoreError} if the key isn't available.
 */
export async function openRecord(ring: KeyRing, sid: string, sealed: Bytes): Promise<Bytes> {
  const parts = split(sealed);
  if (parts === undefined) throw unopenable('it is not a sealed record');
  const key = await ring.opening(parts.keyId, parts.wrapped);
  if (key === undefined) throw unopenable('it was sealed under a key that is not in the ring');
  const aead = deriveKey(key, parts.salt);
  try {
    return await aead.open(NONCE_ZERO, aad(sid, parts.keyId), parts.box);
  } catch {
    throw unopenable('it was altered, or moved from another session');
  } finally {
    aead.wipe();
  }
}

function aad(sid: string, keyId: string): Bytes {
  return input(LABEL_RECORD_SEAL, utf8ToBytes(sid), keyId);
}

/** Takes the key over: it is wiped. */
function deriveKey(key: Bytes, salt: Bytes): AeadKey {
  const p = primitives();
  const secrets = [key];
  try {
    const prkBytes = p.extract(salt, key);
    secrets.push(prkBytes);
    const prk = p.macKey(prkBytes);
    const raw = p.expand(prk, input(LABEL_RECORD_SEAL_KEY));
    secrets.push(raw);
    prk.wipe();
    // Not the runtime's: node:crypto frees a copy of what it has decrypted as it is, and a record is keys
    // (attack: reading the memory of a process, row 131).
    return noblePrimitives.aeadKey(raw);
  } finally {
    wipe(...secrets);
  }
}

interface SealedParts {
  readonly keyId: string;
  readonly wrapped: Bytes;
  readonly salt: Bytes;
  readonly box: Bytes;
}

function split(bytes: Bytes): SealedParts | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const field = (maxBytes: number): Bytes | undefined => {
    if (at + LENGTH_BYTES > bytes.length) return undefined;
    const start = at + LENGTH_BYTES;
    const end = start + view.getUint32(at);
    if (end - start > maxBytes || end > bytes.length) return undefined;
    at = end;
    return bytes.subarray(start, end);
  };
  const keyId = field(MAX_KEY_ID_BYTES);
  const wrapped = field(MAX_WRAPPED_BYTES);
  if (keyId === undefined || wrapped === undefined || !KEY_ID.test(bytesToLatin1(keyId))) return undefined;
  const boxAt = at + SALT_BYTES;
  if (boxAt > bytes.length) return undefined;
  return {
    keyId: bytesToLatin1(keyId),
    wrapped,
    salt: bytes.subarray(at, boxAt),
    box: bytes.subarray(boxAt),
  };
}

function unopenable(hint: string): NenError {
  return new NenError('ISO-2004', { hint: `a session record can't be opened: ${hint}` });
}
