/**
 * The golden transcripts, read and written by the peer, which was written from PROTOCOL.md alone: what it sends
 * with the same randomness is the same to the byte, and what it reads is what must be read.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type HeaderLine, padded, requestSections, responseSections, write } from '../peer/binary-http.ts';
import { b64url, bytes } from '../peer/bytes.ts';
import { answer, finish, hello, readHello } from '../peer/handshake.ts';
import { holds, identityOf, pinOf, readShown, SERVER_CONTEXT } from '../peer/identity.ts';
import { SUITES, type SuiteName } from '../peer/kem.ts';
import { Memory } from '../peer/memory.ts';
import { codeInPlain, plainBody, Refusal, statusOf } from '../peer/refusal.ts';
import { openRequest, readEnvelope, sealRequest, signatureHolds } from '../peer/request.ts';
import { openEnvelope, openTag, sealResponse } from '../peer/response.ts';
import { readRetry, retryOf } from '../peer/retry.ts';
import { exportedKey, NOTHING } from '../peer/schedule.ts';
import { honest } from '../peer/seams.ts';
import type { Encoding, RequestKind, ResponseKind, Session } from '../peer/session.ts';
import { readStream, writeStream } from '../peer/stream.ts';

const FOLDER = new URL('../vectors/golden/', import.meta.url);
const named = (beginning: string): string[] =>
  readdirSync(FOLDER)
    .filter((name) => name.startsWith(beginning) && name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));
const load = <Golden>(name: string): Golden =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as Golden;

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const toHex = (value: Uint8Array): string => Buffer.from(value).toString('hex');
const SUITE_NAMES = Object.keys(SUITES) as SuiteName[];

/** What a transcript of an exchange tells of its session; the rest plays no part in it. */
function sessionOf(told: { sid: string } & Record<string, string>): Session {
  const key = (name: string): Buffer => hex(told[name] ?? '');
  return {
    ...{ sid: told.sid, suite: 'ML-KEM-768', aud: 'https://app.example' },
    ...{ requestKey: key('requestKey'), responseSecret: key('responseSecret') },
    ...{ exporterSecret: key('exporterSecret'), hmacKey: key('hmacKey') },
    ...{ clientIdentity: key('clientIdentity'), serverIdentity: key('serverIdentity') },
    ...{ createdAtMs: 0, expiresAtMs: 0, epoch: '' },
  };
}

interface GoldenHandshake {
  inputs: {
    suite: SuiteName;
    aud: string;
    keyPairSeed: string;
    sidBytes: string;
    hmacKey: string;
    terms: { now: number; expiresAt: number; epoch: string };
    clientIdentitySeed: string | null;
    serverIdentitySeed: string | null;
    previous: ({ sid: string } & Record<string, string>) | null;
  };
  intermediate: { publicKey: string; ciphertext: string; sharedSecret: string; transcript: string };
  wire: { hello: string; answer: string };
  expected: Record<'requestKey' | 'responseSecret' | 'exporterSecret' | 'hmacKey' | 'sid', string> &
    Record<'clientPin' | 'serverPin', string | null>;
}

const identityIn = (seed: string | null) => (seed === null ? undefined : identityOf(hex(seed)));
/** Signatures are hedged, so all of a message is compared but its signature. */
const unsigned = (text: string): string => text.replace(/"sig":"[^"]*"/, '"sig":""');

describe.each(named('handshake'))('%s', (name) => {
  const { inputs, intermediate, wire, expected } = load<GoldenHandshake>(name);
  const previous = inputs.previous ? sessionOf(inputs.previous) : undefined;
  const identity = identityIn(inputs.clientIdentitySeed);
  const ask = () => hello({ ...inputs, identity, previous, seed: hex(inputs.keyPairSeed) }, honest);
  const agreed = (session: Session) => ({
    sid: session.sid,
    requestKey: toHex(session.requestKey),
    responseSecret: toHex(session.responseSecret),
    exporterSecret: toHex(session.exporterSecret),
    hmacKey: toHex(session.hmacKey),
    clientPin: session.clientIdentity.length > 0 ? b64url(session.clientIdentity) : null,
    serverPin: session.serverIdentity.length > 0 ? b64url(session.serverIdentity) : null,
  });

  it('says the same hello', () => {
    const asked = ask();
    expect(toHex(asked.publicKey)).toBe(intermediate.publicKey);
    expect(unsigned(asked.text)).toBe(unsigned(wire.hello));
  });

  it('gives the same answer', () => {
    const said = readHello(bytes(wire.hello), { suites: SUITE_NAMES, previous });
    const { now: nowMs, expiresAt: expiresAtMs, epoch } = inputs.terms;
    const drawn = {
      sharedSecret: hex(intermediate.sharedSecret),
      ciphertext: hex(intermediate.ciphertext),
      sid: b64url(hex(inputs.sidBytes)),
      hmacKey: hex(inputs.hmacKey),
    };
    const server = identityIn(inputs.serverIdentitySeed);
    const answered = answer(
      said,
      { ...{ nowMs, expiresAtMs, epoch, drawn, previous }, identity: server },
      honest,
    );
    expect(unsigned(answered.text)).toBe(unsigned(wire.answer));
    expect(agreed(answered.session)).toEqual(expected);
    const shown = readShown(JSON.parse(answered.text).id);
    const signed = { context: SERVER_CONTEXT, digest: hex(intermediate.transcript) };
    expect(shown === undefined || holds(shown, signed)).toBe(true);
  });

  it('gets the same session out of the answer', () => {
    const pins = expected.serverPin && previous === undefined ? [expected.serverPin] : undefined;
    expect(agreed(finish(ask(), bytes(wire.answer), { pins, previous }))).toEqual(expected);
  });
});

it.each(load<{ cases: Case<{ hello: string }>[] }>('refused-hellos').cases)(
  'refuses a hello: $title',
  (row) => {
    const origins = load<{ inputs: { origins: string[] } }>('refused-hellos').inputs.origins;
    expect(codeOf(() => readHello(bytes(row.wire.hello), { suites: SUITE_NAMES, origins }))).toBe(
      row.expected.code,
    );
  },
);

interface Case<Wire> {
  title: string;
  inputs: { pins: string[] | null };
  wire: Wire;
  expected: { code: string };
}

function codeOf(refused: () => unknown): string {
  try {
    refused();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return 'nothing refused';
}

it.each(load<{ cases: Case<{ answer: string }>[] }>('refused-answers').cases)(
  'refuses an answer: $title',
  ({ inputs, wire, expected }) => {
    const asked = load<GoldenHandshake>('refused-answers').inputs;
    const { suite, keyPairSeed } = asked;
    const aud = 'https://app.example';
    const identity = identityOf(
      hex(load<GoldenHandshake>('handshake-identities').inputs.clientIdentitySeed ?? ''),
    );
    const said = hello({ suite, aud, identity, seed: hex(keyPairSeed) }, honest);
    const expecting = { pins: inputs.pins ?? undefined };
    expect(codeOf(() => finish(said, bytes(wire.answer), expecting))).toBe(expected.code);
  },
);

interface GoldenMessage {
  path: string;
  method: string;
  status: number;
  fields: HeaderLine[];
  body: string;
}

interface GoldenRequest {
  inputs: {
    session: { sid: string } & Record<string, string>;
    method: string;
    path: string;
    query: string;
    timestamp: string;
    nonce: string;
    kind: RequestKind;
    encoding: Encoding;
    retry: string;
    payload?: string;
    message?: GoldenMessage;
    blockBytes?: number;
  };
  wire: { headers: Record<string, string>; body?: string | null; bodyHex?: string };
  expected: { payload: string };
}

const bodyOf = ({ body, bodyHex }: { body?: string | null; bodyHex?: string }): Buffer =>
  bodyHex === undefined ? Buffer.from(body ?? '', 'latin1') : hex(bodyHex);

describe.each(named('request'))('%s', (name) => {
  const { inputs, wire, expected } = load<GoldenRequest>(name);
  const session = sessionOf(inputs.session);
  const target = inputs.path + inputs.query;

  it('is written', () => {
    const { message, payload = '' } = inputs;
    const inner = message && {
      ...message,
      target: message.path,
      headers: message.fields,
      content: hex(message.body),
    };
    const nonce = hex(inputs.nonce);
    const sent = sealRequest(
      session,
      {
        ...inputs,
        target,
        nonce,
        payload: inner ? write(padded(requestSections(inner), inputs.blockBytes)) : hex(payload),
      },
      honest,
    );
    expect(Object.fromEntries(sent.headers)).toEqual(wire.headers);
    expect(toHex(sent.body ?? NOTHING)).toBe(toHex(bodyOf(wire)));
  });

  it('is read', () => {
    const headers = Object.fromEntries(
      Object.entries(wire.headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const { 'x-nen-nonce': nonce = '', 'x-nen-signature': signature = '' } = headers;
    const { method, timestamp, retry, kind, encoding } = inputs;
    const signed = { method, target, timestamp, nonce, retry };
    expect(signatureHolds(session, signed, signature)).toBe(true);
    const arrived = readEnvelope(headers, bodyOf(wire), nonce);
    if (arrived === undefined) throw new Error('no envelope');
    expect([arrived.kind, arrived.encoding]).toEqual([kind, encoding]);
    expect(toHex(openRequest(session, signed, arrived) ?? NOTHING)).toBe(expected.payload);
  });
});

interface GoldenResponse {
  inputs: {
    session: { sid: string } & Record<string, string>;
    requestNonce: string;
    encoding: Encoding;
    status: number;
    kind: ResponseKind;
    nonce: string;
    payload?: string;
    message?: GoldenMessage;
    blockBytes?: number;
  };
  wire: { status: number; headers: Record<string, string>; body?: string | null; bodyHex?: string };
}

describe.each(named('response'))('%s', (name) => {
  const { inputs, wire } = load<GoldenResponse>(name);
  const { message, kind, status, encoding } = inputs;
  const session = sessionOf(inputs.session);
  const requestNonce = hex(inputs.requestNonce);
  const content = hex(message?.body ?? inputs.payload ?? '');
  const inner = message && { status: message.status, headers: message.fields, content };

  it('is written', () => {
    const payload = inner ? write(padded(responseSections(inner), inputs.blockBytes)) : content;
    const nonce = hex(inputs.nonce);
    const sent = sealResponse(session, { requestNonce, status, kind, payload, encoding, nonce }, honest);
    expect(sent.status).toBe(wire.status);
    expect(Object.fromEntries(sent.headers)).toEqual({
      ...wire.headers,
      'Cache-Control': 'no-store, no-transform',
    });
    expect(toHex(sent.body as Uint8Array)).toBe(toHex(bodyOf(wire)));
  });

  it('is read', () => {
    const headers = Object.fromEntries(
      Object.entries(wire.headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const open = () =>
      kind === 'none'
        ? openTag(session, requestNonce, { status, headers, body: bodyOf(wire) })
        : openEnvelope(session, requestNonce, { status, encoding, body: bodyOf(wire) });
    if (kind === 'error') return expect(codeOf(open)).toBe('ISO-5002');
    const json: HeaderLine[] = kind === 'json' ? [['content-type', 'application/json']] : [];
    expect(open()).toEqual(inner ?? { status, headers: json, content });
  });
});

interface GoldenStream {
  inputs: {
    session: { sid: string } & Record<string, string>;
    requestNonce: string;
    encoding: Encoding;
    base: string;
    head: { status: number; fields: HeaderLine[] };
    data: string[];
    end: string;
    blockBytes?: number;
  };
  wire: { status: number; body?: string; bodyHex?: string };
  expected: { head: { status: number; fields: HeaderLine[] }; data: string; end: string };
}

async function* piecesOf(whole: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size);
}

describe.each(named('stream'))('%s', (name) => {
  it('is written', async () => {
    const { inputs, wire } = load<GoldenStream>(name);
    const { encoding, blockBytes, head, data, end } = inputs;
    async function* body(): AsyncGenerator<Buffer> {
      for (const chunk of data) yield hex(chunk);
      if (end !== 'final') throw new Error('the sender failed');
    }
    const streamed = {
      ...{ encoding, blockBytes, base: hex(inputs.base), requestNonce: hex(inputs.requestNonce) },
      head: { status: head.status, headers: head.fields, content: NOTHING },
    };
    const frames: Uint8Array[] = [];
    for await (const frame of writeStream(sessionOf(inputs.session), streamed, body(), honest)) {
      frames.push(frame);
    }
    expect(toHex(Buffer.concat(frames))).toBe(toHex(bodyOf(wire)));
  });
});

describe.each([...named('stream'), ...named('broken-stream')])('%s', (name) => {
  const { inputs, wire, expected } = load<GoldenStream>(name);

  it.each([1, 7, 1_000_000])('is read in chunks of %d bytes', async (size) => {
    const chunks: Uint8Array[] = [];
    let end = 'final';
    try {
      const { encoding, requestNonce } = inputs;
      const how = { requestNonce: hex(requestNonce), status: wire.status, encoding };
      const { head, data } = await readStream(sessionOf(inputs.session), how, piecesOf(bodyOf(wire), size));
      expect([head.status, head.headers]).toEqual([expected.head.status, expected.head.fields]);
      for await (const chunk of data) chunks.push(chunk);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      end = error.code;
    }
    expect([toHex(Buffer.concat(chunks)), end]).toEqual([expected.data, expected.end]);
  });
});

it('derives the exported keys', () => {
  interface Exporter {
    sessions: {
      inputs: { exporterSecret: string };
      keys: { inputs: { label: string }; expected: { key: string } }[];
    }[];
  }
  const keys = load<Exporter>('exporter').sessions.flatMap(({ inputs, keys }) =>
    keys.map((key) => [exportedKey(hex(inputs.exporterSecret), key.inputs.label), key.expected.key] as const),
  );
  expect(keys.length).toBeGreaterThan(0);
  for (const [derived, expected] of keys) expect(toHex(derived)).toBe(expected);
});

it('derives the pins', () => {
  interface Pins {
    pins: { inputs: { seed: string }; intermediate: { publicKey: string }; expected: { pin: string } }[];
  }
  for (const { inputs, intermediate, expected } of load<Pins>('pins').pins) {
    const identity = identityOf(hex(inputs.seed));
    expect(toHex(identity.publicKey)).toBe(intermediate.publicKey);
    expect([identity.pin, pinOf(identity.publicKey)]).toEqual([expected.pin, expected.pin]);
  }
});

it('writes and reads every refusal in clear', () => {
  interface Refusals {
    refusals: { code: string; wire: { status: number; body: string } }[];
  }
  for (const { code, wire } of load<Refusals>('refusals-plain').refusals) {
    expect([statusOf(code), String(plainBody(code))]).toEqual([wire.status, wire.body]);
    expect(codeInPlain(bytes(wire.body))).toBe(code);
  }
});

it('writes and reads X-Nen-Retry, and keeps claims as long', () => {
  interface Retries {
    retry: { inputs: { sid: string; timestamp: string; nonce: string; epoch: string }; wire: string };
    malformed: string[];
    claims: { timestamp: number; now: number; claimMs: number }[];
  }
  const { retry, malformed, claims } = load<Retries>('retry-and-claims');
  expect(retryOf(retry.inputs)).toBe(retry.wire);
  expect(readRetry(retry.wire)).toEqual(retry.inputs);
  for (const value of malformed) expect(readRetry(value)).toBeUndefined();
  for (const { timestamp, now, claimMs } of claims) {
    const memory = new Memory();
    const claimAt = (atMs: number) => memory.claimAttempt('sid', 'nonce', timestamp, atMs);
    expect([claimAt(now), claimAt(now + claimMs - 1)]).toEqual([true, false]);
    expect(claimAt(now + claimMs)).toBe(true);
  }
});
