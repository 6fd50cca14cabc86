/**
 * The golden transcripts: whole exchanges with every input, every value on the way and every byte on the
 * wire, for somebody who writes a second implementation. README.md describes the files; golden.test.ts
 * compares them with what the code does, and writes them anew with UPDATE_GOLDEN=1.
 *
 * Wire bytes come from the code under test. The values on the way are computed here from the formulas of
 * PROTOCOL.md, and the test recomputes the wire bytes from them.
 */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import {
  type Bytes,
  base64Encode,
  base64UrlEncode,
  bytesToLatin1,
  bytesToUtf8,
  concatBytes,
  utf8ToBytes,
} from '../../../src/crypto/bytes.ts';
import { noblePrimitives } from '../../../src/crypto/noble.ts';
import type { Primitives, RandomBytes } from '../../../src/crypto/primitives.ts';
import type { Signer } from '../../../src/crypto/signature.ts';
import { loadSuite, type Suite, type SuiteName } from '../../../src/crypto/suite.ts';
import { claimMs, encodeRetry, isInWindow } from '../../../src/protocol/claims.ts';
import type { Encoding, RequestKind, ResponseKind } from '../../../src/protocol/envelope.ts';
import { type NenErrorCode, statusOf, WIRE_ERRORS } from '../../../src/protocol/errors.ts';
import {
  type Exchange,
  type SealedMessage,
  sealRequest,
  sealResponse,
} from '../../../src/protocol/exchange.ts';
import { writeFrame } from '../../../src/protocol/frames.ts';
import { answerHandshake, startHandshake } from '../../../src/protocol/handshake.ts';
import { encodeClientHello, type SessionTerms } from '../../../src/protocol/handshake-messages.ts';
import type { Field } from '../../../src/protocol/headers.ts';
import { encodeRequest, encodeResponse } from '../../../src/protocol/http.ts';
import { input } from '../../../src/protocol/input.ts';
import type { PreviousSession } from '../../../src/protocol/key-schedule.ts';
import { importKeys, type SessionContext, type SessionSecrets } from '../../../src/protocol/keys.ts';
import { encodePadded, type Padding, padHead, padMessage } from '../../../src/protocol/padding.ts';
import { encodePlainRefusal, encodeRefusal } from '../../../src/protocol/refusal.ts';
import { StreamSealer } from '../../../src/protocol/stream.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

/** Every transcript by the name of its file. */
export async function transcripts(p: Primitives): Promise<ReadonlyMap<string, JsonObject>> {
  const files = new Map<string, JsonObject>();
  files.set('handshake', await handshake(p, 'handshake'));
  files.set('handshake-x-wing', await handshake(p, 'x-wing', { suiteName: 'X-Wing' }));
  files.set('handshake-identities', await handshake(p, 'identities', { signed: 'both' }));
  files.set('handshake-server-identity', await handshake(p, 'server identity', { signed: 'server' }));
  files.set('handshake-client-identity', await handshake(p, 'client identity', { signed: 'client' }));
  const xWing = { suiteName: 'X-Wing' } as const;
  files.set(
    'handshake-x-wing-identities',
    await handshake(p, 'x-wing identities', { ...xWing, signed: 'both' }),
  );
  files.set('handshake-rotation', await handshake(p, 'rotation', { previous: PREVIOUS }));
  const { sid, exporterSecret } = PREVIOUS;
  const bare = await handshake(p, 'bare rotation', { previous: { sid, exporterSecret } });
  files.set('handshake-rotation-without-identities', bare);
  files.set(
    'handshake-x-wing-rotation',
    await handshake(p, 'x-wing rotation', { ...xWing, previous: PREVIOUS }),
  );
  for (const retry of ['', encodeRetry(FIRST)]) {
    for (const [kind, encoding] of REQUESTS) {
      const name = kind === 'http' ? `${kind}-${encoding}` : kind;
      files.set(
        `request-${name}${retry === '' ? '' : '-retry'}`,
        await request(p, kind, encoding, { retry }),
      );
    }
  }
  for (const [kind, encoding] of RESPONSES) {
    const name = kind === 'http' || kind === 'error' ? `${kind}-${encoding}` : kind;
    files.set(`response-${name}`, await response(p, kind, encoding));
  }
  for (const encoding of ['json', 'octets'] as const) {
    files.set(`stream-${encoding}`, await stream(p, encoding, 'final'));
    files.set(`stream-${encoding}-failed`, await stream(p, encoding, 'ISO-6004'));
    files.set(`request-http-${encoding}-padded`, await request(p, 'http', encoding, { padding: BLOCK }));
    files.set(`response-http-${encoding}-padded`, await response(p, 'http', encoding, BLOCK));
    files.set(`stream-${encoding}-padded`, await stream(p, encoding, 'final', BLOCK));
    files.set(`broken-stream-${encoding}-padding`, await misPadded(p, encoding));
  }
  files.set('refusals-plain', plainRefusals());
  files.set('retry-and-claims', retryAndClaims());
  return files;
}

const REQUESTS: readonly (readonly [RequestKind, Encoding])[] = [
  ['json', 'json'],
  ['http', 'json'],
  ['http', 'octets'],
  ['none', 'json'],
];
const RESPONSES: readonly (readonly [ResponseKind, Encoding])[] = [
  ['json', 'json'],
  ['http', 'json'],
  ['http', 'octets'],
  ['none', 'json'],
  ['error', 'json'],
  ['error', 'octets'],
];

const NOW = 1_700_000_000_000;
const TERMS: SessionTerms = { now: NOW, expiresAt: NOW + 3_600_000, epoch: 'golden-epoch' };
const AUDIENCE = 'https://app.example';
const EMPTY: Bytes = new Uint8Array(0);
const BLOCK = { blockBytes: 128 } as const;

/** What a title says of padding. */
function padded(padding: Padding): string {
  return padding === 'none' ? '' : ', padded';
}

/** As inputs have it. */
function paddingOf(padding: Padding): JsonObject {
  return typeof padding === 'object' ? { blockBytes: padding.blockBytes } : {};
}

/** Bytes that look random and aren't: SHA-256 of the name. */
export function named(name: string, length = 32): Bytes {
  const digest = noblePrimitives.sha256(utf8ToBytes(`golden ${name}`));
  const second = noblePrimitives.sha256(digest);
  return concatBytes([digest, second]).slice(0, length);
}

/** Gives these bytes one after another, each a copy, and nothing after them. */
function queue(...values: readonly Bytes[]): RandomBytes {
  const left = [...values];
  return (length) => {
    const next = left.shift();
    if (next?.length !== length) throw new Error(`${length} random bytes were not foreseen here`);
    return next.slice();
  };
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const SESSION = {
  sid: base64UrlEncode(named('sid', 16)),
  secrets: (): SessionSecrets => ({
    requestKey: named('request key'),
    responseSecret: named('response secret'),
    exporterSecret: named('exporter secret'),
    hmacKey: named('hmac key'),
  }),
};
const FIRST = {
  sid: base64UrlEncode(named('first sid', 16)),
  timestamp: NOW - 5000,
  nonce: base64Encode(named('first nonce', 12)),
  epoch: TERMS.epoch,
};

function session(p: Primitives): SessionContext {
  return { sid: SESSION.sid, keys: importKeys(p, SESSION.secrets()) };
}

function fieldsOf(fields: readonly Field[]): Json {
  return fields.map(([name, value]) => [name, value]);
}

/** A body as it lies on the wire: text where it is text. */
function bodyOf(encoding: Encoding, body: Bytes | undefined): JsonObject {
  if (body === undefined) return { body: null };
  return encoding === 'octets' ? { bodyHex: hex(body) } : { body: bytesToLatin1(body) };
}

/** The session that the rotation continues; both sides have identities, which the new one inherits. */
const PREVIOUS: PreviousSession = {
  sid: SESSION.sid,
  exporterSecret: named('exporter secret'),
  clientIdentity: named('client identity'),
  serverIdentity: named('server identity'),
};

/** Signs the deterministic way (FIPS 204 section 3.4), so that the signature can be written down. */
export function signerOf(name: string): Signer & { readonly seed: Bytes } {
  const seed = named(`${name} identity seed`);
  const { publicKey, secretKey } = ml_dsa65.keygen(seed);
  return {
    keyId: name,
    seed,
    publicKey: Uint8Array.from(publicKey),
    sign: (message, context) =>
      Uint8Array.from(ml_dsa65.sign(message, secretKey, { context, extraEntropy: false })),
  };
}

interface HandshakeOptions {
  readonly suiteName?: SuiteName;
  /** Who has an identity. */
  readonly signed?: 'client' | 'server' | 'both';
  readonly previous?: PreviousSession;
}

async function handshake(
  p: Primitives,
  name: string,
  { suiteName = 'ML-KEM-768', signed, previous }: HandshakeOptions = {},
): Promise<JsonObject> {
  // noble's KEM takes its randomness from outside; a runtime's own draws it itself.
  const suite: Suite = { ...(await loadSuite(noblePrimitives, suiteName)), primitives: p };
  const keySeed = named(`${name} d and z`, suiteName === 'X-Wing' ? 32 : 64);
  const draws = (suiteName === 'X-Wing' ? ['m', 'x'] : ['m']).map((draw) => named(`${name} ${draw}`));
  const [sidBytes, hmacKey] = [named(`${name} sid`, 16), named(`${name} hmac key`)];
  const client = signed === 'client' || signed === 'both' ? signerOf('client') : undefined;
  const server = signed === 'server' || signed === 'both' ? signerOf('server') : undefined;
  const clientIdentity = previous?.clientIdentity ?? (client && (await p.sha256(client.publicKey)));
  const serverIdentity = previous?.serverIdentity ?? (server && (await p.sha256(server.publicKey)));

  const pending = await startHandshake(suite, AUDIENCE, {
    identity: client,
    previous,
    random: queue(keySeed),
  });
  const made = await answerHandshake(p, pending.hello, {
    terms: TERMS,
    clientIdentity,
    identity: server,
    previous,
    random: queue(...draws, sidBytes, hmacKey),
  });

  const { publicKey } = pending.keyPair;
  const sid = base64UrlEncode(sidBytes);
  const { ciphertext, sharedSecret } = await suite.kem.encapsulate(publicKey, queue(...draws));
  const transcriptInput = input(
    'nen/2 transcript',
    suite.name,
    AUDIENCE,
    publicKey,
    clientIdentity ?? '',
    sid,
    ciphertext,
    serverIdentity ?? '',
    previous?.sid ?? '',
  );
  const transcript = await p.sha256(transcriptInput);
  const helloInput = input('nen/2 client hello', suite.name, publicKey, AUDIENCE);
  const ikm = concatBytes(previous === undefined ? [sharedSecret] : [sharedSecret, previous.exporterSecret]);
  const prkBytes = await p.extract(transcript, ikm);
  const prk = p.macKey(prkBytes);
  const handshakeKey = await p.expand(prk, input('nen/2 handshake key'));
  const terms = JSON.stringify({ hmacKey: base64Encode(hmacKey), ...TERMS });
  const nonce = new Uint8Array(12);
  const hs = concatBytes(await p.aeadKey(handshakeKey).seal(nonce, transcript, [utf8ToBytes(terms)]));
  return {
    title: HANDSHAKE_TITLES[name] ?? name,
    inputs: {
      suite: suite.name,
      aud: AUDIENCE,
      keyPairSeed: hex(keySeed),
      encapsulationRandomness: draws.map(hex).join(''),
      sidBytes: hex(sidBytes),
      hmacKey: hex(hmacKey),
      terms: { ...TERMS },
      clientIdentitySeed: client === undefined ? null : hex(client.seed),
      serverIdentitySeed: server === undefined ? null : hex(server.seed),
      previous:
        previous === undefined
          ? null
          : {
              sid: previous.sid,
              exporterSecret: hex(previous.exporterSecret),
              clientIdentity: hex(previous.clientIdentity ?? EMPTY),
              serverIdentity: hex(previous.serverIdentity ?? EMPTY),
            },
    },
    intermediate: {
      publicKey: hex(publicKey),
      ciphertext: hex(ciphertext),
      sharedSecret: hex(sharedSecret),
      clientIdentity: hex(clientIdentity ?? EMPTY),
      serverIdentity: hex(serverIdentity ?? EMPTY),
      clientHelloInput: hex(helloInput),
      clientHelloDigest: hex(await p.sha256(helloInput)),
      transcriptInput: hex(transcriptInput),
      transcript: hex(transcript),
      ikm: hex(ikm),
      prk: hex(prkBytes),
      handshakeKey: hex(handshakeKey),
      hs: { nonce: hex(nonce), aad: hex(transcript), plaintext: terms, box: hex(hs) },
    },
    wire: {
      hello: bytesToUtf8(encodeClientHello(pending.hello)),
      answer: bytesToUtf8(made.answer),
    },
    expected: {
      sid: made.session.sid,
      requestKey: hex(made.session.secrets.requestKey),
      responseSecret: hex(made.session.secrets.responseSecret),
      exporterSecret: hex(made.session.secrets.exporterSecret),
      hmacKey: hex(made.session.secrets.hmacKey),
      clientPin: clientIdentity === undefined ? null : base64UrlEncode(clientIdentity),
      serverPin: serverIdentity === undefined ? null : base64UrlEncode(serverIdentity),
    },
  };
}

const HANDSHAKE_TITLES: { readonly [name: string]: string } = {
  handshake: 'A handshake',
  'x-wing': 'A handshake with X-Wing',
  identities: 'A handshake in which both sides prove an identity',
  'server identity': 'A handshake in which the server proves an identity',
  'client identity': 'A handshake in which the client proves an identity',
  'x-wing identities': 'A handshake with X-Wing in which both sides prove an identity',
  rotation: 'A rotation: the messages travel as sealed payloads, identities are inherited',
  'bare rotation': 'A rotation of a session without identities',
  'x-wing rotation': 'A rotation with X-Wing',
};

async function request(
  p: Primitives,
  kind: RequestKind,
  encoding: Encoding,
  { retry = '', padding = 'none' }: { readonly retry?: string; readonly padding?: Padding } = {},
): Promise<JsonObject> {
  const context = session(p);
  const { requestKey, hmacKey } = SESSION.secrets();
  const line = REQUEST_LINES[kind];
  const nonce = named(`request nonce ${kind} ${encoding} ${retry}${padded(padding)}`, 12);
  const inner = kind === 'http' ? INNER_REQUEST : undefined;
  const payload =
    inner !== undefined
      ? concatBytes(padMessage(encodeRequest(inner), padding))
      : kind === 'json'
        ? utf8ToBytes(REQUEST_JSON)
        : EMPTY;
  const options = { kind, encoding, timestamp: NOW, retry, random: queue(nonce) };
  const sealed = await sealRequest(context, line, [payload], options);
  const signed = `${line.method}\n${line.path}\n${NOW}\n${base64Encode(nonce)}`;
  const target = line.path + line.query;
  const aad = input('nen/2 request', SESSION.sid, line.method, target, String(NOW), kind, retry);
  const box = concatBytes(await context.keys.requestKey.seal(nonce, aad, [payload]));
  return {
    title: `A request of kind ${kind} in ${encoding}${retry === '' ? '' : ', a retry'}${padded(padding)}`,
    inputs: {
      session: { sid: SESSION.sid, requestKey: hex(requestKey), hmacKey: hex(hmacKey) },
      ...line,
      timestamp: String(NOW),
      nonce: hex(nonce),
      kind,
      encoding,
      retry,
      ...paddingOf(padding),
      ...(inner === undefined
        ? { payload: hex(payload) }
        : {
            message: {
              method: inner.method,
              path: inner.path,
              fields: fieldsOf(inner.fields),
              body: hex(inner.body),
            },
          }),
    },
    intermediate: {
      signed,
      signature: hex(await context.keys.hmacKey.mac(utf8ToBytes(signed))),
      aad: hex(aad),
      plaintext: hex(payload),
      box: hex(box),
    },
    wire: { ...line, headers: sealed.headers, ...bodyOf(encoding, sealed.body) },
    expected: { kind, payload: hex(payload) },
  };
}

const REQUEST_JSON = '{"title":"Caf\u00e9","done":false}';
const REQUEST_LINES = {
  json: { method: 'POST', path: '/api/notes', query: '?draft=1' },
  http: { method: 'POST', path: '/api/trpc/sealed', query: '' },
  none: { method: 'GET', path: '/api/notes/1', query: '?full=true' },
} as const;
const INNER_REQUEST = {
  method: 'GET',
  path: '/api/trpc/note.byId?input=%7B%22id%22%3A1%7D',
  fields: [
    ['accept', 'application/json'],
    ['authorization', 'Bearer golden'],
  ],
  body: EMPTY,
} as const;

async function response(
  p: Primitives,
  kind: ResponseKind,
  encoding: Encoding,
  padding: Padding = 'none',
): Promise<JsonObject> {
  const requestNonce = named(`answered nonce ${kind} ${encoding}${padded(padding)}`, 12);
  const nonce = named(`response nonce ${kind} ${encoding}${padded(padding)}`, 12);
  const requestKind = kind === 'http' || encoding === 'octets' ? 'http' : kind === 'none' ? 'none' : 'json';
  const exchange: Exchange = { session: session(p), nonce: requestNonce, kind: requestKind, encoding };
  const status = { json: 201, http: 200, none: 204, error: encoding === 'octets' ? 200 : 409 }[kind];
  const payload = concatBytes(padMessage(PAYLOADS[kind], padding));
  const sealed: SealedMessage = await sealResponse(exchange, status, kind, [payload], queue(nonce));
  const info = input('nen/2 answer', requestNonce);
  const answerKey = await p.expand(p.macKey(SESSION.secrets().responseSecret), info);
  const aad = input('nen/2 response', SESSION.sid, requestNonce, String(status), kind);
  const box = concatBytes(await p.aeadKey(answerKey).seal(nonce, aad, [payload]));
  return {
    title: `A response of kind ${kind} in ${encoding}${padded(padding)}`,
    inputs: {
      session: { sid: SESSION.sid, responseSecret: hex(SESSION.secrets().responseSecret) },
      requestNonce: hex(requestNonce),
      requestKind,
      encoding,
      status,
      kind,
      nonce: hex(nonce),
      ...paddingOf(padding),
      ...(kind === 'http'
        ? {
            message: {
              status: INNER_RESPONSE.status,
              fields: fieldsOf(INNER_RESPONSE.fields),
              body: hex(INNER_RESPONSE.body),
            },
          }
        : { payload: hex(payload) }),
    },
    intermediate: {
      answerKeyInfo: hex(info),
      answerKey: hex(answerKey),
      aad: hex(aad),
      plaintext: hex(payload),
      box: hex(box),
    },
    wire: { status, headers: sealed.headers, ...bodyOf(encoding, sealed.body) },
    expected: { kind, payload: hex(payload) },
  };
}

const INNER_RESPONSE = {
  status: 404,
  fields: [
    ['content-type', 'application/json'],
    ['x-golden', 'caf\u00e9'],
  ],
  body: utf8ToBytes('{"error":{"message":"No such note"}}'),
} as const;
const PAYLOADS: Record<ResponseKind, readonly Bytes[]> = {
  json: [utf8ToBytes('{"id":1,"title":"Caf\u00e9"}')],
  http: encodeResponse(INNER_RESPONSE),
  none: [],
  error: [encodeRefusal('ISO-5002')],
};

async function stream(
  p: Primitives,
  encoding: Encoding,
  end: 'final' | NenErrorCode,
  padding: Padding = 'none',
): Promise<JsonObject> {
  const requestNonce = named(`streamed nonce ${encoding} ${end}${padded(padding)}`, 12);
  const base = named(`base ${encoding} ${end}${padded(padding)}`, 12);
  const exchange: Exchange = { session: session(p), nonce: requestNonce, kind: 'http', encoding };
  const status = 200;
  const head = { status: 200, fields: [['content-type', 'text/event-stream']] } as const;
  // The second record is empty: it only keeps the stream alive.
  const data = [utf8ToBytes('data: one\n\n'), EMPTY, utf8ToBytes('data: zwei \u00fc\n\n')];
  const sealer = new StreamSealer(exchange, status, { random: queue(base), padding });
  const frames = [await sealer.head(head.status, head.fields)];
  for (const piece of data) frames.push(await sealer.data(piece));
  frames.push(end === 'final' ? await sealer.final() : await sealer.failed(end));

  const info = input('nen/2 stream', requestNonce, base);
  const streamKey = await p.expand(p.macKey(SESSION.secrets().responseSecret), info);
  const key = p.aeadKey(streamKey);
  const plaintexts: readonly (readonly [kind: number, plaintext: Bytes])[] = [
    [0, concatBytes(padHead(encodeResponse({ ...head, body: EMPTY }), padding))],
    ...data.map((piece) =>
      padding === 'none' ? ([1, piece] as const) : ([4, concatBytes(encodePadded(piece, padding))] as const),
    ),
    end === 'final' ? [2, EMPTY] : [3, encodeRefusal(end)],
  ];
  const records = plaintexts.map(async ([kind, plaintext], index) => {
    const nonce = base.with(11, (base[11] ?? 0) ^ index);
    const aad = input('nen/2 record', SESSION.sid, requestNonce, String(status), 'http', Uint8Array.of(kind));
    const box = concatBytes(await key.seal(nonce, aad, [plaintext]));
    const frame = frames[index] ?? EMPTY;
    return {
      index,
      kind,
      nonce: hex(nonce),
      aad: hex(aad),
      plaintext: hex(plaintext),
      box: hex(box),
      ...(encoding === 'octets' ? { frameHex: hex(frame) } : { frame: bytesToLatin1(frame) }),
    };
  });
  return {
    title: `A stream in ${encoding} that ${end === 'final' ? 'ends well' : 'its sender breaks off'}${padded(padding)}`,
    inputs: {
      session: { sid: SESSION.sid, responseSecret: hex(SESSION.secrets().responseSecret) },
      requestNonce: hex(requestNonce),
      encoding,
      status,
      base: hex(base),
      ...paddingOf(padding),
      head: { status: head.status, fields: fieldsOf(head.fields) },
      data: data.map(hex),
      end,
    },
    intermediate: {
      streamKeyInfo: hex(info),
      streamKey: hex(streamKey),
      records: await Promise.all(records),
    },
    wire: { status, ...bodyOf(encoding, concatBytes(frames)) },
    expected: {
      head: { status: head.status, fields: fieldsOf(head.fields) },
      data: hex(concatBytes(data)),
      end,
    },
  };
}

/** A stream whose second padded record has a byte in its padding that is not zero, sealed by its own sender. */
async function misPadded(p: Primitives, encoding: Encoding): Promise<JsonObject> {
  const requestNonce = named(`misPadded nonce ${encoding}`, 12);
  const base = named(`misPadded base ${encoding}`, 12);
  const exchange: Exchange = { session: session(p), nonce: requestNonce, kind: 'http', encoding };
  const sealer = new StreamSealer(exchange, 200, { random: queue(base), padding: BLOCK });
  const head = { status: 200, fields: [['content-type', 'text/event-stream']] } as const;
  const good = utf8ToBytes('data: one\n\n');
  const frames = [await sealer.head(head.status, head.fields), await sealer.data(good)];
  const plaintext = concatBytes(encodePadded(utf8ToBytes('data: two\n\n'), BLOCK));
  const info = input('nen/2 stream', requestNonce, base);
  const key = p.aeadKey(await p.expand(p.macKey(SESSION.secrets().responseSecret), info));
  const aad = input('nen/2 record', SESSION.sid, requestNonce, '200', 'http', Uint8Array.of(4));
  const last = plaintext.length - 1;
  const box = await key.seal(base.with(11, (base[11] ?? 0) ^ 2), aad, [plaintext.with(last, 1)]);
  frames.push(writeFrame(encoding, 4, box));
  return {
    title: `A stream in ${encoding} whose third record has padding that is not zero`,
    inputs: {
      session: { sid: SESSION.sid, responseSecret: hex(SESSION.secrets().responseSecret) },
      requestNonce: hex(requestNonce),
      encoding,
      status: 200,
      base: hex(base),
    },
    wire: { status: 200, ...bodyOf(encoding, concatBytes(frames)) },
    expected: {
      head: { status: head.status, fields: fieldsOf(head.fields) },
      data: hex(good),
      end: 'ISO-6002',
    },
  };
}

function plainRefusals(): JsonObject {
  const sent = Object.entries(WIRE_ERRORS).filter(([, { status }]) => status !== undefined) as [
    NenErrorCode,
    unknown,
  ][];
  return {
    title:
      'Every code with a status, in the form of a refusal in clear: a hint, which anybody on the way could have made',
    refusals: sent.map(([code]) => ({
      code,
      wire: {
        status: statusOf(code),
        headers: { 'Content-Type': 'application/json' },
        body: encodePlainRefusal(code),
      },
    })),
  };
}

function retryAndClaims(): JsonObject {
  const cases: readonly (readonly [timestamp: number, now: number])[] = [
    [NOW, NOW],
    [NOW - 30_000, NOW],
    [NOW - 30_001, NOW],
    [NOW + 30_000, NOW],
    [NOW + 30_001, NOW],
  ];
  const good = encodeRetry(FIRST);
  return {
    title: 'X-Nen-Retry, the window of timestamps and the life of a claim',
    retry: { inputs: { ...FIRST, timestamp: String(FIRST.timestamp) }, wire: good },
    malformed: [
      '',
      `${good} `,
      good.replace(' ', '  '),
      good.slice(0, -TERMS.epoch.length),
      good.replace(FIRST.nonce, FIRST.nonce.slice(4)),
      good.replace(String(FIRST.timestamp), `0${FIRST.timestamp}`),
      `${good}, ${good}`,
    ],
    claims: cases.map(([timestamp, now]) => ({
      timestamp,
      now,
      inWindow: isInWindow(timestamp, now),
      claimMs: claimMs(timestamp, now),
    })),
  };
}
