/** PROTOCOL.md 4.4: from the transcript and the shared secret to the keys of a session. */
import { type Bytes, type Field, input, join } from './bytes.ts';
import type { SuiteName } from './kem.ts';
import { expand, extract, sha256 } from './primitives.ts';
import type { Bend } from './seams.ts';
import type { Keys } from './session.ts';

export interface Agreed {
  readonly suite: SuiteName;
  readonly aud: string;
  readonly publicKey: Bytes;
  /** Digests, or empty. */
  readonly clientIdentity: Bytes;
  readonly serverIdentity: Bytes;
  readonly sid: string;
  readonly ciphertext: Bytes;
  /** The session that a rotation replaces. */
  readonly previous?: { readonly sid: string; readonly exporterSecret: Bytes };
}

export const NOTHING: Bytes = new Uint8Array(0);

export function transcriptOf(agreed: Agreed, bend: Bend): Buffer {
  const { suite, aud, publicKey, clientIdentity, sid, ciphertext, serverIdentity, previous } = agreed;
  const fields: Field[] = [
    'nen/2 transcript',
    suite,
    aud,
    publicKey,
    clientIdentity,
    sid,
    ciphertext,
    serverIdentity,
    previous?.sid ?? '',
  ];
  return sha256(input(bend('transcript', fields)));
}

export function scheduleOf(transcript: Bytes, sharedSecret: Bytes, agreed: Agreed, bend: Bend): Keys {
  const { salt, ikm } = bend('extract', {
    salt: transcript,
    ikm: join(sharedSecret, agreed.previous?.exporterSecret ?? NOTHING),
  });
  const prk = extract(salt, ikm);
  const labels = bend('key labels', {
    handshakeKey: 'nen/2 handshake key',
    requestKey: 'nen/2 request key',
    responseSecret: 'nen/2 response secret',
    exporterSecret: 'nen/2 exporter',
  });
  return {
    handshakeKey: expand(prk, [labels.handshakeKey]),
    requestKey: expand(prk, [labels.requestKey]),
    responseSecret: expand(prk, [labels.responseSecret]),
    exporterSecret: expand(prk, [labels.exporterSecret]),
  };
}

/** A key of the application's own, the same on both sides. */
export const exportedKey = (exporterSecret: Bytes, label: string): Buffer =>
  expand(exporterSecret, ['nen/2 exported key', label]);
