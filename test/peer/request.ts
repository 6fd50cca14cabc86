/** PROTOCOL.md 5: a sealed request, from the call to the wire and back. */
import { type Bytes, b64, bytes, type Field, fromB64, input } from './bytes.ts';
import { hasExactly, readMessage } from './json-message.ts';
import { equal, hmac, NONCE_BYTES, open, seal, TAG_BYTES } from './primitives.ts';
import type { Bend } from './seams.ts';
import type { Encoding, Outgoing, RequestKind, Session } from './session.ts';
import type { WireRequest } from './wire.ts';

export const pathOf = (target: string): string => target.split('?', 1)[0] ?? '';

/** 5.2: the text under the HMAC. */
const signedText = (method: string, target: string, timestamp: string, nonce: string): string =>
  [method, pathOf(target), timestamp, nonce].join('\n');

const signatureOf = (key: Bytes, text: string): Buffer => hmac(key, Buffer.from(text, 'latin1'));

/** 5.3 */
function requestAad(sid: string, request: Omit<Outgoing, 'payload' | 'encoding' | 'nonce'>): Field[] {
  const { method, target, timestamp, kind, retry } = request;
  return ['nen/2 request', sid, method, target, timestamp, kind, retry];
}

export function sealRequest(session: Session, right: Outgoing, bend: Bend): WireRequest {
  const request = bend('outgoing', right);
  const { method, target, kind, encoding, timestamp, nonce, retry } = request;
  const plaintext = bend('request payload', request.payload);
  const aad = input(bend('request aad', requestAad(session.sid, request)));
  const box = bend(
    'sealed request',
    seal(bend('request box', { key: session.requestKey, nonce, aad, plaintext })),
  );
  const text = bend('signed text', signedText(method, target, timestamp, b64(nonce)));
  const signature = signatureOf(bend('signature key', session.hmacKey), text);

  const headers: [string, string][] = [
    ['X-Nen-Session', session.sid],
    ['X-Nen-Timestamp', timestamp],
    ['X-Nen-Nonce', b64(nonce)],
    ['X-Nen-Signature', b64(signature)],
  ];
  if (retry !== '') headers.push(['X-Nen-Retry', retry]);
  if (kind === 'none') {
    headers.push(['X-Nen-Tag', b64(box)]);
    return bend('request', { method, target, headers });
  }
  const octets = encoding === 'octets' && kind === 'http';
  headers.push(['Content-Type', octets ? 'application/octet-stream' : 'application/json']);
  const body = bytes(bend('request envelope', octets ? box : jsonEnvelope(kind, box)));
  return bend('request', { method, target, headers, body });
}

const jsonEnvelope = (kind: 'json' | 'http', box: Bytes): string =>
  JSON.stringify(kind === 'http' ? { t: 'http', ct: b64(box) } : { ct: b64(box) });

export interface Arrived {
  readonly kind: RequestKind;
  readonly encoding: Encoding;
  readonly box: Bytes;
}

/** 5.5: which kind arrived, and its box. undefined for what is no envelope. */
export function readEnvelope(
  headers: Readonly<Record<string, string>>,
  body: Bytes,
  nonce: string,
): Arrived | undefined {
  const tag = headers['x-nen-tag'];
  if (tag !== undefined) {
    const box = fromB64(tag, TAG_BYTES);
    return box && body.length === 0 ? { kind: 'none', encoding: 'json', box } : undefined;
  }
  if (headers['content-type']?.toLowerCase().startsWith('application/octet-stream')) {
    return body.length < TAG_BYTES ? undefined : { kind: 'http', encoding: 'octets', box: body };
  }
  const message = readMessage(body);
  if (!hasExactly(message, ['ct'], ['t', 'n'])) return undefined;
  if ('t' in message && message.t !== 'http') return undefined;
  if ('n' in message && message.n !== nonce) return undefined;
  const box = fromB64(message.ct);
  if (box === undefined || box.length < TAG_BYTES) return undefined;
  return { kind: 't' in message ? 'http' : 'json', encoding: 'json', box };
}

export interface Signed {
  readonly method: string;
  readonly target: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly retry: string;
}

export function signatureHolds(session: Session, signed: Signed, signature: string): boolean {
  const { method, target, timestamp, nonce } = signed;
  const given = fromB64(signature);
  const right = signatureOf(session.hmacKey, signedText(method, target, timestamp, nonce));
  return given !== undefined && equal(given, right);
}

export function openRequest(session: Session, signed: Signed, { kind, box }: Arrived): Buffer | undefined {
  const nonce = fromB64(signed.nonce, NONCE_BYTES);
  const aad = input(requestAad(session.sid, { ...signed, kind }));
  return nonce && open(session.requestKey, nonce, aad, box);
}
