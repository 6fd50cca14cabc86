/**
 * The keys of a session, as bytes (what a record keeps) and imported (what is used).
 * Each has one purpose: requests, answers and streams, signatures, exports.
 */
import { type Bytes, copySecret, utf8ToBytes, wipe } from '../crypto/bytes.ts';
import type {
  AeadKey,
  MacKey,
  MaybePromise,
  Primitives,
  SyncMacKey,
  SyncPrimitives,
} from '../crypto/primitives.ts';
import { LABEL_EXPORTED_KEY } from './constants.ts';
import { input } from './input.ts';

/** The four secrets of a session, 32 bytes each. */
export interface SessionSecrets {
  /** Seals requests, client to server. */
  readonly requestKey: Bytes;
  /** Answer and stream keys, server to client, are derived from it. */
  readonly responseSecret: Bytes;
  /** Goes into the next handshake when the session is rotated, and into exported keys. */
  readonly exporterSecret: Bytes;
  /** Signs the headers of requests. Drawn by the server, travels inside `hs`. */
  readonly hmacKey: Bytes;
}

/** The same, imported once for the life of the session. */
export interface SessionKeys {
  readonly primitives: Primitives;
  readonly requestKey: AeadKey;
  readonly responseSecret: MacKey;
  /** As bytes: the next handshake takes it up when the session is rotated. */
  readonly exporterSecret: Bytes;
  readonly exporterKey: MacKey;
  readonly hmacKey: MacKey;
}

/** Those of a server, whose runtime never needs a promise. */
export interface SyncSessionKeys extends SessionKeys {
  readonly primitives: SyncPrimitives;
  readonly exporterKey: SyncMacKey;
  readonly hmacKey: SyncMacKey;
}

/** A session as both halves of an exchange need it. */
export interface SessionContext<Keys extends SessionKeys = SessionKeys> {
  readonly sid: string;
  readonly keys: Keys;
}

/** Imports the secrets; those that are no longer needed as bytes are wiped. */
export function importKeys(primitives: SyncPrimitives, secrets: SessionSecrets): SyncSessionKeys;
export function importKeys(primitives: Primitives, secrets: SessionSecrets): SessionKeys;
export function importKeys(primitives: Primitives, secrets: SessionSecrets): SessionKeys {
  const keys: SessionKeys = {
    primitives,
    requestKey: primitives.aeadKey(secrets.requestKey),
    responseSecret: primitives.macKey(secrets.responseSecret),
    exporterSecret: copySecret(secrets.exporterSecret),
    exporterKey: primitives.macKey(secrets.exporterSecret),
    hmacKey: primitives.macKey(secrets.hmacKey),
  };
  wipeSecrets(secrets);
  return keys;
}

export function wipeSecrets(secrets: SessionSecrets): void {
  wipe(secrets.requestKey, secrets.responseSecret, secrets.exporterSecret, secrets.hmacKey);
}

/** To be called when nothing is in flight under the session. */
export function wipeKeys(keys: SessionKeys): void {
  keys.requestKey.wipe();
  keys.responseSecret.wipe();
  keys.hmacKey.wipe();
  keys.exporterKey.wipe();
  wipe(keys.exporterSecret);
}

/**
 * A key that the application derives from the session, in the way of RFC 5705: the same on both sides,
 * different for each session and label, and no hint at any other key. 32 bytes.
 * @throws {Error} once the session is over.
 * @throws {TypeError} for a label that is no string, or holds half a surrogate pair, which UTF-8 can't spell: two
 *   such labels would share a key.
 */
export function exportKey(keys: SyncSessionKeys, label: string): Bytes;
export function exportKey(keys: SessionKeys, label: string): MaybePromise<Bytes>;
export function exportKey({ primitives, exporterKey }: SessionKeys, label: string): MaybePromise<Bytes> {
  if (typeof label !== 'string' || /[\ud800-\udfff]/u.test(label))
    throw new TypeError('exporter: the label is a well-formed string');
  return primitives.expand(exporterKey, input(LABEL_EXPORTED_KEY, utf8ToBytes(label)));
}

/** HKDF-Expand(responseSecret, input(label, ...fields)) as a key that seals one answer or one stream. */
export function deriveResponseKey(keys: SessionKeys, label: string, ...fields: readonly Bytes[]): AeadKey {
  return keys.primitives.deriveAeadKey(keys.responseSecret, input(label, ...fields));
}
