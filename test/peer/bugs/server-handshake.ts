/** Servers, or somebody in their place, that answer a handshake or a rotation wrongly: no call is sent to them. */
import { b64, bytes, fromB64, join } from '../bytes.ts';
import { CLIENT_CONTEXT, identityOf } from '../identity.ts';
import { seal, sha256 } from '../primitives.ts';
import type { Bug } from '../seams.ts';
import {
  change,
  collected,
  field,
  flipped,
  leaveOut,
  type Misbehaviours,
  otherAlphabet,
  put,
  refused,
  type ServerScene,
  SPELLINGS,
  shortened,
  swapFields,
  without,
} from './misbehaviour.ts';

const STRANGER = identityOf(Buffer.alloc(32, 98));
const KEM_CIPHERTEXT_BYTES = 1088;
const TWENTY_KILOBYTES = 20_000;
const ZEROS = Buffer.alloc(32);

const decoded = (text: string): Buffer => fromB64(text) ?? Buffer.alloc(0);
const status = (wrong: number): Bug => ({ 'answer response': (right) => ({ ...right, status: wrong }) });
const answers = (wrong: number, body: string): Bug => ({
  'answer response': (right) => ({ ...right, status: wrong, body: bytes(body) }),
});
const shown = (bend: (id: { pk: string; sig: string }) => unknown): Bug => ({
  answer: (right) => ({ ...right, id: bend(right.id as { pk: string; sig: string }) }),
});
const spelled = (name: string): Record<string, Bug> =>
  Object.fromEntries(
    Object.entries(SPELLINGS).map(([how, spell]) => [
      `spells its ${name} ${how}`,
      { answer: change(name, spell) },
    ]),
  );

/** What goes wrong in the key schedule shows in `hs`, which does not open. */
const SCHEDULE: Record<string, Bug> = {
  'hashes another label': { transcript: field(0, 'nen/1 transcript') },
  'hashes no label': { transcript: leaveOut(0) },
  'hashes another suite': { transcript: field(1, 'ML-KEM-1024') },
  'hashes another audience': { transcript: field(2, 'https://other.example') },
  'hashes no audience': { transcript: field(2, '') },
  'hashes the key in base64': { transcript: (right) => right.with(3, b64(bytes(right[3] ?? ''))) },
  'hashes no key': { transcript: field(3, '') },
  'hashes another sid': { transcript: field(5, 'AAAAAAAAAAAAAAAAAAAAAA') },
  'hashes the sid as bytes': {
    transcript: (right) => right.with(5, Buffer.from(String(right[5]), 'base64url')),
  },
  'hashes no ciphertext': { transcript: field(6, '') },
  'hashes key and ciphertext in the wrong order': { transcript: swapFields(3, 6) },
  'leaves an absent field out': { transcript: leaveOut(8) },
  'hashes a field more': { transcript: (right) => [...right, ''] },
  'takes zeros for the shared secret': { extract: ({ salt }) => ({ salt, ikm: ZEROS }) },
  'takes nothing for the shared secret': { extract: ({ salt }) => ({ salt, ikm: Buffer.alloc(0) }) },
  'takes another shared secret': { extract: ({ salt, ikm }) => ({ salt, ikm: flipped(ikm) }) },
  'hashes the shared secret first': { extract: ({ salt, ikm }) => ({ salt, ikm: sha256(ikm) }) },
  'takes no salt': { extract: ({ ikm }) => ({ salt: ZEROS, ikm }) },
  'swaps salt and secret': { extract: ({ salt, ikm }) => ({ salt: ikm, ikm: salt }) },
  'derives under another label': { 'key labels': (right) => ({ ...right, handshakeKey: 'nen/2 handshake' }) },
  'seals under the request key': {
    'key labels': (right) => ({ ...right, handshakeKey: right.requestKey }),
  },
  'seals under nonce one': {
    'hs box': (right) => ({ ...right, nonce: Buffer.concat([Buffer.alloc(11), Buffer.of(1)]) }),
  },
  'seals under no transcript': { 'hs box': (right) => ({ ...right, aad: Buffer.alloc(0) }) },
  'seals under a key of zeros': { 'hs box': (right) => ({ ...right, key: ZEROS }) },
  'sends another ciphertext than it used': {
    answer: change('ct', (ct) => b64(flipped(decoded(ct), 100))),
  },
};

const TERMS: Record<string, Bug> = {
  'gives no key for signatures': { terms: without('hmacKey') },
  'gives a key of 31 bytes': { terms: put({ hmacKey: b64(Buffer.alloc(31)) }) },
  'gives a key in hex': { terms: put({ hmacKey: ZEROS.toString('hex') }) },
  'gives an empty key': { terms: put({ hmacKey: '' }) },
  'spells the key in the other alphabet': { terms: put({ hmacKey: `${'_'.repeat(42)}8=` }) },
  'tells the time as text': { terms: change('now', String) },
  'tells the time in seconds': { terms: put({ now: 1_700_000_000 }) },
  'tells a time with a fraction': { terms: put({ now: 1_700_000_000_000.5 }) },
  'tells a negative time': { terms: put({ now: -1_700_000_000_000 }) },
  'tells no time': { terms: without('now') },
  'tells no end': { terms: without('expiresAt') },
  'tells null for the end': { terms: put({ expiresAt: null }) },
  'names no epoch': { terms: without('epoch') },
  'names an empty epoch': { terms: put({ epoch: '' }) },
  'names an epoch that is too long': { terms: put({ epoch: 'e'.repeat(65) }) },
  'names an epoch with a space': { terms: put({ epoch: 'e e' }) },
  'grants a field of its own': { terms: put({ admin: true }) },
  'grants nothing': { 'terms text': () => '' },
  'grants a list': { 'terms text': (right) => `[${right}]` },
  'grants the key twice': { 'terms text': (right) => right.replace('{', '{"hmacKey":"",') },
};

export const serverHandshakeBugs: Misbehaviours<ServerScene> = collected<ServerScene>(
  refused('handshake', 'ISO-1007', 'own', {
    ...SCHEDULE,
    ...TERMS,
    'answers with 201': status(201),
    'answers with 204 and nothing': answers(204, ''),
    'answers with 500': status(500),
    redirects: {
      'answer response': (right) => ({ ...right, status: 302, headers: [['Location', '/api/nen/status']] }),
    },
    'answers nothing': answers(200, ''),
    'answers a page': answers(200, '<html></html>'),
    'refuses, with 200': answers(200, '{"error":{"code":"ISO-1003","message":"x"}}'),
    'refuses without a message': answers(400, '{"error":{"code":"ISO-1003"}}'),
    'refuses with a code that nobody has': answers(400, '{"error":{"code":"ISO-9999","message":"x"}}'),
    'refuses with a field of its own': answers(400, '{"error":{"code":"ISO-1003","message":"x","a":1}}'),
    'refuses in a list': answers(400, '[{"error":{"code":"ISO-1003","message":"x"}}]'),
    'speaks version 1': { answer: put({ v: 1 }) },
    'speaks version 3': { answer: put({ v: 3 }) },
    'names no version': { answer: without('v') },
    'names no sid': { answer: without('sid') },
    'sends no ciphertext': { answer: without('ct') },
    'sends no box': { answer: without('hs') },
    'sends a field of its own': { answer: put({ suite: 'none' }) },
    'names a sid that is too short': { answer: change('sid', (sid) => sid.slice(1)) },
    'names a sid with trailing bits': { answer: put({ sid: 'AAAAAAAAAAAAAAAAAAAAAB' }) },
    'names another sid than it hashed': { answer: put({ sid: 'AAAAAAAAAAAAAAAAAAAAAA' }) },
    'sends a ciphertext that is too short': { answer: change('ct', (ct) => b64(shortened(decoded(ct)))) },
    'sends an empty ciphertext': { answer: put({ ct: '' }) },
    'spells its ciphertext in the other alphabet': { answer: change('ct', otherAlphabet) },
    ...spelled('ct'),
    'cuts its box': { answer: change('hs', (hs) => b64(shortened(decoded(hs)))) },
    'alters its box': { answer: change('hs', (hs) => b64(flipped(decoded(hs)))) },
    'sends an empty box': { answer: put({ hs: '' }) },
    'sends a box of 15 bytes': { answer: put({ hs: b64(Buffer.alloc(15)) }) },
    'spells its box with a space': { answer: change('hs', (hs) => `${hs} `) },
    'names its sid twice': { 'answer text': (right) => right.replace('{', '{"sid":"",') },
    'sends a list': { 'answer text': (right) => `[${right}]` },
    'sends half of it': { 'answer text': (right) => right.slice(0, 500) },
    'escapes a name': { 'answer text': (right) => right.replace('"sid"', '"\\u0073id"') },
    'begins with a byte order mark': { 'answer text': (right) => `\u{feff}${right}` },
    'sends bytes that are no UTF-8': {
      'answer response': (right) => ({ ...right, body: join(right.body as Buffer, Buffer.of(0xff)) }),
    },
    'sends 20 kB of white space': { 'answer text': (right) => right + ' '.repeat(TWENTY_KILOBYTES) },
    'answers another hello': {
      encapsulated: ({ ciphertext }) => ({ ciphertext, sharedSecret: Buffer.alloc(32, 7) }),
    },
  }),
  refused('handshake in X-Wing', 'ISO-1007', 'own', {
    'sends an X25519 key of low order': {
      encapsulated: ({ sharedSecret, ciphertext }) => ({
        sharedSecret,
        ciphertext: join(ciphertext.subarray(0, KEM_CIPHERTEXT_BYTES), Buffer.alloc(32)),
      }),
    },
    'sends its ML-KEM half alone': {
      answer: change('ct', (ct) => b64(decoded(ct).subarray(0, KEM_CIPHERTEXT_BYTES))),
    },
    'sends its halves in the wrong order': {
      answer: change('ct', (ct) => {
        const both = decoded(ct);
        return b64(join(both.subarray(KEM_CIPHERTEXT_BYTES), both.subarray(0, KEM_CIPHERTEXT_BYTES)));
      }),
    },
    'alters its X25519 half': { answer: change('ct', (ct) => b64(flipped(decoded(ct), 1100))) },
    'alters its ML-KEM half': { answer: change('ct', (ct) => b64(flipped(decoded(ct), 100))) },
    'hashes ML-KEM-768 as the suite': { transcript: field(1, 'ML-KEM-768') },
  }),
  refused('handshake with an identity', 'ISO-1006', 'own', {
    'leaves its identity out': { answer: without('id') },
    'shows null': shown(() => null),
    'shows a text': shown((id) => id.pk),
    'shows the key of somebody else': shown((id) => ({ ...id, pk: b64(STRANGER.publicKey) })),
    'sends no signature': shown(({ pk }) => ({ pk })),
    'sends no key': shown(({ sig }) => ({ sig })),
    'adds a field to its identity': shown((id) => ({ ...id, alg: 'none' })),
    'alters its signature': shown((id) => ({ ...id, sig: b64(flipped(decoded(id.sig), 50)) })),
    'cuts its signature': shown((id) => ({ ...id, sig: b64(shortened(decoded(id.sig))) })),
    'sends zeros for a signature': shown((id) => ({ ...id, sig: b64(Buffer.alloc(3309)) })),
    'cuts its key': shown((id) => ({ ...id, pk: b64(shortened(decoded(id.pk))) })),
    'spells its signature in the other alphabet': shown((id) => ({ ...id, sig: otherAlphabet(id.sig) })),
    'signs another transcript': { 'server signs': (right) => ({ ...right, digest: flipped(right.digest) }) },
    "signs in the client's role": { 'server signs': (right) => ({ ...right, context: CLIENT_CONTEXT }) },
    'signs without a context': { 'server signs': (right) => ({ ...right, context: '' }) },
    'signs for another version': { 'server signs': (right) => ({ ...right, context: 'nen/1 server' }) },
  }),
  refused('handshake with an identity', 'ISO-1007', 'own', {
    'hashes no server identity': { transcript: field(7, '') },
    'hashes no client identity': { transcript: field(4, '') },
    'hashes the identities in the wrong order': { transcript: swapFields(4, 7) },
    'hashes the identity of somebody else': { transcript: field(7, sha256(STRANGER.publicKey)) },
    'hashes its whole key': { transcript: field(7, STRANGER.publicKey) },
    'shows its identity twice': {
      'answer text': (right) => right.replace(/("id":\{.*\})\}$/, '$1,$1}'),
    },
  }),
  refused('second handshake', 'ISO-1006', 'own', {
    'shows no identity any more': { answer: without('id') },
    'shows another identity': shown((id) => ({ ...id, pk: b64(STRANGER.publicKey) })),
  }),
  refused('rotation', 'ISO-1007', 'own', {
    'forgets the old secret': { extract: ({ salt, ikm }) => ({ salt, ikm: ikm.subarray(0, 32) }) },
    'puts the old secret first': {
      extract: ({ salt, ikm }) => ({ salt, ikm: join(ikm.subarray(32), ikm.subarray(0, 32)) }),
    },
    'takes zeros for the old secret': {
      extract: ({ salt, ikm }) => ({ salt, ikm: join(ikm.subarray(0, 32), ZEROS) }),
    },
    'forgets the old sid': { transcript: field(8, '') },
    'hashes the new sid as the old one': { transcript: (right) => right.with(8, right[5] ?? '') },
    'hashes another audience': { transcript: field(2, 'https://other.example') },
    'shows an identity': {
      answer: put({ id: { pk: b64(STRANGER.publicKey), sig: b64(Buffer.alloc(3309)) } }),
    },
    'shows an identity that is none': { answer: put({ id: { pk: '', sig: '' } }) },
    'speaks version 1': { answer: put({ v: 1 }) },
    'sends no box': { answer: without('hs') },
    'names an empty epoch': { terms: put({ epoch: '' }) },
    'sends 20 kB of white space': { 'answer text': (right) => right + ' '.repeat(TWENTY_KILOBYTES) },
    'seals its terms under the old key': {
      'hs box': (right) => ({ ...right, key: sha256(seal(right)) }),
    },
  }),
  refused('rotation with an identity', 'ISO-1007', 'own', {
    'drops its identity': { transcript: field(7, '') },
    "drops the client's identity": { transcript: field(4, '') },
  }),
);
