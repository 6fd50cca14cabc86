/** Clients that seal what the server must not take: refused under seal, before anything runs. */
import { LV, requestSections, type Sections, varint, write } from '../binary-http.ts';
import { bytes, join } from '../bytes.ts';
import type { Attempt } from '../retry.ts';
import type { Bug } from '../seams.ts';
import { type ClientScene, collected, type Misbehaviours, refused } from './misbehaviour.ts';

const DEEP = 65;
const MANY = 100_001;

const sections = (bend: (right: Sections) => Partial<Sections>): Bug => ({
  'inner request sections': (right) => ({ ...right, ...bend(right) }),
});
const inner = (wrong: { method?: string; target?: string; content?: string }): Bug => ({
  'inner request': (right) => ({ ...right, ...wrong, content: bytes(wrong.content ?? '') }),
});
/** The target under each of its spellings that lead elsewhere. */
const target = (wrong: string): Bug => inner({ target: wrong });
const fields = (...parts: string[]): Bug =>
  sections(() => ({ fields: join(...parts.map((part) => LV(Buffer.from(part, 'latin1')))) }));
const control = (bend: (right: Buffer) => Buffer): Bug =>
  sections((right) => ({ control: bend(Buffer.from(right.control)) }));
const sealedJson = (wrong: string): Bug => ({ 'request payload': () => bytes(wrong) });

const naming = (first: (own: Attempt) => string): Bug => ({
  retry: ({ own }) => ({ own, value: first(own) }),
});
/** The same call as another kind: the envelope, the kind that is authenticated and the payload agree. */
const AS_NONE: Bug = { outgoing: (right) => ({ ...right, kind: 'none', payload: Buffer.alloc(0) }) };
const AS_JSON: Bug = { outgoing: (right) => ({ ...right, kind: 'json', payload: bytes('{}') }) };
const AS_HTTP: Bug = {
  outgoing: (right) => {
    const { method, target: path, payload: content } = right;
    const payload = write(requestSections({ method, target: path, headers: [], content }));
    return { ...right, kind: 'http', payload };
  },
};
const NEVER_SENT = 'AAAAAAAAAAAAAAAA';

export const clientPayloadBugs: Misbehaviours<ClientScene> = collected<ClientScene>(
  refused('tunnel', 'ISO-4006', 'sealed', {
    'seals nothing': { 'request payload': () => Buffer.alloc(0) },
    'seals JSON as http': { 'request payload': () => bytes('{"json":true}') },
    'seals HTTP/1.1 text': { 'request payload': () => bytes('GET /api/trpc/x HTTP/1.1\r\n\r\n') },
    'seals a response': control((right) => join(Buffer.of(1), right.subarray(1))),
    'seals a message of unknown length': control((right) => join(Buffer.of(2), right.subarray(1))),
    'seals a message without its trailers': {
      'request payload': (right) => right.subarray(0, -1),
    },
    'seals half a message': { 'request payload': (right) => right.subarray(0, right.length / 2) },
    'seals trailers': sections(() => ({ trailers: bytes('\u0001a\u0001b') })),
    'seals padding that is not zero': sections(() => ({ padding: Buffer.of(0, 0, 1) })),
    'seals a second message behind the first': sections((right) => ({ padding: write(right) })),
    'seals a length that is more than there is': control((right) =>
      join(right.subarray(0, 1), varint(60_000), right.subarray(2)),
    ),
    'seals scheme http': control((right) =>
      Buffer.from(right.toString('latin1').replace('\u0005https', '\u0004http'), 'latin1'),
    ),
    'seals an authority': control((right) =>
      Buffer.from(right.toString('latin1').replace('https\u0000', 'https\u000bapp.example'), 'latin1'),
    ),
    'seals a header in capitals': fields('X-Own', 'value'),
    'seals a header with a space in its name': fields('x own', 'value'),
    'seals a header without a name': fields('', 'value'),
    'seals a header with a line break in its value': fields('x-own', 'value\r\nx-other: value'),
    'seals a header with NUL in its value': fields('x-own', 'val\0ue'),
    'seals a name without a value': fields('x-own'),
    'seals a pseudo header': fields(':path', '/api/trpc/x'),
    'seals a method that is no token': inner({ method: 'GET /' }),
    'seals no method': inner({ method: '' }),
    'seals CONNECT': inner({ method: 'CONNECT' }),
    'seals TRACE': inner({ method: 'TRACE' }),
    'seals track': inner({ method: 'track' }),
    'seals OPTIONS': inner({ method: 'OPTIONS' }),
    'seals get in small letters': inner({ method: 'get' }),
    'seals a GET with content': inner({ method: 'GET', content: 'content' }),
    'seals a HEAD with content': inner({ method: 'HEAD', content: 'content' }),
    'calls outside of the endpoint': target('/admin'),
    'calls beside the endpoint': target('/api/trpcs/x'),
    'calls the endpoint itself': target('/api/trpc'),
    'calls out of the endpoint by dots': target('/api/trpc/../admin'),
    'calls out of the endpoint by encoded dots': target('/api/trpc/%2e%2E/admin'),
    'calls out of the endpoint by dots at the end': target('/api/trpc/x/..'),
    'calls a dot': target('/api/trpc/./x'),
    'calls with two slashes': target('/api/trpc//x'),
    'calls a host': target('//other.example/api/trpc/x'),
    'calls a whole URL': target('https://other.example/api/trpc/x'),
    'calls with a backslash': target('/api/trpc/..\\admin'),
    'calls with a fragment': target('/api/trpc/x#y'),
    'calls with a space': target('/api/trpc/x y'),
    'calls with a letter beyond ASCII': target('/api/trpc/caf\u00e9'),
    'calls the tunnel through the tunnel': target('/api/trpc/sealed'),
    'calls nothing': target(''),
    'calls an asterisk': target('*'),
    'names a first attempt of another form': naming(() => 'no attempt'),
    'names a first attempt with a nonce too short': naming(
      ({ sid, timestamp, epoch }) => `${sid} ${timestamp} AAAA ${epoch}`,
    ),
    'names a first attempt with two spaces': naming(
      ({ sid, timestamp, epoch }) => `${sid}  ${timestamp} ${NEVER_SENT} ${epoch}`,
    ),
    'names a first attempt without an epoch': naming(
      ({ sid, timestamp }) => `${sid} ${timestamp} ${NEVER_SENT}`,
    ),
  }),
  refused('tunnel', 'ISO-5002', 'sealed', {
    'names a first attempt that ran': ({ request }) =>
      naming(({ sid, epoch }) => {
        const value = (wanted: string) => request.headers.find(([name]) => name === wanted)?.[1];
        return `${sid} ${value('X-Nen-Timestamp')} ${value('X-Nen-Nonce')} ${epoch}`;
      }),
    'names itself as its first attempt': naming(
      ({ sid, timestamp, nonce, epoch }) => `${sid} ${timestamp} ${nonce} ${epoch}`,
    ),
    'names a first attempt of an hour ago': naming(
      ({ sid, timestamp, epoch }) => `${sid} ${Number(timestamp) - 3_600_000} ${NEVER_SENT} ${epoch}`,
    ),
    'names a first attempt that has yet to come': naming(
      ({ sid, timestamp, epoch }) => `${sid} ${Number(timestamp) + 60_000} ${NEVER_SENT} ${epoch}`,
    ),
    'names a first attempt of another epoch': naming(
      ({ sid, timestamp }) => `${sid} ${timestamp} ${NEVER_SENT} another`,
    ),
  }),
  refused('direct, json', 'ISO-4006', 'sealed', {
    'seals text as json': sealedJson('text'),
    'seals half of its JSON': sealedJson('{"a":'),
    'seals nothing as json': sealedJson(''),
    'seals JSON that is too deep': sealedJson('['.repeat(DEEP) + ']'.repeat(DEEP)),
    'seals JSON with too many names': sealedJson(`[${'{"":0},'.repeat(MANY)}0]`),
    'seals JSON that is no UTF-8': { 'request payload': () => Buffer.from('"\xff"', 'latin1') },
  }),
  refused('direct, http', 'ISO-4006', 'sealed', {
    'seals another path than it shows': inner({ target: '/other' }),
    'seals another query than it shows': inner({ target: '/x?q=2' }),
    'seals another method than it shows': inner({ method: 'DELETE' }),
    'seals a path of the tunnel': inner({ target: '/api/trpc/x' }),
  }),
  refused('rotation', 'ISO-4006', 'sealed', { 'comes as http': AS_HTTP, 'comes as none': AS_NONE }),
  refused('termination', 'ISO-4006', 'sealed', { 'comes as http': AS_HTTP, 'comes as json': AS_JSON }),
  refused('tunnel', 'ISO-4006', 'sealed', {
    'comes by PUT': { outgoing: (right) => ({ ...right, method: 'PUT' }) },
    'shows a query': { outgoing: (right) => ({ ...right, target: '/api/trpc/sealed?x=1' }) },
    'comes as json': AS_JSON,
    'comes as none': AS_NONE,
  }),
);
