/**
 * The golden transcripts against the code, in three ways and with every implementation of the primitives:
 * the code writes them byte for byte, the code reads them, and the formulas of PROTOCOL.md over plain
 * node:crypto give the same values. UPDATE_GOLDEN=1 writes them anew.
 */
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { describe, expect, it } from 'vitest';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64UrlEncode,
  bytesToLatin1,
  latin1ToBytes,
  utf8ToBytes,
} from '../../../src/crypto/bytes.ts';
import { loadVerifier } from '../../../src/crypto/load-ml-dsa-65.ts';
import { noblePrimitives } from '../../../src/crypto/noble.ts';
import type { Primitives } from '../../../src/crypto/primitives.ts';
import { loadSuite, type SuiteName } from '../../../src/crypto/suite.ts';
import { claimMs, decodeRetry, isInWindow } from '../../../src/protocol/claims.ts';
import type { Encoding, RequestKind, ResponseKind } from '../../../src/protocol/envelope.ts';
import { NenError, type NenErrorCode, statusOf } from '../../../src/protocol/errors.ts';
import { type Exchange, openRequest, openResponse } from '../../../src/protocol/exchange.ts';
import { finishHandshake, type NewSession, verifyClientIdentity } from '../../../src/protocol/handshake.ts';
import { decodeClientHello, type SessionTerms } from '../../../src/protocol/handshake-messages.ts';
import { decodeRequest, decodeResponse } from '../../../src/protocol/http.ts';
import type { PreviousSession } from '../../../src/protocol/key-schedule.ts';
import { importKeys, type SessionContext, type SessionSecrets } from '../../../src/protocol/keys.ts';
import { decodePlainRefusal } from '../../../src/protocol/refusal.ts';
import { readSealedHeaders, verifyRequest } from '../../../src/protocol/signed-headers.ts';
import { StreamOpener } from '../../../src/protocol/stream.ts';
import { fixed, hex, implementations, unhex } from '../../crypto/implementations.ts';
import { type JsonObject, transcripts } from './generate.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const UPDATE = process.env.UPDATE_GOLDEN === '1';

if (UPDATE) {
  for (const [name, transcript] of await transcripts(noblePrimitives)) {
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(transcript, undefined, 2)}\n`);
  }
}

const names = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .sort();

function load<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as T;
}

const starting = (start: string): string[] => names.filter((name) => name.startsWith(start));

interface HandshakeFile {
  inputs: {
    suite: SuiteName;
    aud: string;
    keyPairSeed: string;
    encapsulationRandomness: string;
    sidBytes: string;
    hmacKey: string;
    terms: SessionTerms;
    clientIdentitySeed: string | null;
    serverIdentitySeed: string | null;
    previous: { sid: string; exporterSecret: string; clientIdentity: string; serverIdentity: string } | null;
  };
  intermediate: {
    publicKey: string;
    ciphertext: string;
    sharedSecret: string;
    clientIdentity: string;
    serverIdentity: string;
    clientHelloInput: string;
    clientHelloDigest: string;
    transcriptInput: string;
    transcript: string;
    ikm: string;
    prk: string;
    handshakeKey: string;
    hs: { nonce: string; aad: string; plaintext: string; box: string };
  };
  wire: { hello: string; answer: string };
  expected: {
    sid: string;
    requestKey: string;
    responseSecret: string;
    exporterSecret: string;
    hmacKey: string;
    clientPin: string | null;
    serverPin: string | null;
  };
}

interface Message {
  method: string;
  path: string;
  status: number;
  fields: [string, string][];
  body: string;
}

interface Wire {
  status: number;
  headers: Record<string, string>;
  body?: string | null;
  bodyHex?: string;
}

interface RequestFile {
  inputs: {
    session: { sid: string; requestKey: string; hmacKey: string };
    method: string;
    path: string;
    query: string;
    timestamp: string;
    nonce: string;
    kind: RequestKind;
    encoding: Encoding;
    retry: string;
    message?: Message;
  };
  intermediate: { signed: string; signature: string; aad: string; plaintext: string; box: string };
  wire: Wire & { method: string; path: string; query: string };
  expected: { kind: RequestKind; payload: string };
}

interface ResponseFile {
  inputs: {
    session: { sid: string; responseSecret: string };
    requestNonce: string;
    requestKind: RequestKind;
    encoding: Encoding;
    status: number;
    kind: ResponseKind;
    nonce: string;
    message?: Message;
  };
  intermediate: { answerKeyInfo: string; answerKey: string; aad: string; plaintext: string; box: string };
  wire: Wire;
  expected: { kind: ResponseKind; payload: string };
}

interface StreamFile {
  inputs: {
    session: { sid: string; responseSecret: string };
    requestNonce: string;
    encoding: Encoding;
    status: number;
    base: string;
  };
  intermediate: {
    streamKeyInfo: string;
    streamKey: string;
    records: {
      index: number;
      kind: number;
      nonce: string;
      aad: string;
      plaintext: string;
      box: string;
      frame?: string;
      frameHex?: string;
    }[];
  };
  wire: Wire;
  expected: { head: { status: number; fields: [string, string][] }; data: string; end: string };
}

function bodyOf({ body, bodyHex }: Wire): Bytes {
  return bodyHex === undefined ? latin1ToBytes(body ?? '') : unhex(bodyHex);
}

function previousOf(previous: NonNullable<HandshakeFile['inputs']['previous']>): PreviousSession {
  const { sid, exporterSecret, clientIdentity, serverIdentity } = previous;
  return {
    sid,
    exporterSecret: unhex(exporterSecret),
    clientIdentity: unhex(clientIdentity),
    serverIdentity: unhex(serverIdentity),
  };
}

/** A new session as the files write it. */
function sessionIn({ sid, secrets, clientIdentity, serverIdentity }: NewSession): HandshakeFile['expected'] {
  return {
    sid,
    requestKey: hex(secrets.requestKey),
    responseSecret: hex(secrets.responseSecret),
    exporterSecret: hex(secrets.exporterSecret),
    hmacKey: hex(secrets.hmacKey),
    clientPin: clientIdentity === undefined ? null : base64UrlEncode(clientIdentity),
    serverPin: serverIdentity === undefined ? null : base64UrlEncode(serverIdentity),
  };
}

/** A session of which only these secrets are known. */
function sessionOf(
  p: Primitives,
  sid: string,
  secrets: Partial<Record<keyof SessionSecrets, string>>,
): SessionContext {
  const secret = (name: keyof SessionSecrets): Bytes => unhex(secrets[name] ?? '00'.repeat(32));
  const keys = importKeys(p, {
    requestKey: secret('requestKey'),
    responseSecret: secret('responseSecret'),
    exporterSecret: secret('exporterSecret'),
    hmacKey: secret('hmacKey'),
  });
  return { sid, keys };
}

// The formulas once more, over node:crypto alone.
const sha256 = (data: string): string => createHash('sha256').update(unhex(data)).digest('hex');
const hmac = (key: string, data: Uint8Array): string =>
  createHmac('sha256', unhex(key)).update(data).digest('hex');
/** HKDF-Expand to one block. */
const expand = (prk: string, info: string): string => hmac(prk, unhex(`${info}01`));
/** LP(value), of latin1 text. */
const field = (value: string): string => {
  const bytes = latin1ToBytes(value);
  return bytes.length.toString(16).padStart(8, '0') + hex(bytes);
};
const framed = (...fields: readonly string[]): string => fields.map(field).join('');

function seal(key: string, nonce: string, aad: string, plaintext: string): string {
  const cipher = createCipheriv('chacha20-poly1305', unhex(key), unhex(nonce), { authTagLength: 16 });
  cipher.setAAD(unhex(aad), { plaintextLength: plaintext.length / 2 });
  return (
    cipher.update(unhex(plaintext)).toString('hex') +
    cipher.final('hex') +
    cipher.getAuthTag().toString('hex')
  );
}

it('there are at least 12 golden transcripts, and each file is one of them', async () => {
  expect(names.length).toBeGreaterThanOrEqual(12);
  expect(names).toEqual([...(await transcripts(noblePrimitives)).keys()].sort());
});

describe.each(implementations.map((p) => [p.name, p] as const))('the code, with %s,', (_, p) => {
  it('writes every golden transcript byte for byte', async () => {
    for (const [name, transcript] of await transcripts(p)) {
      expect(transcript, name).toEqual(load<JsonObject>(name));
    }
  });

  it.each(starting('handshake'))('reads %s on both sides', async (name) => {
    const { inputs, intermediate, wire, expected } = load<HandshakeFile>(name);
    const suite = await loadSuite(noblePrimitives, inputs.suite);
    const previous = inputs.previous === null ? undefined : previousOf(inputs.previous);
    const policy = { suites: [suite], origins: new Set([inputs.aud]) };
    const hello = decodeClientHello(utf8ToBytes(wire.hello), policy);
    const clientIdentity = await verifyClientIdentity(p, hello, loadVerifier);
    expect(clientIdentity === undefined).toBe(inputs.clientIdentitySeed === null);
    if (clientIdentity !== undefined) expect(hex(clientIdentity)).toBe(intermediate.clientIdentity);

    const keyPair = await suite.kem.generateKeyPair(fixed(unhex(inputs.keyPairSeed)));
    const pins = expected.serverPin === null ? undefined : new Set([expected.serverPin]);
    const pending = { hello, keyPair, previous };
    const finished = await finishHandshake(p, pending, utf8ToBytes(wire.answer), { pins, loadVerifier });
    expect(finished.terms).toEqual(inputs.terms);
    expect(sessionIn(finished)).toEqual(expected);
  });

  it.each(starting('request-'))('opens %s', async (name) => {
    const { inputs, wire, expected } = load<RequestFile>(name);
    const { sid, requestKey, hmacKey } = inputs.session;
    const session = sessionOf(p, sid, { requestKey, hmacKey });
    const headers = readSealedHeaders(new Headers(wire.headers));
    expect(headers).toMatchObject({ sid, timestamp: inputs.timestamp, retry: inputs.retry });
    const { method, path, query } = wire;
    verifyRequest(session.keys, { method, path, query }, headers, Number(inputs.timestamp));
    const opened = await openRequest(
      session,
      { method, path, query },
      headers,
      inputs.encoding,
      bodyOf(wire),
    );
    expect(opened.exchange.kind).toBe(expected.kind);
    expect(hex(opened.payload)).toBe(expected.payload);
    if (inputs.message === undefined) return;
    const message = decodeRequest(opened.payload);
    expect(message && { ...message, body: hex(message.body) }).toEqual(inputs.message);
  });

  it.each(starting('response-'))('opens %s', async (name) => {
    const { inputs, wire, expected } = load<ResponseFile>(name);
    const { sid, responseSecret } = inputs.session;
    const session = sessionOf(p, sid, { responseSecret });
    const exchange: Exchange = {
      session,
      nonce: unhex(inputs.requestNonce),
      kind: inputs.requestKind,
      encoding: inputs.encoding,
    };
    const opened = await openResponse(exchange, wire.status, new Headers(wire.headers), bodyOf(wire));
    expect(opened.kind).toBe(expected.kind);
    expect(hex(opened.payload)).toBe(expected.payload);
    if (inputs.message === undefined) return;
    const message = decodeResponse(opened.payload);
    expect(message && { ...message, body: hex(message.body) }).toEqual(inputs.message);
  });

  it.each(starting('stream-'))('opens %s, whole and byte by byte', async (name) => {
    const { inputs, wire, expected } = load<StreamFile>(name);
    const { sid, responseSecret } = inputs.session;
    const body = bodyOf(wire);
    for (const size of [body.length, 1]) {
      const session = sessionOf(p, sid, { responseSecret });
      const exchange: Exchange = {
        session,
        nonce: unhex(inputs.requestNonce),
        kind: 'http',
        encoding: inputs.encoding,
      };
      const opener = new StreamOpener(exchange, wire.status);
      let [head, data, end]: [unknown, string, string] = [undefined, '', ''];
      try {
        for (let at = 0; at < body.length; at += size) {
          for await (const record of opener.push(body.subarray(at, at + size))) {
            if (record.type === 'head') head = { status: record.status, fields: record.fields };
            else if (record.type === 'data') data += hex(record.bytes);
          }
        }
        opener.end();
        end = 'final';
      } catch (error) {
        end = NenError.from(error)?.code ?? String(error);
      }
      expect({ head, data, end }).toEqual(expected);
    }
  });
});

it('the code reads every plain refusal', () => {
  const { refusals } = load<{ refusals: { code: NenErrorCode; wire: { status: number; body: string } }[] }>(
    'refusals-plain',
  );
  for (const { code, wire } of refusals) {
    expect(decodePlainRefusal(utf8ToBytes(wire.body))).toBe(code);
    expect(wire.status).toBe(statusOf(code));
  }
});

it('the code reads the header of a retry, and reckons with the window and the life of a claim', () => {
  const file = load<{
    retry: { inputs: { sid: string; timestamp: string; nonce: string; epoch: string }; wire: string };
    malformed: string[];
    claims: { timestamp: number; now: number; inWindow: boolean; claimMs: number }[];
  }>('retry-and-claims');
  const { inputs, wire } = file.retry;
  expect(decodeRetry(wire)).toEqual({ ...inputs, timestamp: Number(inputs.timestamp) });
  for (const value of file.malformed) expect(decodeRetry(value), value).toBeUndefined();
  for (const { timestamp, now, inWindow, claimMs: life } of file.claims) {
    expect(isInWindow(timestamp, now)).toBe(inWindow);
    expect(claimMs(timestamp, now)).toBe(life);
  }
});

describe('the formulas alone give', () => {
  const text = (bytes: string): string => bytesToLatin1(unhex(bytes));
  const hexOf = (base64: string): string => hex(base64Decode(base64) ?? unhex(''));

  it.each(starting('handshake'))('%s', (name) => {
    const { inputs, intermediate: mid, wire, expected } = load<HandshakeFile>(name);
    const hello = JSON.parse(wire.hello) as { pk: string; id?: { pk: string; sig: string } };
    const answer = JSON.parse(wire.answer) as {
      sid: string;
      ct: string;
      hs: string;
      id?: { pk: string; sig: string };
    };
    expect(hexOf(hello.pk)).toBe(mid.publicKey);
    expect(hexOf(answer.ct)).toBe(mid.ciphertext);
    expect(hexOf(answer.hs)).toBe(mid.hs.box);
    const [pk, ct] = [text(mid.publicKey), text(mid.ciphertext)];
    const [clientId, serverId] = [text(mid.clientIdentity), text(mid.serverIdentity)];
    const before = inputs.previous?.sid ?? '';
    const transcriptInput = [inputs.suite, inputs.aud, pk, clientId, answer.sid, ct, serverId, before];
    expect(framed('nen/2 transcript', ...transcriptInput)).toBe(mid.transcriptInput);
    expect(framed('nen/2 client hello', inputs.suite, pk, inputs.aud)).toBe(mid.clientHelloInput);
    expect(sha256(mid.clientHelloInput)).toBe(mid.clientHelloDigest);
    for (const [id, context, message, digest] of [
      [hello.id, 'nen/2 client', mid.clientHelloDigest, mid.clientIdentity],
      [answer.id, 'nen/2 server', mid.transcript, mid.serverIdentity],
    ] as const) {
      if (id === undefined) continue;
      expect(sha256(hexOf(id.pk))).toBe(digest);
      const [key, signature] = [unhex(hexOf(id.pk)), unhex(hexOf(id.sig))];
      expect(ml_dsa65.verify(signature, unhex(message), key, { context: latin1ToBytes(context) })).toBe(true);
    }
    expect(sha256(mid.transcriptInput)).toBe(mid.transcript);
    expect(mid.sharedSecret + (inputs.previous?.exporterSecret ?? '')).toBe(mid.ikm);
    expect(hmac(mid.transcript, unhex(mid.ikm))).toBe(mid.prk);
    expect(expand(mid.prk, framed('nen/2 handshake key'))).toBe(mid.handshakeKey);
    expect(expand(mid.prk, framed('nen/2 request key'))).toBe(expected.requestKey);
    expect(expand(mid.prk, framed('nen/2 response secret'))).toBe(expected.responseSecret);
    expect(expand(mid.prk, framed('nen/2 exporter'))).toBe(expected.exporterSecret);
    expect(
      seal(mid.handshakeKey, mid.hs.nonce, mid.hs.aad, Buffer.from(mid.hs.plaintext).toString('hex')),
    ).toBe(mid.hs.box);
    expect(Buffer.from(answer.sid, 'base64url').toString('hex')).toBe(inputs.sidBytes);
  });

  it.each(starting('request-'))('%s', (name) => {
    const { inputs, intermediate: mid, wire } = load<RequestFile>(name);
    const { sid, requestKey, hmacKey } = inputs.session;
    const nonce = base64Encode(unhex(inputs.nonce));
    expect(`${inputs.method}\n${inputs.path}\n${inputs.timestamp}\n${nonce}`).toBe(mid.signed);
    expect(hmac(hmacKey, latin1ToBytes(mid.signed))).toBe(mid.signature);
    const target = inputs.path + inputs.query;
    expect(
      framed('nen/2 request', sid, inputs.method, target, inputs.timestamp, inputs.kind, inputs.retry),
    ).toBe(mid.aad);
    expect(seal(requestKey, inputs.nonce, mid.aad, mid.plaintext)).toBe(mid.box);
    const ct = base64Encode(unhex(mid.box));
    expect(wire.headers).toEqual({
      'X-Nen-Session': sid,
      'X-Nen-Timestamp': inputs.timestamp,
      'X-Nen-Nonce': nonce,
      'X-Nen-Signature': base64Encode(unhex(mid.signature)),
      ...(inputs.retry !== '' && { 'X-Nen-Retry': inputs.retry }),
      ...(inputs.kind === 'none'
        ? { 'X-Nen-Tag': ct }
        : { 'Content-Type': inputs.encoding === 'octets' ? 'application/octet-stream' : 'application/json' }),
    });
    if (inputs.kind === 'none') expect(wire.body).toBeNull();
    else if (inputs.encoding === 'octets') expect(wire.bodyHex).toBe(mid.box);
    else expect(wire.body).toBe(inputs.kind === 'http' ? `{"t":"http","ct":"${ct}"}` : `{"ct":"${ct}"}`);
  });

  it.each(starting('response-'))('%s', (name) => {
    const { inputs, intermediate: mid, wire } = load<ResponseFile>(name);
    const { sid, responseSecret } = inputs.session;
    const requestNonce = text(inputs.requestNonce);
    expect(framed('nen/2 answer', requestNonce)).toBe(mid.answerKeyInfo);
    expect(expand(responseSecret, mid.answerKeyInfo)).toBe(mid.answerKey);
    expect(framed('nen/2 response', sid, requestNonce, String(inputs.status), inputs.kind)).toBe(mid.aad);
    expect(seal(mid.answerKey, inputs.nonce, mid.aad, mid.plaintext)).toBe(mid.box);
    const [n, ct] = [base64Encode(unhex(inputs.nonce)), base64Encode(unhex(mid.box))];
    if (inputs.kind === 'none') expect(wire.headers).toEqual({ 'X-Nen-Nonce': n, 'X-Nen-Tag': ct });
    else if (inputs.encoding === 'octets') {
      expect(wire.bodyHex).toBe(`${inputs.kind === 'error' ? '02' : '00'}${inputs.nonce}${mid.box}`);
    } else {
      const t = inputs.kind === 'json' ? '' : `"t":"${inputs.kind}",`;
      expect(wire.body).toBe(`{${t}"n":"${n}","ct":"${ct}"}`);
    }
  });

  it.each(starting('stream-'))('%s', (name) => {
    const { inputs, intermediate: mid, wire } = load<StreamFile>(name);
    const { sid, responseSecret } = inputs.session;
    const requestNonce = text(inputs.requestNonce);
    expect(framed('nen/2 stream', requestNonce, text(inputs.base))).toBe(mid.streamKeyInfo);
    expect(expand(responseSecret, mid.streamKeyInfo)).toBe(mid.streamKey);
    let joined = '';
    for (const { index, kind, nonce, aad, plaintext, box, frame, frameHex } of mid.records) {
      const counter = BigInt(`0x${inputs.base}`) ^ BigInt(index);
      expect(counter.toString(16).padStart(24, '0')).toBe(nonce);
      expect(
        framed('nen/2 record', sid, requestNonce, String(inputs.status), 'http', String.fromCharCode(kind)),
      ).toBe(aad);
      expect(seal(mid.streamKey, nonce, aad, plaintext)).toBe(box);
      if (inputs.encoding === 'octets') {
        const head = index === 0 ? `01${inputs.base}` : '';
        const length = (box.length / 2).toString(16).padStart(8, '0');
        expect(`${head}${length}0${kind}${box}`).toBe(frameHex);
        joined += frameHex;
      } else {
        const ct = base64Encode(unhex(box));
        const event = ['', '', 'event: final\n', 'event: failed\n'][kind];
        const n = base64Encode(unhex(inputs.base));
        expect(`${event}data: ${index === 0 ? `{"n":"${n}","ct":"${ct}"}` : ct}\n\n`).toBe(frame);
        joined += frame;
      }
    }
    expect(joined).toBe(wire.bodyHex ?? wire.body);
  });
});
