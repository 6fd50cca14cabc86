/** How records lie on the wire, in both encodings, before any of them is opened. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, base64Encode, concatBytes } from '../../src/crypto/bytes.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import {
  createFrameReader,
  type Frame,
  RECORD_DATA,
  RECORD_FAILED,
  RECORD_FINAL,
  RECORD_HEAD,
  RECORD_PADDED,
  type RecordKind,
  writeFrame,
} from '../../src/protocol/frames.ts';
import { ascii, bytesUpTo, codeOf, cutAt, hex, named, patterned, polluted, text } from './support.ts';

const ENCODINGS: readonly Encoding[] = ['json', 'octets'];
const BOX = named('box');
const CT = base64Encode(BOX);
const BASE = named('base').slice(0, 12);
const N = base64Encode(BASE);

function read(encoding: Encoding, chunks: Iterable<Bytes>): Frame[] {
  const reader = createFrameReader(encoding);
  return Array.from(chunks).flatMap((chunk) => Array.from(reader.push(chunk)));
}

const plain = (frames: readonly Frame[]): unknown =>
  frames.map(({ kind, box, base }) => [kind, hex(box), base === undefined ? undefined : hex(base)]);

describe('a frame', () => {
  it('in JSON is a server-sent event', () => {
    const write = (kind: RecordKind, base?: Bytes): string => text(writeFrame('json', kind, [BOX], base));
    expect(write(RECORD_HEAD, BASE)).toBe(`data: {"n":"${N}","ct":"${CT}"}\n\n`);
    expect(write(RECORD_DATA)).toBe(`data: ${CT}\n\n`);
    expect(write(RECORD_FINAL)).toBe(`event: final\ndata: ${CT}\n\n`);
    expect(write(RECORD_FAILED)).toBe(`event: failed\ndata: ${CT}\n\n`);
    expect(write(RECORD_PADDED)).toBe(`event: padded\ndata: ${CT}\n\n`);
  });

  it('in octets is its length, its kind and its box, after 0x01 and the base in front of the head', () => {
    const write = (kind: RecordKind, base?: Bytes): string => hex(writeFrame('octets', kind, [BOX], base));
    expect(write(RECORD_HEAD, BASE)).toBe(`01${hex(BASE)}0000002000${hex(BOX)}`);
    expect(write(RECORD_DATA)).toBe(`0000002001${hex(BOX)}`);
    expect(write(RECORD_FINAL)).toBe(`0000002002${hex(BOX)}`);
    expect(write(RECORD_FAILED)).toBe(`0000002003${hex(BOX)}`);
    expect(write(RECORD_PADDED)).toBe(`0000002004${hex(BOX)}`);
  });
});

describe.each(ENCODINGS)('frames in %s', (encoding) => {
  const kinds = fc.constantFrom<RecordKind>(RECORD_DATA, RECORD_FINAL, RECORD_FAILED, RECORD_PADDED);
  const boxes = bytesUpTo(200).map((bytes) => concatBytes([new Uint8Array(16), bytes]));

  it('come out as they went in, in any chunking', () => {
    fc.assert(
      fc.property(
        boxes,
        fc.array(fc.tuple(kinds, boxes), { maxLength: 5 }),
        fc.array(fc.nat(3000), { maxLength: 10 }),
        (head, rest, places) => {
          const bytes = concatBytes([
            writeFrame(encoding, RECORD_HEAD, [head], BASE),
            ...rest.map(([kind, box]) => writeFrame(encoding, kind, [box.subarray(0, 3), box.subarray(3)])),
          ]);
          const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
          const expected: Frame[] = [
            { kind: RECORD_HEAD, box: head, base: BASE },
            ...rest.map(([kind, box]) => ({ kind, box })),
          ];
          expect(plain(read(encoding, cutAt(bytes, ...sorted)))).toEqual(plain(expected));
        },
      ),
    );
  });

  it('of the largest record come out, whole or in small chunks', () => {
    const box = patterned(65_536 + 16);
    const bytes = concatBytes([
      writeFrame(encoding, RECORD_HEAD, [BOX], BASE),
      writeFrame(encoding, RECORD_DATA, [box]),
    ]);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) =>
      bytes.subarray(i * 1000, i * 1000 + 1000),
    );
    const whole = plain(read(encoding, [bytes]));
    expect(whole).toEqual(
      plain([
        { kind: RECORD_HEAD, box: BOX, base: BASE },
        { kind: RECORD_DATA, box },
      ]),
    );
    expect(plain(read(encoding, chunks))).toEqual(whole);
  });

  it('one byte over the largest record are refused with 6003', async () => {
    const bytes = concatBytes([
      writeFrame(encoding, RECORD_HEAD, [BOX], BASE),
      writeFrame(encoding, RECORD_DATA, [patterned(65_536 + 17)]),
    ]);
    expect(await codeOf(() => read(encoding, [bytes]))).toBe('ISO-6003');
  });

  it('with a box shorter than a tag are refused with 6002', async () => {
    for (let length = 0; length < 16; length++) {
      const box = new Uint8Array(length);
      const head = writeFrame(encoding, RECORD_HEAD, [BOX], BASE);
      const short = writeFrame(encoding, RECORD_DATA, [box]);
      expect(await codeOf(() => read(encoding, [head, short]))).toBe('ISO-6002');
      expect(await codeOf(() => read(encoding, [writeFrame(encoding, RECORD_HEAD, [box], BASE)]))).toBe(
        'ISO-6002',
      );
    }
  });

  it('are not those that whoever gave the bytes writes over them later', () => {
    const reader = createFrameReader(encoding);
    const bytes = writeFrame(encoding, RECORD_HEAD, [BOX], BASE);
    const given = bytes.slice(0, 30);
    expect([...reader.push(given)]).toEqual([]);
    given.fill(0);
    expect(plain([...reader.push(bytes.slice(30))])).toEqual([[RECORD_HEAD, hex(BOX), hex(BASE)]]);
  });

  it('never make a reader throw anything but its own errors', async () => {
    const head = writeFrame(encoding, RECORD_HEAD, [BOX], BASE);
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(bytesUpTo(60), { maxLength: 4 }), async (withHead, chunks) => {
        const code = await codeOf(() => read(encoding, withHead ? [head, ...chunks] : chunks));
        expect(['ok', 'ISO-6002', 'ISO-6003']).toContain(code);
      }),
      { numRuns: 500 },
    );
  });

  it('that arrive a byte at a time hold back one record and no more, in reasonable time', () => {
    const bytes = concatBytes([
      writeFrame(encoding, RECORD_HEAD, [BOX], BASE),
      writeFrame(encoding, RECORD_DATA, [patterned(16_384)]),
    ]);
    const start = performance.now();
    const frames = read(
      encoding,
      Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1)),
    );
    expect(frames.length).toBe(2);
    // On a machine that is busy too.
    expect(performance.now() - start).toBeLessThan(20_000);
  }, 30_000);
});

it('a frame in octets of a kind that there is none of is refused before it is opened', async () => {
  const head = writeFrame('octets', RECORD_HEAD, [BOX], BASE);
  const frame = writeFrame('octets', RECORD_DATA, [BOX]);
  for (const kind of [5, 6, 128, 255])
    expect(await codeOf(() => read('octets', [head, frame.with(4, kind)]))).toBe('ISO-6002');
});

it('a CR that ends a chunk takes no more with it than the LF that begins the next', () => {
  const event = text(writeFrame('json', RECORD_HEAD, [BOX], BASE)).slice(0, -2);
  const data = text(writeFrame('json', RECORD_DATA, [BOX]));
  const expected = [
    [RECORD_HEAD, hex(BOX), hex(BASE)],
    [RECORD_DATA, hex(BOX), undefined],
  ];
  for (const chunks of [
    [`${event}\r`, `\r${data}`],
    [`${event}\r`, `\n\r\n${data}`],
    [`${event}\r\n\r`, `\n${data}`],
  ]) {
    expect(plain(read('json', chunks.map(ascii)))).toEqual(expected);
  }
});

describe('the head in JSON', () => {
  it.each([`{"ct":"${CT}","n":"${N}"}`, `{ "n": "${N}", "ct": "${CT}" }`])('is read from %s', (data) => {
    expect(plain(read('json', [ascii(`data: ${data}\n\n`)]))).toEqual([[RECORD_HEAD, hex(BOX), hex(BASE)]]);
  });

  it.each([
    CT,
    '',
    '{}',
    'null',
    '[]',
    `{"ct":"${CT}"}`,
    `{"n":"${N}"}`,
    `{"n":"${N}","ct":"${CT}","x":1}`,
    `{"n":"${N}","n":"${N}","ct":"${CT}"}`,
    `{"n":"${N}","ct":"${CT}","ct":"${CT}"}`,
    `{"n":1,"ct":"${CT}"}`,
    `{"n":"${N}","ct":1}`,
    `{"n":"${N}AAAA","ct":"${CT}"}`,
    `{"n":"${N.slice(4)}","ct":"${CT}"}`,
    `{"n":"${N}","ct":"AAAA"}`,
    `{"n":"${N}","ct":"${CT}="}`,
    `{"n":"${N}","ct":"${CT}","t":"http"}`,
    `{"n":"${N}","ct":"${CT}"}\u00e9`,
  ])('is not read from %s', async (data) => {
    expect(await codeOf(() => read('json', [ascii(`data: ${data}\n\n`)]))).toBe('ISO-6002');
  });

  it('is not an event of a type', async () => {
    const event = `event: head\ndata: {"n":"${N}","ct":"${CT}"}\n\n`;
    expect(await codeOf(() => read('json', [ascii(event)]))).toBe('ISO-6002');
  });

  it('takes nothing from a polluted Object.prototype, nor do the types of events', async () => {
    await polluted({ n: N, ct: CT, odd: RECORD_FINAL }, async () => {
      expect(await codeOf(() => read('json', [ascii('data: {}\n\n')]))).toBe('ISO-6002');
      const head = writeFrame('json', RECORD_HEAD, [BOX], BASE);
      expect(await codeOf(() => read('json', [head, ascii(`event: odd\ndata: ${CT}\n\n`)]))).toBe('ISO-6002');
    });
  });
});
