/** Clients that name, sign or seal a request wrongly: all of it is refused in clear, before the claim. */
import { randomBytes } from 'node:crypto';
import { type Bytes, b64, bytes, fromB64, join } from '../bytes.ts';
import { TAG_BYTES } from '../primitives.ts';
import type { Bug } from '../seams.ts';
import {
  always,
  type ClientScene,
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
  SPELLINGS,
  shortened,
  swapFields,
  text,
  twice,
} from './misbehaviour.ts';

const NINE_MEGABYTES = 9 * 1024 * 1024;
/** A nonce whose base64 has both of the letters that the alphabets differ in. */
const ODD_NONCE = Buffer.from('fbeffbfbefbe3ff0000000ff', 'hex');
const SCENES = ['tunnel', 'direct, json', 'direct, none'] as const;

const ago = (ms: number) => (right: string) => String(Number(right) - ms);
const lines = (bend: (parts: string[]) => string[]) => (right: string) => bend(right.split('\n')).join('\n');
const envelope = (bend: (right: string) => string | Bytes): Bug => ({
  'request envelope': (right) => bend(text(right)),
});
const spelledCt = (spell: (ct: string) => string): Bug =>
  envelope((right) => right.replace(/"ct":"([^"]*)"/, (_all, ct: string) => `"ct":"${spell(ct)}"`));
/** All headers of the protocol are gone: what a proxy that strips them makes of a sealed request. */
const stripped: Bug = {
  request: (right) => ({ ...right, headers: right.headers.filter(([name]) => !name.startsWith('X-Nen-')) }),
};

/** What is wrong wherever the box travels. */
const everywhere = SCENES.map((scene) =>
  collected<ClientScene>(
    refused(scene, 'ISO-3002', 'plain', {
      'signs with the request key': (): Bug => {
        let key: Bytes | undefined;
        return {
          'request box': (right) => {
            key = right.key;
            return right;
          },
          'signature key': (right) => key ?? right,
        };
      },
      'signs another path': {
        'signed text': lines(([method = '', , ...rest]) => [method, '/other', ...rest]),
      },
      'signs another nonce': { 'signed text': lines((parts) => parts.with(3, b64(randomBytes(12)))) },
    }),
    refused(scene, 'ISO-3003', 'plain', {
      'stamps 31 s behind': { timestamp: ago(31_000) },
      'stamps 40 s ahead': { timestamp: ago(-40_000) },
    }),
    refused(scene, 'ISO-4001', 'plain', {
      'seals under another label': { 'request aad': field(0, 'nen/2 response') },
      'seals under the key for answers': {
        'request session': (right) => ({ ...right, requestKey: right.responseSecret }),
      },
      'seals under nonce zero': { 'request box': (right) => ({ ...right, nonce: Buffer.alloc(12) }) },
      'alters the tag': { 'sealed request': (right) => flipped(right, right.length - 1) },
    }),
    refused(scene, 'ISO-5001', 'plain', {
      'sends a request again': ({ request }) => ({ request: always(request) }),
    }),
    refused(scene, 'ISO-2002', 'plain', {
      'names a session that nobody has': { request: headerIs('X-Nen-Session', 'AAAAAAAAAAAAAAAAAAAAAA') },
    }),
    refused(scene, 'ISO-3007', 'plain', { 'sends none of the headers': stripped }),
  ),
);

export const clientRequestBugs: Misbehaviours<ClientScene> = collected<ClientScene>(
  ...everywhere,

  refused('tunnel', 'ISO-3001', 'plain', {
    'sends no signature': { request: noHeader('X-Nen-Signature') },
    'sends an empty signature': { request: headerIs('X-Nen-Signature', '') },
  }),
  refused('tunnel', 'ISO-3002', 'plain', {
    'signs in hex': {
      request: header('X-Nen-Signature', (right) => [Buffer.from(right, 'base64').toString('hex')]),
    },
    'sends the signature twice': { request: twice('X-Nen-Signature') },
    'cuts the signature': {
      request: header('X-Nen-Signature', (right) => [b64(Buffer.from(right, 'base64').subarray(1))]),
    },
    'sends zeros for a signature': { request: headerIs('X-Nen-Signature', b64(Buffer.alloc(32))) },
    'spells the signature without padding': {
      request: header('X-Nen-Signature', (right) => [right.slice(0, -1)]),
    },
    'signs with a key of its own': { 'signature key': () => Buffer.alloc(32) },
    'signs with the key in base64': { 'signature key': (right) => bytes(b64(right)) },
    'signs method and path in the wrong order': {
      'signed text': lines(([method = '', path = '', ...rest]) => [path, method, ...rest]),
    },
    'signs timestamp and nonce in the wrong order': {
      'signed text': lines(([method = '', path = '', timestamp = '', nonce = '']) => [
        method,
        path,
        nonce,
        timestamp,
      ]),
    },
    'signs the method in small letters': { 'signed text': (right) => right.replace('POST', 'post') },
    'signs lines that end in CR LF': { 'signed text': (right) => right.replaceAll('\n', '\r\n') },
    'signs a line feed at the end': { 'signed text': (right) => `${right}\n` },
    'signs a slash behind the path': { 'signed text': (right) => right.replace('/sealed', '/sealed/') },
    'leaves the timestamp unsigned': { 'signed text': lines((parts) => parts.toSpliced(2, 1)) },
    'stamps anew after it signed': { request: header('X-Nen-Timestamp', (right) => [ago(1000)(right)]) },
    'draws a nonce after it signed': { request: headerIs('X-Nen-Nonce', b64(randomBytes(12))) },
    'sends to another path than it signed': {
      request: (right) => ({ ...right, target: '/api/trpc/sealed/' }),
    },
    'sends by another method than it signed': { request: (right) => ({ ...right, method: 'PUT' }) },
  }),
  refused('direct, none', 'ISO-3002', 'plain', {
    'signs the query too': { 'signed text': (right) => right.replace('/x\n', '/x?q=1\n') },
  }),
  refused('tunnel', 'ISO-3003', 'plain', {
    'stamps an hour behind': { timestamp: ago(3_600_000) },
    'stamps in the year 2286': { timestamp: always('9999999999999') },
    'stamps in the year 2001': { timestamp: always('1000000000000') },
  }),
  refused('tunnel', 'ISO-3004', 'plain', {
    'sends no timestamp': { request: noHeader('X-Nen-Timestamp') },
    'stamps in seconds': { timestamp: (right) => right.slice(0, 10) },
    'stamps in microseconds': { timestamp: (right) => `${right}000` },
    'stamps with a fraction': { timestamp: (right) => `${right}.5` },
    'stamps with a zero in front': { timestamp: (right) => `0${right.slice(1)}` },
    'stamps with a sign': { timestamp: (right) => `+${right.slice(1)}` },
    'stamps in hex': { timestamp: (right) => `0x${Number(right).toString(16)}` },
    'stamps no number': { timestamp: always('NaN') },
    'stamps an ISO date': { timestamp: (right) => new Date(Number(right)).toISOString() },
    'sends the timestamp twice': { request: twice('X-Nen-Timestamp') },
  }),
  refused('tunnel', 'ISO-3005', 'plain', {
    'sends no nonce': { request: noHeader('X-Nen-Nonce') },
    'sends an empty nonce': { request: headerIs('X-Nen-Nonce', '') },
  }),
  refused('tunnel', 'ISO-3006', 'plain', {
    'sends the nonce twice': { request: twice('X-Nen-Nonce') },
    'sends a nonce of 9 bytes': { request: headerIs('X-Nen-Nonce', b64(randomBytes(9))) },
    'sends a nonce of 16 bytes': { request: headerIs('X-Nen-Nonce', b64(randomBytes(16))) },
    'sends the nonce in hex': { request: headerIs('X-Nen-Nonce', '000102030405060708090a0b') },
    'pads the nonce': { request: header('X-Nen-Nonce', (right) => [`${right}=`]) },
    'spells the nonce in the other alphabet': {
      'request nonce': always(ODD_NONCE),
      request: header('X-Nen-Nonce', (right) => [otherAlphabet(right)]),
    },
  }),
  refused('tunnel', 'ISO-2001', 'plain', {
    'names no session': { request: noHeader('X-Nen-Session') },
    'names its session twice': { request: twice('X-Nen-Session') },
    'cuts the name of its session': { request: header('X-Nen-Session', (right) => [right.slice(1)]) },
    'spells its session with trailing bits': { request: headerIs('X-Nen-Session', 'AAAAAAAAAAAAAAAAAAAAAB') },
    'pads the name of its session': { request: header('X-Nen-Session', (right) => [`${right}==`]) },
    'names a member of every object': { request: headerIs('X-Nen-Session', '__proto__') },
  }),
  refused('tunnel', 'ISO-4003', 'plain', {
    'declares 9 MiB': { request: headerIs('Content-Length', String(NINE_MEGABYTES)) },
  }),

  refused('tunnel', 'ISO-4001', 'plain', {
    'names another session in what it authenticates': { 'request aad': field(1, 'AAAAAAAAAAAAAAAAAAAAAA') },
    'authenticates no session': { 'request aad': field(1, '') },
    'authenticates another method': { 'request aad': field(2, 'PUT') },
    'authenticates the method in small letters': { 'request aad': field(2, 'post') },
    'authenticates another path': { 'request aad': field(3, '/api/trpc/other') },
    'authenticates the whole URL': { 'request aad': field(3, 'https://app.example/api/trpc/sealed') },
    'authenticates a question mark without a query': { 'request aad': field(3, '/api/trpc/sealed?') },
    'authenticates another time': { 'request aad': field(4, '1700000000000') },
    'authenticates no time': { 'request aad': field(4, '') },
    'says json in what it authenticates': { 'request aad': field(5, 'json') },
    'says none in what it authenticates': { 'request aad': field(5, 'none') },
    'says HTTP in capitals in what it authenticates': { 'request aad': field(5, 'HTTP') },
    'leaves the absent retry out': { 'request aad': leaveOut(6) },
    'leaves the session out': { 'request aad': leaveOut(1) },
    'authenticates a field more': { 'request aad': (right) => [...right, ''] },
    'authenticates method and path in the wrong order': { 'request aad': swapFields(2, 3) },
    'authenticates time and kind in the wrong order': { 'request aad': swapFields(4, 5) },
    'joins method and path': {
      'request aad': ([label = '', sid = '', method = '', path = '', ...rest]) => [
        label,
        sid,
        join(method, path),
        '',
        ...rest,
      ],
    },
    'authenticates nothing': { 'request box': (right) => ({ ...right, aad: Buffer.alloc(0) }) },
    'writes lengths in two bytes': {
      'request box': (right) => ({ ...right, aad: right.aad.subarray(2) }),
    },
    'authenticates a retry that it does not send': {
      'request aad': field(6, 'AAAAAAAAAAAAAAAAAAAAAA 1700000000000 AAAAAAAAAAAAAAAA epoch'),
    },
    'adds a retry after it sealed': {
      request: headerIs('X-Nen-Retry', 'AAAAAAAAAAAAAAAAAAAAAA 1700000000000 AAAAAAAAAAAAAAAA epoch'),
    },
    'seals under the key that signs': {
      'request session': (right) => ({ ...right, requestKey: right.hmacKey }),
    },
    'seals under the key for exports': {
      'request session': (right) => ({ ...right, requestKey: right.exporterSecret }),
    },
    'seals under a key of zeros': { 'request box': (right) => ({ ...right, key: Buffer.alloc(32) }) },
    'seals under the nonce turned around': {
      'request box': (right) => ({ ...right, nonce: Buffer.from(right.nonce).reverse() }),
    },
    'alters the ciphertext': { 'sealed request': (right) => flipped(right) },
    'cuts the last byte': { 'sealed request': shortened },
    'cuts the first byte': { 'sealed request': (right) => right.subarray(1) },
    'sends no tag': { 'sealed request': (right) => right.subarray(0, -TAG_BYTES) },
    'sends a tag of 12 bytes': { 'sealed request': (right) => right.subarray(0, 12 - TAG_BYTES) },
    'puts the tag in front': {
      'sealed request': (right) => join(right.subarray(-TAG_BYTES), right.subarray(0, -TAG_BYTES)),
    },
    'puts the nonce in front': { 'sealed request': (right) => join(randomBytes(12), right) },
    'adds a byte': { 'sealed request': (right) => join(right, Buffer.of(0)) },
    'does not seal at all': { 'sealed request': () => Buffer.alloc(64, 'plaintext ') },
    'says json for an http payload': envelope((right) => right.replace('"t":"http",', '')),
    'sends a query that it did not seal': (): Bug => ({
      request: (right) => ({ ...right, target: `${right.target}?x=1` }),
    }),
  }),
  refused('direct, json', 'ISO-4001', 'plain', {
    'leaves the query unsealed': { 'request aad': field(3, '/json') },
    'sends another query than it sealed': {
      request: (right) => ({ ...right, target: right.target.replace('q=1', 'q=2') }),
    },
    'sends its query in another order': {
      request: (right) => ({ ...right, target: '/json?r=2&q=1' }),
    },
    'says http for a json payload': envelope((right) => right.replace('{"ct"', '{"t":"http","ct"')),
    'is labelled as octets': { request: headerIs('Content-Type', 'application/octet-stream') },
  }),
  refused('direct, none', 'ISO-4001', 'plain', {
    'sends another query than it sealed': { request: (right) => ({ ...right, target: '/x?q=2' }) },
    'drops its query': { request: (right) => ({ ...right, target: '/x' }) },
    'sends the tag of another request': ({ request }) => ({
      request: header('X-Nen-Tag', () => [request.headers.find(([name]) => name === 'X-Nen-Tag')?.[1] ?? '']),
    }),
  }),
  refused('tunnel in octets', 'ISO-4001', 'plain', {
    'says json in what it authenticates': { 'request aad': field(5, 'json') },
    'puts the type in front': { 'request envelope': (right) => join(Buffer.of(0), right) },
    'puts the nonce in front': { 'request envelope': (right) => join(randomBytes(12), right) },
    'sends base64 as octets': { 'request envelope': (right) => b64(bytes(right)) },
    'cuts the last byte': { 'request envelope': (right) => shortened(bytes(right)) },
  }),

  refused('tunnel', 'ISO-4002', 'plain', {
    'sends no body': envelope(() => ''),
    'sends an empty object': envelope(() => '{}'),
    'sends no box': envelope(() => '{"t":"http"}'),
    'sends an empty box': spelledCt(() => ''),
    'sends a box of 15 bytes': spelledCt(() => b64(randomBytes(15))),
    'sends a field of its own': envelope((right) => right.replace('{', '{"v":2,')),
    'calls it an error': envelope((right) => right.replace('"http"', '"error"')),
    'calls it json': envelope((right) => right.replace('"http"', '"json"')),
    'calls it none': envelope((right) => right.replace('"http"', '"none"')),
    'calls it nothing': envelope((right) => right.replace('"http"', 'null')),
    'sends another nonce inside': envelope((right) => right.replace('{', `{"n":"${b64(randomBytes(12))}",`)),
    'sends a number for the nonce': envelope((right) => right.replace('{', '{"n":1,')),
    'sends the box twice': envelope((right) => right.replace('{', '{"ct":"AAAAAAAAAAAAAAAAAAAAAAAAAAAA",')),
    'sends the type twice': envelope((right) => right.replace('{', '{"t":"http",')),
    'sends a list': envelope((right) => `[${right}]`),
    'sends two': envelope((right) => right + right),
    'sends half of one': envelope((right) => right.slice(0, right.length / 2)),
    'escapes a letter': envelope((right) => right.replace('"ct"', '"\\u0063t"')),
    'begins with a byte order mark': envelope((right) => Buffer.from(`\u{feff}${right}`)),
    'sends bytes that are no UTF-8': envelope((right) => join(right, Buffer.of(0xc0))),
    'sends the box as a list of numbers': spelledBox(),
    'sends the box in hex': spelledCt((ct) => `${(fromB64(ct) ?? Buffer.of()).toString('hex')}!`),
    'nests the envelope': envelope((right) => `{"ct":${right}}`),
    'adds a tag beside the body': { request: headerIs('X-Nen-Tag', b64(randomBytes(TAG_BYTES))) },
    'labels octets as JSON': { 'request envelope': (right) => randomBytes(bytes(right).length) },
    ...Object.fromEntries(
      Object.entries(SPELLINGS).map(([how, spell]) => [`spells the box ${how}`, ofTwoMoreBytes(spell)]),
    ),
  }),
  refused('direct, none', 'ISO-4002', 'plain', {
    'adds a body beside its tag': {
      request: (right) => ({ ...right, method: right.method, body: bytes('{}') }),
    },
    'sends no tag': { request: noHeader('X-Nen-Tag') },
    'sends the tag twice': { request: twice('X-Nen-Tag') },
    'sends an empty tag': { request: headerIs('X-Nen-Tag', '') },
    'sends a tag of 12 bytes': { request: headerIs('X-Nen-Tag', b64(randomBytes(12))) },
    'spells the tag without padding': { request: header('X-Nen-Tag', (right) => [right.replace(/=+$/, '')]) },
    'seals something where nothing is': { 'request payload': () => bytes('something') },
  }),
  refused('tunnel in octets', 'ISO-4002', 'plain', {
    'sends no body': { 'request envelope': () => '' },
    'sends 15 bytes': { 'request envelope': () => randomBytes(15) },
    'labels octets as JSON': { request: headerIs('Content-Type', 'application/json') },
    'labels octets as text': { request: headerIs('Content-Type', 'text/plain') },
    'has no media type': { request: noHeader('Content-Type') },
  }),
);

/** The box has as many bytes as make its base64 end in padding, so that each spelling is another one. */
function ofTwoMoreBytes(spell: (ct: string) => string): Bug {
  return {
    'sealed request': (right) => join(right, Buffer.alloc((4 - (right.length % 3)) % 3, 1)),
    ...spelledCt(spell),
  };
}

function spelledBox(): Bug {
  return envelope((right) =>
    right.replace(/"ct":"([^"]*)"/, (_all, ct: string) => `"ct":[${[...Buffer.from(ct, 'base64')].join()}]`),
  );
}
