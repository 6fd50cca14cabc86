/**
 * The session record (PROTOCOL.md, "Session records"): what a server must remember of a session,
 * as bytes for a store. Thirteen fields, each LP(field) = u32 length || field, nothing after them:
 *   version, suite, sid, audience, requestKey, responseSecret, exporterSecret, hmacKey,
 *   clientIdentity, serverIdentity, createdAt, expiresAt, epoch
 * The bytes hold keys in clear. Sealing under a KEK wraps them whole, between this file and every
 * store that isn't `local`: sid and keyId are its AAD, so nothing in here changes for it.
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import {
  type Bytes,
  bytesToLatin1,
  concatBytes,
  copySecret,
  EMPTY,
  latin1ToBytes,
  wipe,
} from '../crypto/bytes.ts';
import { isSuiteName, type SuiteName } from '../crypto/suite.ts';
import { isEpoch, isSid, isTimestamp, MAX_AUDIENCE_CHARACTERS } from '../protocol/formats.ts';

const RECORD_VERSION = 1;
const LENGTH_BYTES = 4;
const FIELDS = 13;

const PRINTABLE = /^[!-~]+$/;

/** What a session is. Secrets and identities are 32 bytes each. */
export interface SessionRecord {
  readonly version: 1;
  /** 22 characters of base64url. */
  readonly sid: string;
  readonly suite: SuiteName;
  /** The origin that the client meant, 1 to 300 printable ASCII characters. */
  readonly audience: string;
  readonly requestKey: Bytes;
  readonly responseSecret: Bytes;
  readonly exporterSecret: Bytes;
  readonly hmacKey: Bytes;
  /** SHA-256 of the client's ML-DSA-65 public key. */
  readonly clientIdentity?: Bytes;
  /** SHA-256 of the ML-DSA-65 public key that the server signed with. */
  readonly serverIdentity?: Bytes;
  /** Milliseconds since 1970, 13 digits. */
  readonly createdAt: number;
  /** The absolute end, in the same unit; not before `createdAt`. */
  readonly expiresAt: number;
  /** The epoch of the store it was made for, 1 to 64 characters of base64url. */
  readonly epoch: string;
}

/**
 * Encodes a record, in under 1 KB at most and about 350 bytes as a rule.
 * @throws {RangeError} for a record that {@link decodeSessionRecord} would refuse.
 */
export function encodeSessionRecord(record: SessionRecord): Bytes {
  const encoded = joinFields([
    latin1ToBytes(String(record.version)),
    latin1ToBytes(record.suite),
    latin1ToBytes(record.sid),
    latin1ToBytes(record.audience),
    record.requestKey,
    record.responseSecret,
    record.exporterSecret,
    record.hmacKey,
    record.clientIdentity ?? EMPTY,
    record.serverIdentity ?? EMPTY,
    latin1ToBytes(String(record.createdAt)),
    latin1ToBytes(String(record.expiresAt)),
    latin1ToBytes(record.epoch),
  ]);
  // An identity of no bytes would be read as none at all.
  const lostIdentity = record.clientIdentity?.length === 0 || record.serverIdentity?.length === 0;
  if (!lostIdentity && parse(encoded) !== undefined) return encoded;
  wipe(encoded);
  throw new RangeError('the session record is malformed');
}

/**
 * Decodes a record, copying its secrets out, so that the caller may wipe `bytes`.
 * @returns undefined for anything that {@link encodeSessionRecord} doesn't write: the session is then unknown.
 */
export function decodeSessionRecord(bytes: Bytes): SessionRecord | undefined {
  const record = parse(bytes);
  if (record === undefined) return undefined;
  const { clientIdentity, serverIdentity } = record;
  return {
    ...record,
    requestKey: copySecret(record.requestKey),
    responseSecret: copySecret(record.responseSecret),
    exporterSecret: copySecret(record.exporterSecret),
    hmacKey: copySecret(record.hmacKey),
    ...(clientIdentity !== undefined && { clientIdentity: clientIdentity.slice() }),
    ...(serverIdentity !== undefined && { serverIdentity: serverIdentity.slice() }),
  };
}

/** The record, its secrets being views of `bytes`. */
function parse(bytes: Bytes): SessionRecord | undefined {
  const fields = splitFields(bytes);
  if (fields === undefined) return undefined;
  const [version, suite, sid, audience, ...rest] = fields;
  const [requestKey, responseSecret, exporterSecret, hmacKey, ...facts] = rest;
  const [clientIdentity, serverIdentity, createdAt, expiresAt, epoch] = facts;

  if (text(version) !== String(RECORD_VERSION)) return undefined;
  const suiteName = text(suite);
  if (!isSuiteName(suiteName)) return undefined;
  if (!isSecret(requestKey) || !isSecret(responseSecret)) return undefined;
  if (!isSecret(exporterSecret) || !isSecret(hmacKey)) return undefined;
  if (!isSecretOrAbsent(clientIdentity) || !isSecretOrAbsent(serverIdentity)) return undefined;
  if (!isSid(text(sid)) || !mayBeAudience(text(audience)) || !isEpoch(text(epoch))) return undefined;
  if (!isTimestamp(text(createdAt)) || !isTimestamp(text(expiresAt))) return undefined;
  if (Number(text(expiresAt)) < Number(text(createdAt))) return undefined;

  return {
    version: RECORD_VERSION,
    sid: text(sid),
    suite: suiteName,
    audience: text(audience),
    requestKey,
    responseSecret,
    exporterSecret,
    hmacKey,
    ...(clientIdentity.length > 0 && { clientIdentity }),
    ...(serverIdentity.length > 0 && { serverIdentity }),
    createdAt: Number(text(createdAt)),
    expiresAt: Number(text(expiresAt)),
    epoch: text(epoch),
  };
}

function joinFields(fields: readonly Bytes[]): Bytes {
  return concatBytes(
    fields.flatMap((field) => {
      const length = new Uint8Array(LENGTH_BYTES);
      new DataView(length.buffer).setUint32(0, field.length);
      return [length, field];
    }),
  );
}

/** The fields as views of `bytes`; undefined unless they are all there and nothing else is. */
function splitFields(bytes: Bytes): Bytes[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: Bytes[] = [];
  let at = 0;
  while (fields.length < FIELDS) {
    if (bytes.length - at < LENGTH_BYTES) return undefined;
    const length = view.getUint32(at);
    at += LENGTH_BYTES;
    if (length > bytes.length - at) return undefined;
    fields.push(bytes.subarray(at, at + length));
    at += length;
  }
  return at === bytes.length ? fields : undefined;
}

function text(field: Bytes | undefined): string {
  return field === undefined ? '' : bytesToLatin1(field);
}

/** No more than its letters: parsing what the handshake let in as a URL again would cost more than all the rest. */
function mayBeAudience(text: string): boolean {
  return PRINTABLE.test(text) && text.length <= MAX_AUDIENCE_CHARACTERS;
}

/** A key, a secret or the SHA-256 of an identity's public key. */
function isSecret(field: Bytes | undefined): field is Bytes {
  return field?.length === KEY_BYTES;
}

function isSecretOrAbsent(field: Bytes | undefined): field is Bytes {
  return field?.length === 0 || isSecret(field);
}
