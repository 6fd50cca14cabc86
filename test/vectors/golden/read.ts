/**
 * The golden transcripts read by the code: what a file's reader makes of its `wire`, to be compared with its
 * `expected`. Knows no test framework and no file system, so that any runtime can do it.
 */
import { type Bytes, base64UrlEncode, latin1ToBytes, utf8ToBytes } from '../../../src/crypto/bytes.ts';
import { loadVerifier } from '../../../src/crypto/load-ml-dsa-65.ts';
import { noblePrimitives } from '../../../src/crypto/noble.ts';
import type { Primitives, SyncPrimitives } from '../../../src/crypto/primitives.ts';
import { loadSuite, type SuiteName } from '../../../src/crypto/suite.ts';
import type { Encoding, RequestKind, ResponseKind } from '../../../src/protocol/envelope.ts';
import { NenError } from '../../../src/protocol/errors.ts';
import { type Exchange, openRequest, openResponse } from '../../../src/protocol/exchange.ts';
import { finishHandshake, type NewSession, verifyClientIdentity } from '../../../src/protocol/handshake.ts';
import { decodeClientHello, type SessionTerms } from '../../../src/protocol/handshake-messages.ts';
import { decodeRequest, decodeResponse } from '../../../src/protocol/http.ts';
import type { PreviousSession } from '../../../src/protocol/key-schedule.ts';
import {
  importKeys,
  type SessionContext,
  type SessionSecrets,
  type SyncSessionKeys,
} from '../../../src/protocol/keys.ts';
import { readSealedHeaders, verifyRequest } from '../../../src/protocol/signed-headers.ts';
import { StreamOpener } from '../../../src/protocol/stream.ts';
import { fixed, hex, unhex } from '../../crypto/implementations.ts';
import { alteredTranscripts } from './altered.ts';
import { type JsonObject, transcripts } from './generate.ts';

/** Every transcript by the name of its file, the altered ones too, as the code writes them. */
export async function allTranscripts(p: Primitives): Promise<ReadonlyMap<string, JsonObject>> {
  const good = await transcripts(p);
  return new Map([...good, ...(await alteredTranscripts(p, good))]);
}

export interface HandshakeFile {
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

export interface RequestFile {
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

export interface ResponseFile {
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

export interface StreamFile {
  inputs: {
    session: { sid: string; responseSecret: string };
    requestNonce: string;
    encoding: Encoding;
    status: number;
    base: string;
    /** Of each record between the head and the end. */
    data: string[];
    /** Where they are padded. */
    blockBytes?: number;
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

export function bodyOf({ body, bodyHex }: Wire): Bytes {
  return bodyHex === undefined ? latin1ToBytes(body ?? '') : unhex(bodyHex);
}

function previousOf(previous: NonNullable<HandshakeFile['inputs']['previous']>): PreviousSession {
  const { sid, exporterSecret, clientIdentity, serverIdentity } = previous;
  return {
    sid,
    exporterSecret: unhex(exporterSecret),
    clientIdentity: clientIdentity === '' ? undefined : unhex(clientIdentity),
    serverIdentity: serverIdentity === '' ? undefined : unhex(serverIdentity),
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
export function sessionOf(
  p: SyncPrimitives,
  sid: string,
  secrets: Partial<Record<keyof SessionSecrets, string>>,
): SessionContext<SyncSessionKeys>;
export function sessionOf(
  p: Primitives,
  sid: string,
  secrets: Partial<Record<keyof SessionSecrets, string>>,
): SessionContext;
export function sessionOf(
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

export interface ReadHandshake {
  /** What the server reads in the hello; empty for a client without an identity. */
  readonly clientIdentity: string;
  readonly terms: SessionTerms;
  readonly session: HandshakeFile['expected'];
}

/** Both sides: the hello as the server reads it, the answer as the client does, who pins `expected.serverPin`. */
export async function readHandshake(p: Primitives, file: HandshakeFile): Promise<ReadHandshake> {
  const { inputs, wire, expected } = file;
  // By noble, since a runtime's own KEM takes no randomness.
  const suite = await loadSuite(noblePrimitives, inputs.suite);
  const previous = inputs.previous === null ? undefined : previousOf(inputs.previous);
  const policy = { suites: [suite], origins: new Set([inputs.aud]) };
  const hello = decodeClientHello(utf8ToBytes(wire.hello), policy);
  const clientIdentity = await verifyClientIdentity(p, hello, loadVerifier);
  const keyPair = await suite.kem.generateKeyPair(fixed(unhex(inputs.keyPairSeed)));
  const pins = expected.serverPin === null ? undefined : new Set([expected.serverPin]);
  const pending = { hello, keyPair, previous };
  const finished = await finishHandshake(p, pending, utf8ToBytes(wire.answer), { pins, loadVerifier });
  return {
    clientIdentity: clientIdentity === undefined ? '' : hex(clientIdentity),
    terms: finished.terms,
    session: sessionIn(finished),
  };
}

/** What a sealed request or response comes to; `message` only where the payload is one. */
export interface ReadPayload<Kind> {
  readonly kind: Kind;
  readonly payload: string;
  readonly message: object | undefined;
}

/** As the server does, at the moment at which the request was sealed. */
export async function readRequest(
  p: SyncPrimitives,
  { inputs, wire }: RequestFile,
): Promise<ReadPayload<RequestKind> & { readonly retry: string }> {
  const { sid, requestKey, hmacKey } = inputs.session;
  const session = sessionOf(p, sid, { requestKey, hmacKey });
  const headers = readSealedHeaders(new Headers(wire.headers));
  const { method, path, query } = wire;
  const line = { method, path, query };
  verifyRequest(session.keys, line, headers, Number(inputs.timestamp));
  const { exchange, payload } = await openRequest(session, line, headers, inputs.encoding, bodyOf(wire));
  const message = inputs.message && decodeRequest(payload);
  return {
    kind: exchange.kind,
    payload: hex(payload),
    message: message && { ...message, body: hex(message.body) },
    retry: headers.retry,
  };
}

/** As the client does. */
export async function readResponse(
  p: Primitives,
  { inputs, wire }: ResponseFile,
): Promise<ReadPayload<ResponseKind>> {
  const { sid, responseSecret } = inputs.session;
  const exchange: Exchange = {
    session: sessionOf(p, sid, { responseSecret }),
    nonce: unhex(inputs.requestNonce),
    kind: inputs.requestKind,
    encoding: inputs.encoding,
  };
  const opened = await openResponse(exchange, wire.status, new Headers(wire.headers), bodyOf(wire));
  const message = inputs.message && decodeResponse(opened.payload);
  return {
    kind: opened.kind,
    payload: hex(opened.payload),
    message: message && { ...message, body: hex(message.body) },
  };
}

/** As the client does, `chunkBytes` at a time. */
export async function readStream(
  p: Primitives,
  { inputs, wire }: StreamFile,
  chunkBytes: number,
): Promise<{ head: unknown; data: string; end: string }> {
  const { sid, responseSecret } = inputs.session;
  const exchange: Exchange = {
    session: sessionOf(p, sid, { responseSecret }),
    nonce: unhex(inputs.requestNonce),
    kind: 'http',
    encoding: inputs.encoding,
  };
  const body = bodyOf(wire);
  const opener = new StreamOpener(exchange, wire.status);
  const read = { head: undefined as unknown, data: '', end: 'final' };
  try {
    for (let at = 0; at < body.length; at += chunkBytes) {
      for await (const record of opener.push(body.subarray(at, at + chunkBytes))) {
        if (record.type === 'head') read.head = { status: record.status, fields: record.fields };
        else if (record.type === 'data') read.data += hex(record.bytes);
      }
    }
    opener.end();
  } catch (error) {
    read.end = NenError.from(error)?.code ?? String(error);
  }
  return read;
}

export interface RefusedHellos {
  readonly inputs: { readonly origins: readonly string[] };
  readonly cases: readonly {
    readonly title: string;
    readonly wire: { readonly hello: string };
    readonly expected: { readonly code: string };
  }[];
}

export interface RefusedAnswers {
  readonly inputs: { readonly suite: SuiteName; readonly keyPairSeed: string; readonly hello: string };
  readonly cases: readonly {
    readonly title: string;
    readonly inputs: { readonly pins: readonly string[] | null };
    readonly wire: { readonly answer: string };
    readonly expected: { readonly code: string };
  }[];
}

/** What a hello comes to at a server of these origins: 'ok', or its code. */
export async function hear(p: Primitives, hello: string, origins: readonly string[]): Promise<string> {
  const suites = await Promise.all(
    (['ML-KEM-768', 'X-Wing'] as const).map((name) => loadSuite(noblePrimitives, name)),
  );
  const policy = { suites, origins: new Set(origins) };
  return codeOf(() => verifyClientIdentity(p, decodeClientHello(utf8ToBytes(hello), policy), loadVerifier));
}

/** What an answer to that hello comes to at a client of these pins: 'ok', or its code. */
export async function take(
  p: Primitives,
  { suite: name, keyPairSeed, hello: sent }: RefusedAnswers['inputs'],
  answer: string,
  pins: readonly string[] | null,
): Promise<string> {
  const suite = await loadSuite(noblePrimitives, name);
  const hello = decodeClientHello(utf8ToBytes(sent), { suites: [suite], origins: undefined });
  const keyPair = await suite.kem.generateKeyPair(fixed(unhex(keyPairSeed)));
  const trust = { pins: pins === null ? undefined : new Set(pins), loadVerifier };
  return codeOf(() =>
    finishHandshake(p, { hello, keyPair, previous: undefined }, utf8ToBytes(answer), trust),
  );
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'ok';
  } catch (error) {
    return NenError.from(error)?.code ?? String(error);
  }
}
