/** Servers, or somebody on the way, that break a stream: what came before is good, and then the body fails. */
import { randomBytes } from 'node:crypto';
import { type Bytes, b64, bytes, join, u32 } from '../bytes.ts';
import type { Bug } from '../seams.ts';
import type { RecordKind } from '../session.ts';
import { DATA, FAILED, FINAL, HEAD, PADDED } from '../stream.ts';
import {
  collected,
  field,
  flipped,
  headerIs,
  leaveOut,
  type Misbehaviours,
  refused,
  type ServerScene,
  shortened,
  swapFields,
  text,
} from './misbehaviour.ts';

const MAX_BOX_BYTES = 65_536 + 16;
const SCENES = ['stream', 'stream in octets'] as const;

/** The frame at a place, or of a kind, in another form. In octets the base is no frame of these. */
const frame = (which: number | 'final', bend: (right: Buffer) => Bytes): Bug => ({
  frame: ({ frame: right, kind, index }) => {
    const isIt = which === 'final' ? kind === FINAL : index === which;
    return { kind, index, frame: isIt ? bend(bytes(right)) : right };
  },
});
const dropped = (which: number | 'final'): Bug => frame(which, () => Buffer.alloc(0));

/** The frames, altered as a list. Those of a stream in octets begin with the base. */
const frames = (bend: (all: Bytes[]) => Bytes[]): Bug => ({
  'stream frames': async function* (right) {
    const all: Bytes[] = [];
    for await (const one of right) all.push(one);
    yield* bend(all);
  },
});

/** The plaintext of one record, counted from 0. */
function plaintext(which: number, wrong: (right: Bytes) => Bytes): Bug {
  let at = -1;
  return {
    'record box': (right) => {
      at += 1;
      return at === which ? { ...right, plaintext: wrong(right.plaintext) } : right;
    },
  };
}

/** A record of a kind that its place does not have, sealed as what it says that it is. */
const relabelled = (which: number, wrong: RecordKind): Bug => {
  let at = -1;
  return {
    'record kind': ({ kind, index }) => ({ index, kind: index === which ? wrong : kind }),
    'record aad': (right) => {
      at += 1;
      return at === which ? right.with(5, Buffer.of(wrong)) : right;
    },
  };
};

const swapped = (one: number, other: number) => (all: Bytes[]) =>
  all.with(one, all[other] ?? Buffer.of()).with(other, all[one] ?? Buffer.of());

const event = (which: number, bend: (right: string) => string | Bytes): Bug =>
  frame(which, (right) => bytes(bend(text(right))));
const boxOfEvent = (which: number, spell: (box: string) => string): Bug =>
  event(which, (right) => right.replace(/data: (\S+)\n/, (_all, box: string) => `data: ${spell(box)}\n`));

/** What the records bind, in either encoding. Each is made anew: some of them count. */
const everywhere = SCENES.map((scene) => {
  // In octets the base comes before the first record.
  const first = scene === 'stream' ? 0 : 1;
  return collected<ServerScene>(
    refused(scene, 'ISO-6002', 'own', {
      'derives its key under another label': { 'stream key': field(0, 'nen/2 answer') },
      'derives its key for another request': { 'stream key': field(1, randomBytes(12)) },
      'derives its key without the base': { 'stream key': leaveOut(2) },
      'derives its key with base and request in the wrong order': { 'stream key': swapFields(1, 2) },
      'seals under another label': { 'record aad': field(0, 'nen/2 response') },
      'authenticates another session': { 'record aad': field(1, 'AAAAAAAAAAAAAAAAAAAAAA') },
      'authenticates no request': { 'record aad': field(2, '') },
      'authenticates another status': { 'record aad': field(3, '201') },
      'authenticates no status': { 'record aad': leaveOut(3) },
      'says json in what it authenticates': { 'record aad': field(4, 'json') },
      'authenticates no kind': { 'record aad': field(5, '') },
      'calls every record data in what it authenticates': { 'record aad': field(5, Buffer.of(DATA)) },
      'authenticates the kind as text': {
        'record aad': (right) => right.with(5, String(bytes(right[5] ?? '')[0])),
      },
      'authenticates nothing': { 'record box': (right) => ({ ...right, aad: Buffer.alloc(0) }) },
      'uses one nonce for all records': (): Bug => {
        let base: Bytes | undefined;
        return {
          'record nonce': ({ nonce, index }) => {
            base ??= nonce;
            return { nonce: base, index };
          },
        };
      },
      'counts from 1': {
        'record nonce': ({ nonce, index }) => ({ index, nonce: counted(nonce, index ^ (index + 1)) }),
      },
      'counts in little-endian': {
        'record nonce': ({ nonce, index }) => ({ index, nonce: counted(counted(nonce, index), index << 24) }),
      },
      'counts data only': {
        'record nonce': ({ nonce, index }) => ({
          index,
          nonce: index === 0 ? nonce : counted(counted(nonce, index), index - 1),
        }),
      },
      'counts at the front of the nonce': {
        'record nonce': ({ nonce, index }) => ({ index, nonce: flipped(counted(nonce, index), 0) }),
      },
      'seals under a key of zeros': { 'record box': (right) => ({ ...right, key: Buffer.alloc(32) }) },
      'seals under nonce zero': { 'record box': (right) => ({ ...right, nonce: Buffer.alloc(12) }) },
      'alters a box': { 'sealed record': (right) => flipped(right) },
      'cuts a box': { 'sealed record': shortened },
      'adds a byte to a box': { 'sealed record': (right) => join(right, Buffer.of(0)) },
      'sends boxes of 15 bytes': { 'sealed record': () => randomBytes(15) },
      'sends empty boxes': { 'sealed record': () => Buffer.alloc(0) },
      'drops a record': dropped(1),
      'drops the last data': dropped(3),
      'drops the head': dropped(0),
      'sends a record twice': frame(2, (right) => join(right, right)),
      'sends the head twice': frame(0, (right) => join(right, right)),
      'sends two records in the wrong order': frames(swapped(first + 1, first + 2)),
      'sends its end first': frames(swapped(first, first + 4)),
      'sends its end too early': frames(swapped(first + 2, first + 4)),
      'calls its end data': {
        'record kind': ({ kind, index }) => ({ index, kind: kind === FINAL ? DATA : kind }),
      },
      'calls its data the end': {
        'record kind': ({ kind, index }) => ({ index, kind: index === 2 ? FINAL : kind }),
      },
      'calls its end a failure': {
        'record kind': ({ kind, index }) => ({ index, kind: kind === FINAL ? FAILED : kind }),
      },
      'calls its data padded': {
        'record kind': ({ kind, index }) => ({ index, kind: index === 2 ? PADDED : kind }),
      },
      'seals something into its end': () => plaintext(4, () => bytes('something')),
      'seals a head without a message': () => plaintext(0, () => Buffer.alloc(0)),
      'seals a request as its head': () => plaintext(0, (right) => join(Buffer.of(0), right.subarray(1))),
      'seals a head that is cut': () => plaintext(0, (right) => right.subarray(0, -1)),
      'seals a head with content': () =>
        plaintext(0, (right) => join(right.subarray(0, -2), Buffer.of(1, 65, 0))),
      'seals JSON as its head': () => plaintext(0, () => bytes('{"status":200}')),
      'begins with data': () => relabelled(0, DATA),
      'begins with its end': () => relabelled(0, FINAL),
      'seals data as padded without a length': () => relabelled(2, PADDED),
    }),
    refused(scene, 'ISO-6001', 'own', {
      'sends no end': dropped('final'),
      'ends after its head': frames((all) => all.slice(0, first + 1)),
      'ends before its head': frames((all) => all.slice(0, first)),
      'ends within a record': frame('final', (right) => right.subarray(0, right.length - 3)),
      'breaks off': {
        'stream frames': async function* (right) {
          let sent = 0;
          for await (const one of right) {
            sent += 1;
            if (sent > 3) throw new Error('the connection is gone');
            yield one;
          }
        },
      },
    }),
    refused(scene, 'ISO-6003', 'own', {
      'sends a box that is too large': () => plaintext(1, () => randomBytes(MAX_BOX_BYTES)),
    }),
    refused(scene, 'ISO-6004', 'own', {
      'fails and says nothing of it': () => failing(''),
      'fails and says what is no JSON': () => failing('failed'),
      'fails under a code that nobody has': () => failing('{"code":"ISO-9999","message":"x"}'),
      'fails with a field of its own': () => failing('{"code":"ISO-6004","message":"x","a":1}'),
    }),
  );
});

/** The last record says that the sender failed, in these words. */
function failing(words: string): Bug {
  const last = relabelled(4, FAILED);
  return { ...last, ...plaintext(4, () => bytes(words)) };
}

function counted(nonce: Bytes, by: number): Buffer {
  const wrong = Buffer.from(nonce);
  wrong.writeUInt32BE((wrong.readUInt32BE(8) ^ by) >>> 0, 8);
  return wrong;
}

export const serverStreamBugs: Misbehaviours<ServerScene> = collected<ServerScene>(
  ...everywhere,
  refused('stream', 'ISO-6002', 'own', {
    'is sent with 206': { response: (right) => ({ ...right, status: 206 }) },
    'calls an event by a name that nobody knows': event(2, (right) => `event: more\n${right}`),
    'calls its data message': event(2, (right) => `event: message\n${right}`),
    'calls its data head': event(2, (right) => `event: head\n${right}`),
    'calls its head data': event(0, (right) => `event: data\n${right}`),
    'calls its end FINAL': frame('final', (right) => bytes(String(right).replace('final', 'FINAL'))),
    'names a member of every object': event(2, (right) => `event: constructor\n${right}`),
    'spells a box in the other alphabet': boxOfEvent(2, (box) => `-${box.slice(1)}`),
    'spells a box with a space': boxOfEvent(2, (box) => `${box.slice(0, 4)} ${box.slice(4)}`),
    'pads a box': boxOfEvent(2, (box) => `${box}=`),
    'spells a box on two lines': boxOfEvent(2, (box) => `${box.slice(0, 4)}\ndata: ${box.slice(4)}`),
    'sends a box in hex': boxOfEvent(2, (box) => Buffer.from(box, 'base64').toString('hex')),
    'sends JSON for data': event(2, (right) => right.replace(/data: (\S+)/, 'data: {"ct":"$1"}')),
    'adds a field to its head': event(0, (right) => right.replace('{', '{"v":2,')),
    'adds a type to its head': event(0, (right) => right.replace('{', '{"t":"http",')),
    'sends no base': event(0, (right) => right.replace(/"n":"[^"]*",/, '')),
    'sends a base of 11 bytes': event(0, (right) =>
      right.replace(/"n":"[^"]*"/, `"n":"${b64(randomBytes(11))}"`),
    ),
    'sends another base than it used': event(0, (right) =>
      right.replace(/"n":"[^"]*"/, `"n":"${b64(randomBytes(12))}"`),
    ),
    'sends the base twice': event(0, (right) => right.replace('{', '{"n":"AAAAAAAAAAAAAAAA",')),
    'sends its head in a list': event(0, (right) => right.replace(/data: (\S+)/, 'data: [$1]')),
  }),
  refused('stream', 'ISO-6001', 'own', {
    'ends before the empty line': frame('final', (right) => right.subarray(0, right.length - 1)),
    'sends comments only': frames(() => [bytes(': nothing\n\n'.repeat(10))]),
    'sends its end as a comment': frame('final', (right) => bytes(String(right).replaceAll(/^/gm, ': '))),
  }),
  refused('stream', 'ISO-4005', 'own', {
    'is labelled as octets': { response: headerIs('Content-Type', 'application/octet-stream') },
    'is labelled as text': { response: headerIs('Content-Type', 'text/plain') },
    'is labelled as JSON': { response: headerIs('Content-Type', 'application/json') },
  }),
  refused('stream in octets', 'ISO-6002', 'own', {
    'is sent with 206': { response: (right) => ({ ...right, status: 206 }) },
    'sends a kind that nobody knows': () => relabelled(2, 5),
    'sends kind 255': () => relabelled(2, 255),
    'sends a second head': () => relabelled(2, HEAD),
    'declares a byte less': frame(2, (right) => join(u32(right.readUInt32BE() - 1), right.subarray(4))),
    'declares 15 bytes': frame(2, (right) => join(u32(15), right.subarray(4))),
    'declares nothing': frame(2, (right) => join(u32(0), right.subarray(4))),
    'declares a byte more': frame(2, (right) => join(u32(right.readUInt32BE() + 1), right.subarray(4))),
    'alters the base': frames(([base = Buffer.of(), ...rest]) => [flipped(base, 4), ...rest]),
  }),
  refused('stream in octets', 'ISO-6003', 'own', {
    'declares 4 GiB': frame(2, (right) => join(u32(0xffffffff), right.subarray(4))),
    'declares lengths in little-endian': frame(2, (right) =>
      join(Buffer.from(right.subarray(0, 4)).reverse(), right.subarray(4)),
    ),
    'declares a byte too many': frame(2, (right) => join(u32(MAX_BOX_BYTES + 1), right.subarray(4))),
  }),
  refused('stream in octets', 'ISO-6001', 'own', {
    'declares more than there is': frame('final', (right) => join(u32(1000), right.subarray(4))),
    'sends half a length': frame('final', (right) => right.subarray(0, 2)),
    'ends within the base': frames(([base = Buffer.of()]) => [base.subarray(0, 7)]),
  }),
  refused('stream in octets', 'ISO-4005', 'own', {
    'calls its type 0x03': frames(([base = Buffer.of(), ...rest]) => [
      join(Buffer.of(3), base.subarray(1)),
      ...rest,
    ]),
    'is labelled as text': { response: headerIs('Content-Type', 'text/plain') },
    'is labelled as events': { response: headerIs('Content-Type', 'text/event-stream') },
  }),
  refused('padded stream', 'ISO-6002', 'own', {
    'pads with other bytes than zero': () => plaintext(2, (right) => flipped(right, right.length - 1)),
    'says a length that is more than there is': () =>
      plaintext(2, (right) => join(u32(1000), right.subarray(4))),
    'says a length of 4 GiB': () => plaintext(2, (right) => join(u32(0xffffffff), right.subarray(4))),
    'says no length': () => plaintext(2, (right) => right.subarray(0, 3)),
    'seals nothing': () => plaintext(2, () => Buffer.alloc(0)),
    'says less than there is': () => plaintext(2, (right) => join(u32(1), right.subarray(4))),
    'calls padded data plain': {
      'record kind': ({ kind, index }) => ({ index, kind: index === 2 ? DATA : kind }),
    },
    'pads its end': () => plaintext(4, () => Buffer.alloc(64)),
    'pads its head with other bytes than zero': () => plaintext(0, (right) => join(right, Buffer.of(1))),
  }),
);
