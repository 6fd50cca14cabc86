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
  base64Decode,
  base64Encode,
  bytesToLatin1,
  latin1ToBytes,
  utf8ToBytes,
} from '../../../src/crypto/bytes.ts';
import { createMlDsa65Signer } from '../../../src/crypto/ml-dsa-65.ts';
import { noblePrimitives } from '../../../src/crypto/noble.ts';
import { claimMs, decodeRetry, isInWindow } from '../../../src/protocol/claims.ts';
import { type NenErrorCode, statusOf } from '../../../src/protocol/errors.ts';
import { encodePin, identityDigest, isPin } from '../../../src/protocol/identity.ts';
import { exportKey } from '../../../src/protocol/keys.ts';
import { decodePlainRefusal } from '../../../src/protocol/refusal.ts';
import { hex, implementations, unhex } from '../../crypto/implementations.ts';
import type { JsonObject } from './generate.ts';
import {
  allTranscripts,
  bodyOf,
  type HandshakeFile,
  hear,
  type RefusedAnswers,
  type RefusedHellos,
  type RequestFile,
  type ResponseFile,
  readHandshake,
  readRequest,
  readResponse,
  readStream,
  type StreamFile,
  sessionOf,
  take,
} from './read.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const UPDATE = process.env.UPDATE_GOLDEN === '1';

if (UPDATE) {
  for (const [name, transcript] of await allTranscripts(noblePrimitives)) {
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

it('there are at least 40 golden transcripts, and each file is one of them', async () => {
  expect(names.length).toBeGreaterThanOrEqual(40);
  expect(names).toEqual([...(await allTranscripts(noblePrimitives)).keys()].sort());
});

describe.each(implementations.map((p) => [p.name, p] as const))('the code, with %s,', (_, p) => {
  it('writes every golden transcript byte for byte', async () => {
    for (const [name, transcript] of await allTranscripts(p)) {
      expect(transcript, name).toEqual(load<JsonObject>(name));
    }
  });

  it.each(starting('handshake'))('reads %s on both sides', async (name) => {
    const file = load<HandshakeFile>(name);
    expect(await readHandshake(p, file)).toEqual({
      clientIdentity: file.inputs.clientIdentitySeed === null ? '' : file.intermediate.clientIdentity,
      terms: file.inputs.terms,
      session: file.expected,
    });
  });

  it.each(starting('request-'))('opens %s', async (name) => {
    const file = load<RequestFile>(name);
    const { retry, message } = file.inputs;
    expect(await readRequest(p, file)).toEqual({ ...file.expected, retry, message });
  });

  it.each(starting('response-'))('opens %s', async (name) => {
    const file = load<ResponseFile>(name);
    expect(await readResponse(p, file)).toEqual({ ...file.expected, message: file.inputs.message });
  });

  it.each([...starting('stream-'), ...starting('broken-stream-')])(
    'opens %s, whole and byte by byte',
    async (name) => {
      const file = load<StreamFile>(name);
      for (const chunkBytes of [bodyOf(file.wire).length, 1]) {
        expect(await readStream(p, file, chunkBytes)).toEqual(file.expected);
      }
    },
  );
});

it('the code refuses every altered hello', async () => {
  const { inputs, cases } = load<RefusedHellos>('refused-hellos');
  const good = load<HandshakeFile>('handshake-identities').wire.hello;
  expect(await hear(noblePrimitives, good, inputs.origins)).toBe('ok');
  for (const { title, wire, expected } of cases) {
    expect(await hear(noblePrimitives, wire.hello, inputs.origins), title).toBe(expected.code);
  }
});

it('the code refuses every altered answer', async () => {
  const { inputs, cases } = load<RefusedAnswers>('refused-answers');
  const { wire, expected: good } = load<HandshakeFile>('handshake-identities');
  expect(await take(noblePrimitives, inputs, wire.answer, [good.serverPin ?? ''])).toBe('ok');
  for (const { title, inputs: given, wire: sent, expected } of cases) {
    expect(await take(noblePrimitives, inputs, sent.answer, given.pins), title).toBe(expected.code);
  }
});

it('the code makes the pins of these keys, and takes nothing else for one', () => {
  const { pins, malformed } = load<{
    pins: { inputs: { seed: string }; intermediate: { publicKey: string }; expected: { pin: string } }[];
    malformed: string[];
  }>('pins');
  for (const { inputs, intermediate, expected } of pins) {
    const { publicKey } = createMlDsa65Signer(unhex(inputs.seed), 'golden');
    expect(hex(publicKey)).toBe(intermediate.publicKey);
    expect(encodePin(identityDigest(noblePrimitives, publicKey))).toBe(expected.pin);
    expect(createHash('sha256').update(publicKey).digest('base64url')).toBe(expected.pin);
    expect(isPin(expected.pin)).toBe(true);
  }
  for (const text of malformed) expect(isPin(text), text).toBe(false);
});

it('the code exports these keys, and so do the formulas alone', async () => {
  const { sessions } = load<{
    sessions: {
      inputs: { exporterSecret: string };
      keys: { inputs: { label: string }; intermediate: { info: string }; expected: { key: string } }[];
    }[];
  }>('exporter');
  for (const { inputs, keys } of sessions) {
    for (const p of implementations) {
      const session = sessionOf(p, '', inputs);
      for (const { inputs: given, intermediate, expected } of keys) {
        expect(hex(exportKey(session.keys, given.label))).toBe(expected.key);
        const label = bytesToLatin1(utf8ToBytes(given.label));
        expect(framed('nen/2 exported key', label)).toBe(intermediate.info);
        expect(expand(inputs.exporterSecret, intermediate.info)).toBe(expected.key);
      }
    }
  }
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
      const data = inputs.data[index - 1] ?? '';
      if (kind === 1) expect(plaintext).toBe(data);
      if (kind === 4) expect(plaintext).toBe(field(text(data)).padEnd((inputs.blockBytes ?? 0) * 2, '0'));
      if (inputs.encoding === 'octets') {
        const head = index === 0 ? `01${inputs.base}` : '';
        const length = (box.length / 2).toString(16).padStart(8, '0');
        expect(`${head}${length}0${kind}${box}`).toBe(frameHex);
        joined += frameHex;
      } else {
        const ct = base64Encode(unhex(box));
        const event = ['', '', 'event: final\n', 'event: failed\n', 'event: padded\n'][kind];
        const n = base64Encode(unhex(inputs.base));
        expect(`${event}data: ${index === 0 ? `{"n":"${n}","ct":"${ct}"}` : ct}\n\n`).toBe(frame);
        joined += frame;
      }
    }
    expect(joined).toBe(wire.bodyHex ?? wire.body);
  });
});
