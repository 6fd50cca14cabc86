/**
 * Every reader of bytes from the network or a store, with messages to alter and the rules that any input must keep:
 * it is read or refused with a code, in bounds; what is read says the same to another reader, and when it is written
 * again.
 */
import {
  type Bytes,
  base64Decode,
  base64Encode,
  bytesToLatin1,
  bytesToUtf8,
  concatBytes,
  equalBytes,
  latin1ToBytes,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { decodeRetry, encodeRetry } from '../../src/protocol/claims.ts';
import {
  type Encoding,
  readRequestEnvelope,
  readResponseEnvelope,
  writeRequestEnvelope,
  writeResponseEnvelope,
} from '../../src/protocol/envelope.ts';
import { NenError } from '../../src/protocol/errors.ts';
import {
  createFrameReader,
  RECORD_DATA,
  RECORD_FINAL,
  RECORD_HEAD,
  RECORD_PADDED,
  writeFrame,
} from '../../src/protocol/frames.ts';
import {
  decodeClientHello,
  decodeServerHello,
  decodeTerms,
  encodeClientHello,
  encodeServerHello,
  encodeTerms,
} from '../../src/protocol/handshake-messages.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/http.ts';
import { isBoundedJson, parseMessage } from '../../src/protocol/json.ts';
import { JsonLineReader } from '../../src/protocol/json-lines.ts';
import { decodePadded, encodePadded } from '../../src/protocol/padding.ts';
import {
  decodePlainRefusal,
  decodeRefusal,
  encodePlainRefusal,
  encodeRefusal,
} from '../../src/protocol/refusal.ts';
import { readSealedHeaders } from '../../src/protocol/signed-headers.ts';
import { decodeSessionRecord, encodeSessionRecord } from '../../src/session/record.ts';
import type { Chance } from './random.ts';

export interface Parser {
  readonly name: string;
  /** Messages that are well formed. */
  readonly seeds: readonly Bytes[];
  /** Reads the input. @throws for a rule that is broken; a NenError is none. */
  read(input: Bytes, chance: Chance): void;
}

const bytes = (length: number, step: number): Bytes =>
  Uint8Array.from({ length }, (_, at) => (at * step + 7) & 255);
const NONCE = bytes(12, 31);
const BOX = bytes(57, 53);
const SID = 'AAECAwQFBgcICQoLDA0ODw';
const TIMESTAMP = '1790000000000';
const FIELDS = [
  ['content-type', 'application/json'],
  ['x-tenant', 'a'],
] as const;
const SUITE = mlKem768Suite(primitives());
const HELLO = {
  suite: SUITE,
  audience: 'https://app.example',
  publicKey: bytes(1184, 0),
  identity: undefined,
};
const IDENTITY = { publicKey: bytes(1952, 3), signature: bytes(3309, 5) };

function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}

function same(one: Bytes, other: Bytes | undefined, rule: string): void {
  must(other !== undefined && equalBytes(one, other), rule);
}

/** What a JSON envelope says to a parser that knows nothing of fixed forms. */
function mustSay(input: Bytes, encoding: Encoding, kind: string, box: Bytes): void {
  if (encoding === 'octets') return;
  const parsed = JSON.parse(bytesToUtf8(input)) as Record<string, unknown>;
  must(parsed.ct === base64Encode(box), 'JSON.parse reads another ct');
  must((parsed.t ?? 'json') === kind, 'JSON.parse reads another kind');
}

function requestEnvelope(encoding: Encoding): Parser {
  return {
    name: `request envelope, ${encoding}`,
    seeds: [
      writeRequestEnvelope(encoding, 'http', [BOX]),
      writeRequestEnvelope(encoding, 'json', [BOX]),
      utf8ToBytes(JSON.stringify({ n: base64Encode(NONCE), ct: base64Encode(BOX), t: 'http' }, null, 1)),
    ],
    read(input) {
      const envelope = readRequestEnvelope(encoding, input, base64Encode(NONCE));
      if (envelope === undefined) return;
      const { kind, box } = envelope;
      mustSay(input, encoding, kind, box);
      const again = readRequestEnvelope(encoding, writeRequestEnvelope(encoding, kind, [box]), '');
      same(box, again?.box, 'written again, it opens to another box');
    },
  };
}

function responseEnvelope(encoding: Encoding): Parser {
  return {
    name: `response envelope, ${encoding}`,
    seeds: (['http', 'json', 'error'] as const).map((kind) =>
      writeResponseEnvelope(encoding, kind, NONCE, [BOX]),
    ),
    read(input) {
      const envelope = readResponseEnvelope(encoding, input);
      if (envelope === undefined) return;
      const { kind, nonce, box } = envelope;
      mustSay(input, encoding, kind, box);
      const again = readResponseEnvelope(encoding, writeResponseEnvelope(encoding, kind, nonce, [box]));
      same(box, again?.box, 'written again, it opens to another box');
      same(nonce, again?.nonce, 'written again, it has another nonce');
      must(again?.kind === kind, 'written again, it is of another kind');
    },
  };
}

function frames(encoding: Encoding): Parser {
  const stream = [
    writeFrame(encoding, RECORD_HEAD, [BOX], NONCE),
    writeFrame(encoding, RECORD_DATA, [BOX]),
    writeFrame(encoding, RECORD_PADDED, [BOX]),
    writeFrame(encoding, RECORD_FINAL, [BOX.slice(0, 16)]),
  ];
  /** Every frame in turn, and the code that ended them. */
  const read = (chunks: readonly Bytes[]): string[] => {
    const reader = createFrameReader(encoding);
    const seen: string[] = [];
    try {
      for (const chunk of chunks) {
        for (const { kind, box, base } of reader.push(chunk))
          seen.push(`${kind} ${base === undefined ? '' : base64Encode(base)} ${base64Encode(box)}`);
      }
    } catch (error) {
      if (!(error instanceof NenError)) throw error;
      seen.push(error.code);
    }
    return seen;
  };
  return {
    name: `stream frames, ${encoding}`,
    seeds: [concatBytes(stream), concatBytes(stream.slice(0, 2)), ...stream],
    read(input, { int }) {
      const whole = read([input]);
      const [low = 0, high = 0] = [int(input.length + 1), int(input.length + 1)].sort((a, b) => a - b);
      const parts = read([input.slice(0, low), input.slice(low, high), input.slice(high)]);
      must(JSON.stringify(whole) === JSON.stringify(parts), 'cut elsewhere, it says something else');
    },
  };
}

/** For a message that is written back exactly as it came. */
function canonical<T>(
  name: string,
  seeds: readonly Bytes[],
  decode: (input: Bytes) => T | undefined,
  encode: (value: T) => Bytes,
): Parser {
  return {
    name,
    seeds,
    read(input) {
      const value = decode(input);
      if (value !== undefined) same(input, encode(value), 'written again, it is another message');
    },
  };
}

/** For a message that may be written in several ways: the second time must be the last. */
function stable<T>(
  name: string,
  seeds: readonly Bytes[],
  decode: (input: Bytes) => T | undefined,
  encode: (value: T) => Bytes,
): Parser {
  return {
    name,
    seeds,
    read(input) {
      const value = decode(input);
      if (value === undefined) return;
      const written = encode(value);
      const again = decode(written);
      if (again === undefined) throw new Error('broken: written again, it is refused');
      same(written, encode(again), 'written a third time, it is another message');
    },
  };
}

/** For what can only be refused or read. */
function total(name: string, seeds: readonly Bytes[], read: (input: Bytes) => unknown): Parser {
  return { name, seeds, read: (input) => void read(input) };
}

const latin1 = (...texts: readonly string[]): readonly Bytes[] => texts.map(latin1ToBytes);

const NAMES = ['signature', 'timestamp', 'nonce', 'session', 'retry', 'tag'];

/** One header a line, in the order of NAMES. */
function headersOf(input: Bytes): { get(name: string): string | null } {
  const values = bytesToLatin1(input).split('\n');
  return { get: (name) => values[NAMES.indexOf(name.toLowerCase().replace('x-nen-', ''))] ?? null };
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

export const PARSERS: readonly Parser[] = [
  requestEnvelope('json'),
  requestEnvelope('octets'),
  responseEnvelope('json'),
  responseEnvelope('octets'),
  frames('json'),
  frames('octets'),
  canonical(
    'base64',
    latin1('', 'AA==', 'AAA=', 'AAAA', base64Encode(BOX), base64Encode(bytes(300, 11))),
    (input) => base64Decode(bytesToLatin1(input)),
    (value) => latin1ToBytes(base64Encode(value)),
  ),
  stable(
    'Binary HTTP request',
    [
      concatBytes(
        encodeRequest({ method: 'POST', path: '/api/trpc/a?b=c', fields: FIELDS, body: bytes(70, 3) }),
      ),
      concatBytes(encodeRequest({ method: 'GET', path: '/', fields: [], body: bytes(0, 0) })),
    ],
    decodeRequest,
    (message) => concatBytes(encodeRequest(message)),
  ),
  stable(
    'Binary HTTP response',
    [
      concatBytes(encodeResponse({ status: 200, fields: FIELDS, body: bytes(70, 3) })),
      concatBytes(encodeResponse({ status: 404, fields: [], body: bytes(0, 0) })),
    ],
    decodeResponse,
    (message) => concatBytes(encodeResponse(message)),
  ),
  canonical(
    'X-Nen-Retry',
    latin1(`${SID} ${TIMESTAMP} ${base64Encode(NONCE)} epoch-1`),
    (input) => decodeRetry(bytesToLatin1(input)),
    (first) => latin1ToBytes(encodeRetry(first)),
  ),
  total(
    'signed headers',
    latin1(
      [
        base64Encode(bytes(32, 9)),
        TIMESTAMP,
        base64Encode(NONCE),
        SID,
        '',
        base64Encode(BOX.slice(0, 16)),
      ].join('\n'),
    ),
    (input) => readSealedHeaders(headersOf(input)),
  ),
  total(
    'client hello',
    [encodeClientHello(HELLO), encodeClientHello({ ...HELLO, identity: IDENTITY })],
    (input) => decodeClientHello(input, { suites: [SUITE], origins: undefined }),
  ),
  stable(
    'server hello',
    [
      encodeServerHello({ sid: SID, ciphertext: bytes(1088, 3), hs: BOX, identity: undefined }),
      encodeServerHello({ sid: SID, ciphertext: bytes(1088, 3), hs: BOX, identity: IDENTITY }),
    ],
    (input) => decodeServerHello(input, SUITE),
    encodeServerHello,
  ),
  stable(
    'terms',
    [encodeTerms(bytes(32, 3), { now: Number(TIMESTAMP), expiresAt: Number(TIMESTAMP) + 1, epoch: 'e' })],
    decodeTerms,
    ({ hmacKey, terms }) => encodeTerms(hmacKey, terms),
  ),
  total('sealed refusal', [encodeRefusal('ISO-5002'), encodeRefusal('ISO-4006')], decodeRefusal),
  total('plain refusal', latin1(encodePlainRefusal('ISO-2002')), decodePlainRefusal),
  canonical(
    'session record',
    [
      encodeSessionRecord({
        version: 1,
        suite: 'ML-KEM-768',
        sid: SID,
        audience: 'https://app.example',
        requestKey: bytes(32, 1),
        responseSecret: bytes(32, 2),
        exporterSecret: bytes(32, 3),
        hmacKey: bytes(32, 5),
        serverIdentity: bytes(32, 7),
        createdAt: Number(TIMESTAMP),
        expiresAt: Number(TIMESTAMP) + 1,
        epoch: 'epoch-1',
      }),
    ],
    decodeSessionRecord,
    encodeSessionRecord,
  ),
  {
    name: 'protocol JSON',
    seeds: latin1('{"a":"b","c":{"d":1}}', '{"v":2,"error":{"code":"ISO-2002","message":""}}'),
    read(input) {
      const message = parseMessage(input);
      if (message === undefined) return;
      const parsed: unknown = JSON.parse(bytesToUtf8(input));
      must(JSON.stringify(message) === JSON.stringify(parsed), 'JSON.parse reads something else');
      // An object in the message, and in that an array, which no reader takes.
      must(depthOf(parsed) <= 3, 'nested too deeply');
    },
  },
  {
    name: "an application's JSON",
    seeds: latin1('{"a":[1,{"b":"\\"}"}]}', '"x"', '[[[[]]]]', `${'['.repeat(130)}${']'.repeat(130)}`),
    read(input) {
      if (isBoundedJson(input)) JSON.parse(bytesToUtf8(input));
    },
  },
  stable(
    'padded record',
    [
      concatBytes(encodePadded(bytes(40, 3), { blockBytes: 64 })),
      concatBytes(encodePadded(bytes(0, 0), 'padme')),
    ],
    decodePadded,
    (content) => concatBytes(encodePadded(content, 'none')),
  ),
  {
    name: 'JSON lines',
    seeds: [utf8ToBytes('{"text":"ü"}\n"token"\n[1,2]\n'), utf8ToBytes('1\n\n2')],
    read(input, { int }) {
      const items = (chunks: readonly Bytes[]): string => {
        const reader = new JsonLineReader();
        try {
          return JSON.stringify([...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()]);
        } catch (error) {
          if (error instanceof NenError) return error.code;
          throw error;
        }
      };
      const at = int(input.length + 1);
      must(
        items([input]) === items([input.slice(0, at), input.slice(at)]),
        'cut elsewhere, it says something else',
      );
    },
  },
];
