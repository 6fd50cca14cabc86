/** Servers, or somebody on the way, that answer a call wrongly: the caller gets an error and not one byte of it. */
import { randomBytes } from 'node:crypto';
import { responseSections, type Sections, varint, write } from '../binary-http.ts';
import { type Bytes, b64, bytes, fromB64, join } from '../bytes.ts';
import { TAG_BYTES } from '../primitives.ts';
import { plainBody } from '../refusal.ts';
import type { Bug } from '../seams.ts';
import {
  always,
  collected,
  field,
  flipped,
  header,
  headerIs,
  leaveOut,
  type Misbehaviours,
  noHeader,
  otherAlphabet,
  refused,
  type ServerScene,
  SPELLINGS,
  shortened,
  swapFields,
  text,
  twice,
} from './misbehaviour.ts';

const SCENES = ['tunnel', 'tunnel in octets', 'direct, json', 'direct, none'] as const;
const SEVENTEEN_KILOBYTES = 17 * 1024;

const envelope = (bend: (right: string) => string | Bytes): Bug => ({
  'response envelope': (right) => bend(text(right)),
});
const octets = (bend: (right: Buffer) => Bytes): Bug => ({
  'response envelope': (right) => bend(bytes(right)),
});
const member = (name: string, spell: (value: string) => string): Bug =>
  envelope((right) =>
    right.replace(new RegExp(`"${name}":"([^"]*)"`), (_all, value: string) => `"${name}":"${spell(value)}"`),
  );
const sections = (bend: (right: Sections) => Partial<Sections>): Bug => ({
  'inner response sections': (right) => ({ ...right, ...bend(right) }),
});
const answers = (status: number, type: string, body: string | Bytes): Bug => ({
  response: (right) => ({ ...right, status, headers: [['Content-Type', type]], body: bytes(body) }),
});

/** What is bound to an answer, wherever its box travels. */
const everywhere = SCENES.map((scene) =>
  refused<ServerScene>(scene, 'ISO-4004', 'own', {
    'derives its key under another label': { 'answer key': field(0, 'nen/2 stream') },
    'derives its key for another request': { 'answer key': field(1, randomBytes(12)) },
    'derives its key for no request': { 'answer key': leaveOut(1) },
    'seals under another label': { 'response aad': field(0, 'nen/2 request') },
    'names another session in what it authenticates': { 'response aad': field(1, 'AAAAAAAAAAAAAAAAAAAAAA') },
    'authenticates another request': { 'response aad': field(2, randomBytes(12)) },
    'authenticates no request': { 'response aad': field(2, '') },
    'authenticates another status': { 'response aad': field(3, '418') },
    'binds no status': { 'response aad': field(3, '') },
    'leaves the status out': { 'response aad': leaveOut(3) },
    'says error in what it authenticates': { 'response aad': field(4, 'error') },
    'says nothing of its kind in what it authenticates': { 'response aad': field(4, '') },
    'authenticates status and kind in the wrong order': { 'response aad': swapFields(3, 4) },
    'authenticates nothing': { 'response box': (right) => ({ ...right, aad: Buffer.alloc(0) }) },
    'seals under a key of zeros': { 'response box': (right) => ({ ...right, key: Buffer.alloc(32) }) },
    'seals under nonce zero': { 'response box': (right) => ({ ...right, nonce: Buffer.alloc(12) }) },
    'alters the tag': { 'sealed response': (right) => flipped(right, right.length - 1) },
    'has its status changed on the way': { 'response status': (right) => (right === 200 ? 206 : 200) },
    'serves an old answer again': ({ response }) => ({ response: always(response) }),
  }),
);

export const serverResponseBugs: Misbehaviours<ServerScene> = collected<ServerScene>(
  ...everywhere,
  refused('tunnel', 'ISO-4004', 'own', {
    'passes a refusal off as data': {
      'response aad': field(4, 'error'),
      'response payload': () => bytes('{"code":"ISO-4006","message":"The payload is malformed."}'),
    },
    'passes data off as a refusal': { 'response kind': always('error') },
    'passes http off as json': { 'response kind': always('json') },
    'is sent with 500': { 'response status': always(500) },
    'alters the ciphertext': { 'sealed response': (right) => flipped(right) },
    'cuts the last byte': { 'sealed response': shortened },
    'cuts the first byte': { 'sealed response': (right) => right.subarray(1) },
    'sends no tag': { 'sealed response': (right) => right.subarray(0, -TAG_BYTES) },
    'puts the tag in front': {
      'sealed response': (right) => join(right.subarray(-TAG_BYTES), right.subarray(0, -TAG_BYTES)),
    },
    'adds a byte': { 'sealed response': (right) => join(right, Buffer.of(0)) },
    'does not seal at all': { 'sealed response': () => bytes('plaintext in place of a box') },
    'sends another nonce than it used': member('n', () => b64(randomBytes(12))),
    'seals nothing': { 'response payload': () => Buffer.alloc(0) },
    'seals a request': { 'response payload': (right) => join(Buffer.of(0), right.subarray(1)) },
    'seals HTTP/1.1 text': { 'response payload': () => bytes('HTTP/1.1 200 OK\r\n\r\n') },
    'seals half a message': { 'response payload': (right) => right.subarray(0, right.length / 2) },
    'seals a message without its trailers': { 'response payload': (right) => right.subarray(0, -1) },
    'seals status 101': sections(() => ({ control: join(Buffer.of(1), varint(101)) })),
    'seals status 199': sections(() => ({ control: join(Buffer.of(1), varint(199)) })),
    'seals status 600': sections(() => ({ control: join(Buffer.of(1), varint(600)) })),
    'seals an informational response first': {
      'response payload': (right) => join(Buffer.of(1), varint(103), varint(0), right.subarray(1)),
    },
    'seals trailers': sections(() => ({ trailers: bytes('\u0001a\u0001b') })),
    'seals padding that is not zero': sections(() => ({ padding: Buffer.of(0, 1) })),
    'seals a second message behind the first': sections((right) => ({ padding: write(right) })),
    'seals a header in capitals': sections(() => ({ fields: bytes('\u0005X-Own\u0001a') })),
    'seals a header with a line break': sections(() => ({ fields: bytes('\u0005x-own\u0003a\r\n') })),
    'seals a name without a value': sections(() => ({ fields: bytes('\u0005x-own') })),
  }),
  refused('tunnel', 'ISO-4005', 'own', {
    'answers without a seal': answers(200, 'application/json', '{"result":"unsealed"}'),
    'answers what it sealed in clear as text': answers(200, 'text/plain', 'unsealed'),
    'answers an error page': answers(502, 'text/html', '<html>Bad Gateway</html>'),
    'answers nothing': answers(200, 'application/json', ''),
    'answers 204 and nothing': {
      response: (right) => ({ ...right, status: 204, headers: [], body: new Uint8Array(0) }),
    },
    redirects: {
      response: (right) => ({ ...right, status: 307, headers: [['Location', '/api/trpc/sealed']] }),
    },
    'has no media type': { response: noHeader('Content-Type') },
    'calls it text': { response: headerIs('Content-Type', 'text/plain') },
    'calls it JSON of another kind': { response: headerIs('Content-Type', 'application/problem+json') },
    'calls it octets': { response: headerIs('Content-Type', 'application/octet-stream') },
    'sends a nonce of 11 bytes': member('n', () => b64(randomBytes(11))),
    'sends an empty nonce': member('n', () => ''),
    'sends an empty box': member('ct', () => ''),
    'sends a box of 15 bytes': member('ct', () => b64(randomBytes(15))),
    'sends the box in hex': member('ct', (ct) => (fromB64(ct) ?? Buffer.of()).toString('hex')),
    ...Object.fromEntries(
      Object.entries(SPELLINGS).map(([how, spell]) => [
        `spells the box ${how}`,
        {
          'sealed response': (right: Bytes) => join(right, Buffer.alloc((4 - (right.length % 3)) % 3, 1)),
          ...member('ct', spell),
        },
      ]),
    ),
    'spells the box in the other alphabet': {
      'sealed response': (right) => join(right, Buffer.alloc(3, 0xff)),
      ...member('ct', otherAlphabet),
    },
    'sends no nonce': envelope((right) => right.replace(/"n":"[^"]*",/, '')),
    'sends no box': envelope((right) => right.replace(/,"ct":"[^"]*"/, '')),
    'sends a field of its own': envelope((right) => right.replace('{', '{"v":2,')),
    'calls its kind stream': envelope((right) => right.replace('"http"', '"stream"')),
    'calls its kind null': envelope((right) => right.replace('"http"', 'null')),
    'sends the box twice': envelope((right) => right.replace('{', '{"ct":"",')),
    'sends a list': envelope((right) => `[${right}]`),
    'sends two': envelope((right) => right + right),
    'sends half of one': envelope((right) => right.slice(0, right.length / 2)),
    'escapes a letter': envelope((right) => right.replace('"ct"', '"\\u0063t"')),
    'begins with a byte order mark': envelope((right) => `\u{feff}${right}`),
    'sends bytes that are no UTF-8': envelope((right) => join(right, Buffer.of(0xff))),
    'refuses in clear, with 200': {
      response: (right) => ({ ...right, status: 200, body: plainBody('ISO-2002') }),
    },
    'refuses in clear, under a code that nobody has': answers(
      401,
      'application/json',
      '{"error":{"code":"ISO-9999","message":"x"}}',
    ),
    'refuses in clear, with a field of its own': answers(
      401,
      'application/json',
      '{"error":{"code":"ISO-2002","message":"x","retry":true}}',
    ),
    'refuses in clear, at length': answers(
      401,
      'application/json',
      String(plainBody('ISO-2002')) + ' '.repeat(SEVENTEEN_KILOBYTES),
    ),
    'refuses in clear, as text': {
      response: (right) => ({
        ...right,
        status: 401,
        headers: [['Content-Type', 'text/plain']],
        body: plainBody('ISO-2002'),
      }),
    },
  }),
  refused('tunnel', 'ISO-6002', 'own', {
    'calls an envelope a stream': {
      response: (right) => ({
        ...right,
        headers: [['Content-Type', 'text/event-stream']],
        body: join('data: ', right.body as Bytes, '\n\n'),
      }),
    },
  }),
  refused('tunnel', 'ISO-6001', 'own', {
    'calls a bare envelope a stream': { response: headerIs('Content-Type', 'text/event-stream') },
  }),
  refused('tunnel in octets', 'ISO-4004', 'own', {
    'calls it an error': octets((right) => join(Buffer.of(2), right.subarray(1))),
    'alters the nonce': octets((right) => flipped(right, 3)),
    'cuts the last byte': octets(shortened),
    'adds a byte': octets((right) => join(right, Buffer.of(0))),
    'says json in what it authenticates': { 'response aad': field(4, 'json') },
  }),
  refused('tunnel in octets', 'ISO-4005', 'own', {
    'has a type that nobody knows': octets((right) => join(Buffer.of(3), right.subarray(1))),
    'has type 255': octets((right) => join(Buffer.of(255), right.subarray(1))),
    'has no type': octets((right) => join(Buffer.of(9), right)),
    'sends nothing': octets(() => Buffer.alloc(0)),
    'sends the type alone': octets(() => Buffer.of(0)),
    'sends no box': octets((right) => right.subarray(0, 13)),
    'sends a box of 15 bytes': octets((right) => right.subarray(0, 28)),
    'answers in JSON': {
      'response envelope': (right) => {
        const all = bytes(right);
        return JSON.stringify({ t: 'http', n: b64(all.subarray(1, 13)), ct: b64(all.subarray(13)) });
      },
      response: headerIs('Content-Type', 'application/json'),
    },
    'calls it text': { response: headerIs('Content-Type', 'text/plain') },
  }),
  refused('direct, json', 'ISO-4004', 'own', {
    'passes json off as http': { 'response kind': always('http') },
    'passes json off as a refusal': { 'response kind': always('error') },
    'says http in what it authenticates': { 'response aad': field(4, 'http') },
    'says http, and seals JSON as such': {
      'response kind': always('http'),
      'response aad': field(4, 'http'),
    },
  }),
  refused('direct, none', 'ISO-4004', 'own', {
    'adds a body': {
      response: (right) => ({
        ...right,
        status: 200,
        headers: [...right.headers, ['Content-Type', 'application/json']],
        body: bytes('{}'),
      }),
    },
    'sends no nonce': { response: noHeader('X-Nen-Nonce') },
    'sends the nonce twice': { response: twice('X-Nen-Nonce') },
    'sends the tag twice': { response: twice('X-Nen-Tag') },
    'sends an empty tag': { response: headerIs('X-Nen-Tag', '') },
    'sends a tag of 12 bytes': { response: headerIs('X-Nen-Tag', b64(randomBytes(12))) },
    'sends a tag of 17 bytes': { 'response payload': () => Buffer.of(1) },
    'spells the tag without padding': {
      response: header('X-Nen-Tag', (right) => [right.replace(/=+$/, '')]),
    },
  }),
  refused('direct, none', 'ISO-4005', 'own', { 'sends no tag': { response: noHeader('X-Nen-Tag') } }),
  refused('status', 'ISO-4004', 'own', {
    'tells no JSON': { 'response payload': () => bytes('fine') },
    'tells nothing': { 'response payload': () => Buffer.alloc(0) },
    'tells a list': { 'response payload': (right) => join('[', right, ']') },
    'tells no end': { 'response payload': (right) => bytes(text(right).replace(/,"expiresAt":\d+/, '')) },
    'tells more than is asked': { 'response payload': (right) => bytes(text(right).replace('{', '{"a":1,')) },
    'tells its time as text': {
      'response payload': (right) => bytes(text(right).replace(/"createdAt":(\d+)/, '"createdAt":"$1"')),
    },
  }),
  refused('refused', 'ISO-4004', 'own', {
    'names no code': { 'response payload': () => bytes('{"message":"x"}') },
    'gives no message': { 'response payload': () => bytes('{"code":"ISO-4006"}') },
    'names a code that nobody has': { 'response payload': () => bytes('{"code":"ISO-9999","message":"x"}') },
    'names a code of another form': { 'response payload': () => bytes('{"code":"4006","message":"x"}') },
    'adds a field': { 'response payload': () => bytes('{"code":"ISO-4006","message":"x","a":1}') },
    'names its code twice': {
      'response payload': () => bytes('{"code":"ISO-4006","code":"ISO-4006","message":"x"}'),
    },
    'says it as a plain refusal does': { 'response payload': () => plainBody('ISO-4006') },
    'says nothing': { 'response payload': () => Buffer.alloc(0) },
    'says it as http': {
      'response kind': always('http'),
      'response aad': field(4, 'http'),
    },
    'passes it off as data': {
      'response kind': always('http'),
      'response payload': () =>
        write(responseSections({ status: 200, headers: [], content: bytes('refused') })),
    },
  }),
);
