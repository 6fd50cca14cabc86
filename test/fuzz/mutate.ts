/**
 * Alterations of a message that know what messages are made of: lengths, separators, quotes, base64, names. One
 * case is one to four of them.
 */
import { type Bytes, concatBytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import type { Chance } from './random.ts';

type Mutation = (bytes: Bytes, chance: Chance, others: readonly Bytes[]) => Bytes;

/** What the formats are made of, and what readers have tripped over. */
const TOKENS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
    ':',
    '{}',
    '[]',
    '""',
    'null',
    'true',
    '-0',
    '1e999',
    '\\u0000',
    '\\"',
  ],
  ...[
    '"ct":',
    '"n":',
    '"t":"http"',
    '"t":"error"',
    '"t":"json"',
    '"v":2',
    '"id":{}',
    '"__proto__":',
    '"toString":1',
  ],
  ...[
    'data: ',
    'event: final\n',
    'event: failed\n',
    'event: padded\n',
    ':\n',
    '\n\n',
    '\r\n\r\n',
    '\r',
    'id: 1\n',
  ],
  ...[
    '=',
    '==',
    '-',
    '_',
    '+',
    '/',
    'AAAA',
    'AAAAAAAAAAAAAAAA',
    ' ',
    '\0',
    '\x7f',
    '\x80',
    '\xff',
    '\xef\xbb\xbf',
  ],
  ...[
    '1790000000000',
    '0',
    '-1',
    '99999999999999999999',
    'ISO-5002',
    'x-nen-nonce',
    'POST',
    'https',
    '/sealed',
  ],
].map(latin1ToBytes);

/** Lengths where one byte more needs another form or another check. */
const LENGTHS = [
  0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 16_383, 16_384, 65_535, 65_536, 65_552, 65_553, 0x7fffffff,
];

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, { int }) {
    return edit(bytes, int(bytes.length + 1), (byte) => byte ^ (1 << int(8)));
  },
  function setByte(bytes, { int }) {
    return edit(bytes, int(bytes.length + 1), () => int(256));
  },
  function cut(bytes, { int }) {
    return bytes.slice(0, int(bytes.length + 1));
  },
  function drop(bytes, { int }) {
    const at = int(bytes.length + 1);
    return splice(bytes, at, 1 + int(16), []);
  },
  function insertToken(bytes, { int, pick }) {
    return splice(bytes, int(bytes.length + 1), 0, [pick(TOKENS)]);
  },
  function overwriteByToken(bytes, { int, pick }) {
    const token = pick(TOKENS);
    return splice(bytes, int(bytes.length + 1), token.length, [token]);
  },
  function repeatPart(bytes, { int }) {
    const at = int(bytes.length + 1);
    const part = bytes.slice(at, at + 1 + int(64));
    return splice(
      bytes,
      at,
      0,
      Array.from({ length: 1 + int(4) }, () => part),
    );
  },
  function swapParts(bytes, { int }) {
    const [low = 0, middle = 0, high = 0] = [0, 0, 0].map(() => int(bytes.length + 1)).sort((a, b) => a - b);
    return concatBytes([
      bytes.slice(0, low),
      bytes.slice(middle, high),
      bytes.slice(low, middle),
      bytes.slice(high),
    ]);
  },
  function setLength32(bytes, { int, pick }) {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, pick(LENGTHS));
    return splice(bytes, int(bytes.length + 1), 4, [length]);
  },
  function setVarint(bytes, { int, pick }) {
    const value = pick(LENGTHS);
    const short =
      value < 64 ? Uint8Array.of(value) : Uint8Array.of(0x40 | ((value >> 8) & 0x3f), value & 0xff);
    return splice(bytes, int(bytes.length + 1), int(3), [short]);
  },
  function graft(bytes, { int, pick }, others) {
    const other = pick([bytes, ...others]);
    return concatBytes([bytes.slice(0, int(bytes.length + 1)), other.slice(int(other.length + 1))]);
  },
];

/** @param others messages of the same sort, parts of which may be grafted on. */
export function mutate(bytes: Bytes, chance: Chance, others: readonly Bytes[]): Bytes {
  let mutated = bytes;
  for (let left = 1 + chance.int(4); left > 0; left--)
    mutated = chance.pick(MUTATIONS)(mutated, chance, others);
  return mutated;
}

function edit(bytes: Bytes, at: number, change: (byte: number) => number): Bytes {
  const copy = bytes.slice();
  const byte = copy[at];
  if (byte !== undefined) copy[at] = change(byte);
  return copy;
}

function splice(bytes: Bytes, at: number, removed: number, inserted: readonly Bytes[]): Bytes {
  return concatBytes([bytes.slice(0, at), ...inserted, bytes.slice(at + removed)]);
}
