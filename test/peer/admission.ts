/** PROTOCOL.md 9: what the server checks, in the order that is part of the protocol, and 8.1: the inner request. */
import { type InnerRequest, readRequest } from './binary-http.ts';
import { fromB64, isSid } from './bytes.ts';
import type { Memory } from './memory.ts';
import { NONCE_BYTES } from './primitives.ts';
import { Refusal } from './refusal.ts';
import { type Arrived, openRequest, pathOf, readEnvelope, type Signed, signatureHolds } from './request.ts';
import { readRetry } from './retry.ts';
import { isTime, MAX_AGE_MS, MAX_BODY_BYTES, type Session, WINDOW_MS } from './session.ts';
import type { Received } from './wire.ts';

/** A request whose nonce was claimed. From here on every refusal is sealed. */
export interface Admitted {
  readonly session: Session;
  readonly signed: Signed;
  readonly nonce: Buffer;
  readonly arrived: Arrived;
  readonly payload: Buffer;
}

function plain(so: unknown, code: string): asserts so {
  if (!so) throw new Refusal(code, 'plain');
}

function sealed(so: unknown, code: string): asserts so {
  if (!so) throw new Refusal(code, 'sealed');
}

/** Steps 1 to 14. @throws Refusal in clear */
export function admit(
  request: Received,
  memory: Memory,
  nowMs: () => number,
  unsealedCode: 'ISO-3007' | 'ISO-3001',
): Admitted {
  const { method, target, headers, body } = request;
  plain(
    Object.keys(headers).some((name) => name.startsWith('x-nen-')),
    unsealedCode,
  );
  const { 'x-nen-signature': signature, 'x-nen-timestamp': timestamp } = headers;
  const { 'x-nen-nonce': nonce, 'x-nen-session': sid, 'x-nen-retry': retry = '' } = headers;
  plain(signature, 'ISO-3001');
  plain(isTime(timestamp), 'ISO-3004');
  plain(nonce, 'ISO-3005');
  const nonceBytes = fromB64(nonce, NONCE_BYTES);
  plain(nonceBytes, 'ISO-3006');
  plain(isSid(sid), 'ISO-2001');
  const declared = headers['content-length'];
  plain(declared === undefined || (/^\d+$/.test(declared) && Number(declared) <= MAX_BODY_BYTES), 'ISO-4003');
  const session = memory.find(sid, nowMs());
  plain(session, 'ISO-2002');
  const signed: Signed = { method, target, timestamp, nonce, retry };
  plain(signatureHolds(session, signed, signature), 'ISO-3002');
  const timestampMs = Number(timestamp);
  plain(Math.abs(timestampMs - nowMs()) <= WINDOW_MS, 'ISO-3003');
  plain(body.length <= MAX_BODY_BYTES, 'ISO-4003');
  plain(declared === undefined || body.length >= Number(declared), 'ISO-4007');
  const arrived = readEnvelope(headers, body, nonce);
  plain(arrived, 'ISO-4002');
  const payload = openRequest(session, signed, arrived);
  plain(payload, 'ISO-4001');
  plain(nowMs() - timestampMs < MAX_AGE_MS, 'ISO-3003');
  const claim = memory.claim(sid, nonce, timestampMs, nowMs());
  plain(claim !== 'replayed', 'ISO-5001');
  plain(claim === 'claimed', 'ISO-2002');
  return { session, signed, nonce: nonceBytes, arrived, payload };
}

/** Step 15, section 11. @throws Refusal under seal */
export function admitRetry({ signed: { retry } }: Admitted, memory: Memory, nowMs: number): void {
  if (retry === '') return;
  const first = readRetry(retry);
  sealed(first, 'ISO-4006');
  const { sid, nonce, epoch } = first;
  const timestampMs = Number(first.timestamp);
  sealed(Math.abs(timestampMs - nowMs) <= WINDOW_MS, 'ISO-5002');
  sealed(epoch === memory.epoch, 'ISO-5002');
  sealed(memory.claimAttempt(sid, nonce, timestampMs, nowMs), 'ISO-5002');
}

const MAX_JSON_LEVELS = 64;
const MAX_JSON_NAMES = 100_000;
const FORBIDDEN_METHODS = ['CONNECT', 'TRACE', 'TRACK', 'OPTIONS'];
const CAPITAL_METHODS = ['DELETE', 'GET', 'HEAD', 'POST', 'PUT'];
const TARGET = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/;

/** Step 16, section 8.1: the request for the handler. @throws Refusal under seal */
export function innerRequest({ signed, arrived, payload }: Admitted, endpoint: string): InnerRequest {
  const { method, target } = signed;
  if (arrived.kind === 'none') {
    sealed(payload.length === 0, 'ISO-4006');
    return checked({ method, target, headers: [], content: payload });
  }
  if (arrived.kind === 'json') {
    sealed(isModestJson(payload), 'ISO-4006');
    return checked({ method, target, headers: [['content-type', 'application/json']], content: payload });
  }
  const inner = readRequest(payload);
  sealed(inner, 'ISO-4006');
  if (pathOf(target) === `${endpoint}/sealed`) {
    sealed(method === 'POST' && target === `${endpoint}/sealed`, 'ISO-4006');
    sealed(isInside(inner.target, endpoint), 'ISO-4006');
  } else {
    sealed(inner.method === method && inner.target === target, 'ISO-4006');
  }
  return checked(inner);
}

function checked(inner: InnerRequest): InnerRequest {
  const capitals = inner.method.toUpperCase();
  sealed(!FORBIDDEN_METHODS.includes(capitals), 'ISO-4006');
  sealed(!CAPITAL_METHODS.includes(capitals) || inner.method === capitals, 'ISO-4006');
  const bodiless = inner.method === 'GET' || inner.method === 'HEAD';
  sealed(!bodiless || inner.content.length === 0, 'ISO-4006');
  return inner;
}

function isInside(target: string, endpoint: string): boolean {
  const path = pathOf(target);
  return (
    TARGET.test(target) &&
    !path.includes('//') &&
    path.startsWith(`${endpoint}/`) &&
    path !== `${endpoint}/sealed` &&
    new URL(path, 'https://any').pathname === path
  );
}

function isModestJson(payload: Buffer): boolean {
  let names = 0;
  const isModest = (value: unknown, level: number): boolean => {
    if (typeof value !== 'object' || value === null) return true;
    if (level > MAX_JSON_LEVELS) return false;
    if (!Array.isArray(value)) names += Object.keys(value).length;
    return names <= MAX_JSON_NAMES && Object.values(value).every((member) => isModest(member, level + 1));
  };
  try {
    return isModest(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)), 1);
  } catch {
    return false;
  }
}
