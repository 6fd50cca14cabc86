/** PROTOCOL.md 6: a sealed response in one envelope. */
import { randomBytes } from 'node:crypto';
import { type InnerResponse, readResponse } from './binary-http.ts';
import { type Bytes, b64, bytes, type Field, fromB64, input, join } from './bytes.ts';
import { hasExactly, readMessage } from './json-message.ts';
import { expand, NONCE_BYTES, open, seal, TAG_BYTES } from './primitives.ts';
import { codeInPayload, codeInPlain, Refusal } from './refusal.ts';
import type { Bend } from './seams.ts';
import type { Encoding, ResponseKind, Session } from './session.ts';
import type { WireAnswer } from './wire.ts';

export const NO_STORE = ['Cache-Control', 'no-store, no-transform'] as const;
const OCTETS_OF_KIND = { http: 0, error: 2 } as const;
const KINDS_OF_OCTET: Readonly<Record<number, 'http' | 'error'>> = { 0: 'http', 2: 'error' };

export interface Answered {
  readonly requestNonce: Bytes;
  /** The outer one. */
  readonly status: number;
  readonly kind: ResponseKind;
  readonly payload: Bytes;
  readonly encoding: Encoding;
  readonly nonce?: Bytes;
}

const answerKeyInfo = (requestNonce: Bytes): Field[] => ['nen/2 answer', requestNonce];

const responseAad = (sid: string, requestNonce: Bytes, status: number, kind: string): Field[] => [
  'nen/2 response',
  sid,
  requestNonce,
  String(status),
  kind,
];

export function sealResponse(session: Session, answered: Answered, bend: Bend): WireAnswer {
  const { requestNonce, encoding } = answered;
  const status = bend('response status', answered.status);
  const nonce = answered.nonce ?? randomBytes(NONCE_BYTES);
  const key = expand(session.responseSecret, bend('answer key', answerKeyInfo(requestNonce)));
  const aad = bend('response aad', responseAad(session.sid, requestNonce, answered.status, answered.kind));
  const plaintext = bend('response payload', answered.payload);
  const sealing = bend('response box', { key, nonce, aad: input(aad), plaintext });
  const box = bend('sealed response', seal(sealing));

  const kind = bend('response kind', answered.kind);
  if (kind === 'none') {
    const headers = [NO_STORE, ['X-Nen-Nonce', b64(nonce)], ['X-Nen-Tag', b64(box)]] as const;
    return { status, headers, body: new Uint8Array(0) };
  }
  const octets = encoding === 'octets' && (kind === 'http' || kind === 'error');
  const type = octets ? 'application/octet-stream' : 'application/json';
  const envelope = octets ? join(Uint8Array.of(OCTETS_OF_KIND[kind]), nonce, box) : inJson(kind, nonce, box);
  const body = bytes(bend('response envelope', envelope));
  return { status, headers: [['Content-Type', type], NO_STORE], body };
}

function inJson(kind: string, n: Bytes, box: Bytes): string {
  const both = { n: b64(n), ct: b64(box) };
  return JSON.stringify(kind === 'json' ? both : { t: kind, ...both });
}

/** Steps 6 to 8 of 6.1: what arrived whole, opened. @throws Refusal */
export function openEnvelope(
  session: Session,
  requestNonce: Bytes,
  { status, encoding, body }: { status: number; encoding: Encoding; body: Bytes },
): InnerResponse {
  const found = encoding === 'octets' ? octetEnvelope(body) : jsonEnvelope(body);
  if (found === undefined) {
    const code = status < 200 || status > 299 ? codeInPlain(body) : undefined;
    throw code === undefined ? new Refusal('ISO-4005') : new Refusal(code, 'plain');
  }
  return opened(session, requestNonce, { ...found, status });
}

interface Envelope {
  readonly kind: ResponseKind;
  readonly nonce: Bytes;
  readonly box: Bytes;
}

function octetEnvelope(body: Bytes): Envelope | undefined {
  const kind = KINDS_OF_OCTET[body[0] ?? Number.NaN];
  if (kind === undefined || body.length < 1 + NONCE_BYTES + TAG_BYTES) return undefined;
  return { kind, nonce: body.subarray(1, 1 + NONCE_BYTES), box: body.subarray(1 + NONCE_BYTES) };
}

function jsonEnvelope(body: Bytes): Envelope | undefined {
  const message = readMessage(body);
  if (!hasExactly(message, ['n', 'ct'], ['t'])) return undefined;
  if ('t' in message && message.t !== 'http' && message.t !== 'error') return undefined;
  const kind = (message.t as 'http' | 'error' | undefined) ?? 'json';
  const [nonce, box] = [fromB64(message.n, NONCE_BYTES), fromB64(message.ct)];
  return nonce && box && box.length >= TAG_BYTES ? { kind, nonce, box } : undefined;
}

/** Step 1 of 6.1: nonce and tag in headers, no body. @throws Refusal */
export function openTag(
  session: Session,
  requestNonce: Bytes,
  { status, headers, body }: { status: number; headers: Readonly<Record<string, string>>; body: Bytes },
): InnerResponse {
  if (body.length > 0) throw new Refusal('ISO-4004');
  const nonce = fromB64(headers['x-nen-nonce'], NONCE_BYTES);
  const box = fromB64(headers['x-nen-tag'], TAG_BYTES);
  if (nonce === undefined || box === undefined) throw new Refusal('ISO-4004');
  return opened(session, requestNonce, { kind: 'none', nonce, box, status });
}

function opened(
  session: Session,
  requestNonce: Bytes,
  { kind, nonce, box, status }: Envelope & { status: number },
): InnerResponse {
  const key = expand(session.responseSecret, answerKeyInfo(requestNonce));
  const aad = input(responseAad(session.sid, requestNonce, status, kind));
  const payload = open(key, nonce, aad, box);
  if (payload === undefined) throw new Refusal('ISO-4004');
  if (kind === 'error') {
    const code = codeInPayload(payload);
    throw code === undefined ? new Refusal('ISO-4004') : new Refusal(code, 'sealed');
  }
  if (kind === 'none') return { status, headers: [], content: payload };
  if (kind === 'json') return { status, headers: [['content-type', 'application/json']], content: payload };
  const inner = readResponse(payload);
  if (inner === undefined) throw new Refusal('ISO-4004');
  return inner;
}
