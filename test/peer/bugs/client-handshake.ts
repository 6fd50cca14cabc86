/** Clients that handshake or rotate wrongly. */
import { b64, bytes, fromB64, input, join } from '../bytes.ts';
import { identityOf, SERVER_CONTEXT } from '../identity.ts';
import { sha256 } from '../primitives.ts';
import {
  type ClientScene,
  change,
  collected,
  flipped,
  type Misbehaviours,
  otherAlphabet,
  put,
  refused,
  SPELLINGS,
  without,
} from './misbehaviour.ts';

const STRANGER = identityOf(Buffer.alloc(32, 99));
const KEM_PUBLIC_KEY_BYTES = 1184;
const TWENTY_KILOBYTES = 20_000;

const decoded = (text: string): Buffer => fromB64(text) ?? Buffer.alloc(0);
/** The identity as it was shown, with some of it changed. */
const shown = (bend: (id: { pk: string; sig: string }) => unknown) => ({
  hello: (right: Record<string, unknown>) => ({
    ...right,
    id: bend(right.id as { pk: string; sig: string }),
  }),
});

/** The first two coefficients are 4095: more than q, which is 3329. */
function unreduced(right: string): string {
  const key = decoded(right);
  key.fill(0xff, 0, 3);
  return b64(key);
}

const lowOrder = (right: string): string =>
  b64(join(decoded(right).subarray(0, KEM_PUBLIC_KEY_BYTES), Buffer.alloc(32)));

export const clientHandshakeBugs: Misbehaviours<ClientScene> = collected(
  refused('handshake', 'ISO-1001', 'plain', {
    'names no version': { hello: without('v') },
    'names no suite': { hello: without('suite') },
    'names no audience': { hello: without('aud') },
    'sends no key': { hello: without('pk') },
    'sends an empty key': { hello: put({ pk: '' }) },
    'sends a number for the key': { hello: put({ pk: 1 }) },
    'sends a field of its own': { hello: put({ cipher: 'none' }) },
    'sends a list': { 'hello text': (right) => `[${right}]` },
    'sends nothing': { 'hello text': () => '' },
    'sends half of it': { 'hello text': (right) => right.slice(0, 700) },
    'sends two in one': { 'hello text': (right) => right + right },
    'sends the key twice': { 'hello text': (right) => right.replace('"pk":', '"pk":"AAAA","pk":') },
    'sends the version twice': { 'hello text': (right) => right.replace('{', '{"v":2,') },
    'escapes a name': { 'hello text': (right) => right.replace('"pk"', '"\\u0070k"') },
    'begins with a byte order mark': { 'hello text': (right) => `\u{feff}${right}` },
    'sends bytes that are no UTF-8': {
      'hello request': (right) => ({ ...right, body: join(right.body ?? '', Buffer.of(0xff)) }),
    },
    'sends UTF-16': {
      'hello request': (right) => ({ ...right, body: Buffer.from(String(right.body), 'utf16le') }),
    },
    'nests objects': { hello: put({ id: { pk: {}, sig: {} } }) },
    'adds a comment': { 'hello text': (right) => `${right}// hello` },
  }),
  refused('handshake', 'ISO-1003', 'plain', {
    'speaks version 1': { hello: put({ v: 1 }) },
    'speaks version 3': { hello: put({ v: 3 }) },
    'sends the version as text': { hello: put({ v: '2' }) },
    'asks for a suite that nobody has': { hello: put({ suite: 'ML-KEM-512' }) },
    'sends a number for the suite': { hello: put({ suite: 768 }) },
    'sends a number for the audience': { hello: put({ aud: 443 }) },
    'writes the suite in small letters': { hello: put({ suite: 'ml-kem-768' }) },
    'means no suite at all': { hello: put({ suite: '' }) },
    'names a member of every object as its suite': { hello: put({ suite: 'constructor' }) },
    'means another origin': { hello: put({ aud: 'https://other.example' }) },
    'means the origin over http': { hello: change('aud', (aud) => aud.replace('https:', 'http:')) },
    'writes a slash behind the origin': { hello: change('aud', (aud) => `${aud}/`) },
    'writes a path behind the origin': { hello: change('aud', (aud) => `${aud}/api`) },
    'writes the default port': { hello: change('aud', (aud) => `${aud}:443`) },
    'writes the origin in capitals': { hello: change('aud', (aud) => aud.toUpperCase()) },
    'writes a user before the origin': { hello: change('aud', (aud) => aud.replace('//', '//user@')) },
    'means no origin': { hello: put({ aud: '' }) },
    'means an opaque origin': { hello: put({ aud: 'null' }) },
  }),
  refused('handshake', 'ISO-1002', 'plain', {
    'calls its ML-KEM key an X-Wing key': { hello: put({ suite: 'X-Wing' }) },
    'sends a key that is a byte too short': { hello: change('pk', (pk) => b64(decoded(pk).subarray(1))) },
    'sends a key that is a byte too long': {
      hello: change('pk', (pk) => b64(join(decoded(pk), Buffer.of(0)))),
    },
    'sends a key that is not reduced': { hello: change('pk', unreduced) },
    'sends a key in hex': { hello: change('pk', (pk) => decoded(pk).toString('hex')) },
    'spells its key in the other alphabet': { hello: change('pk', otherAlphabet) },
    ...spelled('pk'),
  }),
  refused('handshake in X-Wing', 'ISO-1002', 'plain', {
    'sends an X25519 key of low order': { hello: change('pk', lowOrder) },
    'sends its ML-KEM half alone': {
      hello: change('pk', (pk) => b64(decoded(pk).subarray(0, KEM_PUBLIC_KEY_BYTES))),
    },
    'sends its halves in the wrong order': {
      hello: change('pk', (pk) => {
        const key = decoded(pk);
        return b64(join(key.subarray(KEM_PUBLIC_KEY_BYTES), Buffer.alloc(KEM_PUBLIC_KEY_BYTES, 0xff)));
      }),
    },
    'calls its key an ML-KEM key': { hello: put({ suite: 'ML-KEM-768' }) },
  }),
  refused('handshake', 'ISO-4003', 'plain', {
    'sends 20 kB of white space': { 'hello text': (right) => right + ' '.repeat(TWENTY_KILOBYTES) },
  }),
  refused('handshake with an identity', 'ISO-1004', 'plain', {
    'signs another key': { 'client signs': (right) => ({ ...right, digest: sha256(bytes('another')) }) },
    'signs for another origin': {
      'client signs': (right) => ({
        ...right,
        digest: sha256(input(['nen/2 client hello', 'ML-KEM-768', '', 'https://other.example'])),
      }),
    },
    "signs in the server's role": { 'client signs': (right) => ({ ...right, context: SERVER_CONTEXT }) },
    'signs without a context': { 'client signs': (right) => ({ ...right, context: '' }) },
    'shows the key of somebody else': shown((id) => ({ ...id, pk: b64(STRANGER.publicKey) })),
    'alters its signature': shown((id) => ({ ...id, sig: b64(flipped(decoded(id.sig))) })),
    'cuts its signature': shown((id) => ({ ...id, sig: b64(decoded(id.sig).subarray(1)) })),
    'sends zeros for a signature': shown((id) => ({ ...id, sig: b64(Buffer.alloc(3309)) })),
    'sends no signature': shown(({ pk }) => ({ pk })),
    'sends no key of its identity': shown(({ sig }) => ({ sig })),
    'adds a field to its identity': shown((id) => ({ ...id, alg: 'none' })),
    'spells its signature in the other alphabet': shown((id) => ({ ...id, sig: otherAlphabet(id.sig) })),
    'shows null': shown(() => null),
    'shows a text': shown((id) => id.pk),
  }),
  refused('handshake with an identity', 'ISO-1001', 'plain', {
    'shows its identity twice': {
      'hello text': (right) => right.replace(/("id":\{.*\})\}$/, '$1,$1}'),
    },
  }),
  refused('handshake with an identity', 'ISO-1005', 'plain', {
    'leaves its identity out': { hello: without('id') },
  }),
  refused('rotation', 'ISO-1001', 'sealed', {
    'shows an identity again': { hello: put({ id: { pk: '', sig: '' } }) },
    'sends no key': { hello: without('pk') },
    'names no version': { hello: without('v') },
    'sends JSON that is no message': { 'hello text': () => '[1,2,3]' },
    'sends 20 kB of white space': { 'hello text': (right) => right + ' '.repeat(TWENTY_KILOBYTES) },
    'sends the key twice': { 'hello text': (right) => right.replace('"pk":', '"pk":"AAAA","pk":') },
  }),
  refused('rotation', 'ISO-1002', 'sealed', {
    'sends a key that is not reduced': { hello: change('pk', unreduced) },
    ...spelled('pk'),
  }),
  refused('rotation', 'ISO-1003', 'sealed', {
    'speaks version 1': { hello: put({ v: 1 }) },
    'means another origin than before': { hello: put({ aud: 'https://also.example' }) },
    'asks for a suite that nobody has': { hello: put({ suite: 'ML-KEM-1024' }) },
  }),
);

function spelled(name: string) {
  const bugs = Object.entries(SPELLINGS).map(
    ([how, spell]) => [`spells its key ${how}`, { hello: change(name, spell) }] as const,
  );
  return Object.fromEntries(bugs);
}
