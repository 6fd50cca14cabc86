/**
 * Streams of padded records (PROTOCOL.md, "Padding"): the same bytes come back, only classes of sizes show,
 * and a record that anybody altered is refused before its padding is looked at.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { LABEL_RECORD, LABEL_STREAM_KEY } from '../../src/protocol/constants.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import { createFrameReader, RECORD_DATA, RECORD_PADDED, writeFrame } from '../../src/protocol/frames.ts';
import { input } from '../../src/protocol/input.ts';
import { deriveResponseKey } from '../../src/protocol/keys.ts';
import { type Padding, paddedLength } from '../../src/protocol/padding.ts';
import { StreamOpener, StreamSealer } from '../../src/protocol/stream.ts';
import {
  ascii,
  bytesUpTo,
  codeOf,
  cutAt,
  expectBytes,
  flip,
  hex,
  patterned,
  seeded,
  sessionOf,
  unhex,
} from './support.ts';

const STATUS = 200;
const BLOCK: Padding = { blockBytes: 64 };
const paddings = fc.oneof(
  fc.constant('padme' as const),
  fc.integer({ min: 1, max: 65_536 }).map((blockBytes) => ({ blockBytes })),
);

function exchangeOf(encoding: Encoding): Exchange {
  return { session: sessionOf('a'), nonce: seeded('n')(12), kind: 'http', encoding };
}

async function sealAll(exchange: Exchange, pieces: readonly Bytes[], padding: Padding): Promise<Bytes[]> {
  const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base'), padding });
  const frames = [await sealer.head(201, [['content-type', 'text/plain']])];
  for (const piece of pieces) frames.push(await sealer.data(piece));
  return [...frames, await sealer.final()];
}

/** The data that comes out. @throws what the stream fails with. */
async function open(exchange: Exchange, chunks: Iterable<Bytes>, data: Bytes[] = []): Promise<Bytes[]> {
  const opener = new StreamOpener(exchange, STATUS);
  for (const chunk of chunks) {
    for await (const record of opener.push(chunk)) if (record.type === 'data') data.push(record.bytes);
  }
  opener.end();
  return data;
}

/** Record 1 with any plaintext, under the honest key. */
async function rawRecord(exchange: Exchange, plaintext: Bytes, kind = RECORD_PADDED): Promise<Bytes> {
  const base = seeded('base')(12);
  const key = deriveResponseKey(exchange.session.keys, LABEL_STREAM_KEY, exchange.nonce, base);
  const aad = input(LABEL_RECORD, exchange.session.sid, exchange.nonce, '200', 'http', Uint8Array.of(kind));
  const box = await key.seal(base.with(11, (base[11] ?? 0) ^ 1), aad, [plaintext]);
  return writeFrame(exchange.encoding, RECORD_PADDED, box);
}

function framesOf(encoding: Encoding, bytes: Bytes): { readonly kind: number; readonly length: number }[] {
  return [...createFrameReader(encoding).push(bytes)].map(({ kind, box }) => ({
    kind,
    length: box.length - 16,
  }));
}

/** The box of a record that comes after this head. */
function boxAfter(encoding: Encoding, head: Bytes, record: Bytes): Bytes {
  const [, frame] = createFrameReader(encoding).push(concatBytes([head, record]));
  if (frame === undefined) throw new Error('no record');
  return frame.box;
}

describe.each(['json', 'octets'] as const)('a padded stream in %s', (encoding) => {
  const exchange = exchangeOf(encoding);

  it('gives any bytes back, in any chunking, with any padding', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(bytesUpTo(300), { maxLength: 5 }),
        fc.array(fc.nat(5000), { maxLength: 6 }),
        paddings,
        async (pieces, places, padding) => {
          const whole = concatBytes(await sealAll(exchange, pieces, padding));
          const sorted = places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b);
          const opened = await open(exchange, cutAt(whole, ...sorted));
          expect(opened.map(hex)).toEqual(pieces.map(hex));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('shows classes of sizes only: of the head, of data, of what keeps it alive', async () => {
    const pieces = ['', 'a', 'ab', 'x'.repeat(60), 'x'.repeat(61), 'x'.repeat(200)].map(ascii);
    const sealed = framesOf(encoding, concatBytes(await sealAll(exchange, pieces, BLOCK)));
    expect(sealed.map(({ length }) => length)).toEqual([64, 64, 64, 64, 64, 128, 256, 0]);
    expect(sealed.slice(1, -1).every(({ kind }) => kind === RECORD_PADDED)).toBe(true);
    expect(paddedLength(204, BLOCK)).toBe(256);
  });

  it('takes more records for what is longer than one, each within its limit', async () => {
    for (const length of [65_532, 65_533, 200_001]) {
      const sent = patterned(length);
      const frames = concatBytes(await sealAll(exchange, [sent], 'padme'));
      for (const frame of framesOf(encoding, frames)) expect(frame.length).toBeLessThanOrEqual(65_536);
      const opened = await open(exchange, [frames]);
      expect(opened.length).toBe(Math.ceil(length / 65_532));
      expectBytes(concatBytes(opened), sent);
    }
  });

  it('is refused with 6002 when any bit of a padded record is flipped: content, length or zeros alike', async () => {
    const [head = ascii(''), record = ascii('')] = await sealAll(exchange, [ascii('ab')], { blockBytes: 16 });
    const box = boxAfter(encoding, head, record);
    expect(box.length).toBe(16 + 16);
    for (let bit = 0; bit < box.length * 8; bit++) {
      const data: Bytes[] = [];
      const altered = writeFrame(encoding, RECORD_PADDED, [flip(box, bit)]);
      expect(await codeOf(() => open(exchange, [head, altered], data))).toBe('ISO-6002');
      expect(data).toEqual([]);
    }
  });

  it('is refused with 6002 when padding is cut off, added or moved into another record', async () => {
    const [head = ascii(''), one = ascii(''), two = ascii('')] = await sealAll(
      exchange,
      [ascii('ab'), ascii('cd')],
      { blockBytes: 32 },
    );
    const box = boxAfter(encoding, head, one);
    const altered = [
      box.subarray(0, -1),
      box.subarray(0, 31),
      concatBytes([box.subarray(0, -16), ascii('\0'), box.subarray(-16)]),
      concatBytes([box, new Uint8Array(32)]),
      boxAfter(encoding, head, two),
    ];
    for (const other of altered) {
      const chunks = [head, writeFrame(encoding, RECORD_PADDED, [other])];
      expect(await codeOf(() => open(exchange, chunks))).toBe('ISO-6002');
    }
  });

  it('is refused with 6002 when padded is relabelled as data, or data as padded', async () => {
    const [head = ascii(''), record = ascii('')] = await sealAll(exchange, [ascii('ab')], BLOCK);
    const box = boxAfter(encoding, head, record);
    const data: Bytes[] = [];
    const asData = writeFrame(encoding, RECORD_DATA, [box]);
    expect(await codeOf(() => open(exchange, [head, asData], data))).toBe('ISO-6002');
    // Data that looks like a padded content, sealed as data.
    const asPadded = await rawRecord(exchange, unhex('000000016100'), RECORD_DATA);
    expect(await codeOf(() => open(exchange, [head, asPadded], data))).toBe('ISO-6002');
    expect(data).toEqual([]);
  });

  it('is refused with 6002 when its own sender pads it with what is no padding', async () => {
    const [head = ascii('')] = await sealAll(exchange, [], BLOCK);
    const good = await rawRecord(exchange, unhex('000000026162000000'));
    const data: Bytes[] = [];
    expect(await codeOf(() => open(exchange, [head, good], data))).toBe('ISO-6001');
    expect(data.map(hex)).toEqual(['6162']);
    for (const plaintext of [
      '',
      '000000',
      '00000001',
      '0000000361',
      '000000016101',
      '00000001610001',
      'ffffffff61',
    ]) {
      const bad = await rawRecord(exchange, unhex(plaintext));
      expect(await codeOf(() => open(exchange, [head, bad])), plaintext).toBe('ISO-6002');
    }
  });

  it('is refused with 6003 when padding makes a record longer than any may be', async () => {
    const [head = ascii('')] = await sealAll(exchange, [], BLOCK);
    for (const [length, code] of [
      [65_536, 'ISO-6001'],
      [65_537, 'ISO-6003'],
    ] as const) {
      const record = await rawRecord(exchange, new Uint8Array(length));
      expect(await codeOf(() => open(exchange, [head, record]))).toBe(code);
    }
  });

  it('never looks complete without its final record, and is refused without a head', async () => {
    const frames = await sealAll(exchange, [ascii('ab'), ascii('')], BLOCK);
    for (let kept = 0; kept < frames.length; kept++)
      expect(await codeOf(() => open(exchange, frames.slice(0, kept)))).toBe('ISO-6001');
    expect(await codeOf(() => open(exchange, frames))).toBe('ok');
    expect(await codeOf(() => open(exchange, frames.slice(1)))).not.toBe('ok');
  });
});
