/**
 * Sealed streams against whoever carries them: what is delivered is always an exact prefix of what was
 * sent, then the authenticated end or one typed error, and nothing after that.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, base64Encode, concatBytes } from '../../src/crypto/bytes.ts';
import { LABEL_RECORD, LABEL_STREAM_KEY } from '../../src/protocol/constants.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { NenError, type NenErrorCode } from '../../src/protocol/errors.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import {
  RECORD_DATA,
  RECORD_FAILED,
  RECORD_FINAL,
  RECORD_HEAD,
  type RecordKind,
  writeFrame,
} from '../../src/protocol/frames.ts';
import { encodeResponse } from '../../src/protocol/http.ts';
import { input } from '../../src/protocol/input.ts';
import { deriveResponseKey, type SessionContext } from '../../src/protocol/keys.ts';
import { StreamOpener, StreamSealer } from '../../src/protocol/stream.ts';
import {
  ascii,
  bytesUpTo,
  codeOf,
  cutAt,
  errorOf,
  expectBytes,
  flip,
  hex,
  LONG,
  patterned,
  seeded,
  sessionOf,
  text,
} from './support.ts';

const ENCODINGS: readonly Encoding[] = ['json', 'octets'];
const STATUS = 200;
const EMPTY: Bytes = new Uint8Array(0);
/** In octets the 0x01 and the base of a second head stand where the length of a record does. */
const SECOND_HEAD: Record<Encoding, NenErrorCode> = { json: 'ISO-6002', octets: 'ISO-6003' };

function exchangeOf(encoding: Encoding, name = 'a', nonce = 'n'): Exchange {
  return { session: sessionOf(name), nonce: seeded(nonce)(12), kind: 'http', encoding };
}

/** head, data ..., final: each its own chunk. */
async function sealAll(
  exchange: Exchange,
  pieces: readonly Bytes[],
  { seed = 'base', end = 'final' }: { seed?: string; end?: 'final' | NenErrorCode } = {},
): Promise<Bytes[]> {
  const sealer = new StreamSealer(exchange, STATUS, { random: seeded(seed) });
  const frames = [await sealer.head(207, [['content-type', 'text/plain']])];
  for (const piece of pieces) frames.push(await sealer.data(piece));
  frames.push(end === 'final' ? await sealer.final() : await sealer.failed(end));
  return frames;
}

interface Delivered {
  readonly head: { status: number; fields: readonly (readonly [string, string])[] } | undefined;
  readonly data: string[];
  /** How it ended: 'final' or the code of the error. */
  readonly end: string;
}

/** What an honest reader gets out of these chunks. */
async function open(exchange: Exchange, chunks: Iterable<Bytes>, status = STATUS): Promise<Delivered> {
  const opener = new StreamOpener(exchange, status);
  let head: Delivered['head'];
  const data: string[] = [];
  let finals = 0;
  let end: string;
  try {
    for (const chunk of chunks) {
      for await (const record of opener.push(chunk)) {
        if (record.type === 'head') head = { status: record.status, fields: record.fields };
        else if (record.type === 'data') data.push(text(record.bytes));
        else finals++;
      }
    }
    opener.end();
    end = 'final';
  } catch (error) {
    if (!(error instanceof NenError)) throw error;
    end = error.code;
    // It stays as it is, whatever else arrives.
    const again = async (): Promise<void> => {
      for await (const record of opener.push(await honestRest(exchange))) data.push(`late ${record.type}`);
    };
    expect(await codeOf(again)).toBe(end);
    expect(await codeOf(() => opener.end())).toBe(end);
  }
  expect(finals).toBe(end === 'final' ? 1 : 0);
  return { head, data, end };
}

/** Frames that would open at their places, to be pushed into a stream that has failed. */
async function honestRest(exchange: Exchange): Promise<Bytes> {
  return concatBytes((await sealAll(exchange, TEXTS)).slice(1));
}

const TEXTS = ['one', 'two', '', 'three', 'four'].map(ascii);
const DELIVERED = TEXTS.map(text);

describe.each(ENCODINGS)('a stream in %s', (encoding) => {
  const exchange = exchangeOf(encoding);
  const frames = (): Promise<Bytes[]> => sealAll(exchange, TEXTS);

  /** A prefix of what was sent, and not one record more. */
  function expectPrefix({ data }: Delivered, longest = DELIVERED.length): void {
    expect(data.length).toBeLessThanOrEqual(longest);
    expect(data).toEqual(DELIVERED.slice(0, data.length));
  }

  it('delivers head, data and end', async () => {
    const delivered = await open(exchange, await frames());
    expect(delivered).toEqual({
      head: { status: 207, fields: [['content-type', 'text/plain']] },
      data: DELIVERED,
      end: 'final',
    });
  });

  it('is sealed as the protocol says: key, nonces, AADs', async () => {
    const base = seeded('base')(12);
    const key = deriveResponseKey(exchange.session.keys, LABEL_STREAM_KEY, exchange.nonce, base);
    const seal = async (kind: RecordKind, i: number, plain: Bytes): Promise<Bytes> => {
      const nonce = base.slice();
      nonce[11] = (nonce[11] ?? 0) ^ i;
      const { sid } = exchange.session;
      const aad = input(LABEL_RECORD, sid, exchange.nonce, '200', 'http', Uint8Array.of(kind));
      const box = await key.seal(nonce, aad, [plain]);
      return writeFrame(encoding, kind, box, i === 0 ? base : undefined);
    };
    const head = concatBytes(
      encodeResponse({ status: 207, fields: [['content-type', 'text/plain']], body: EMPTY }),
    );
    const expected = [
      await seal(RECORD_HEAD, 0, head),
      await seal(RECORD_DATA, 1, ascii('one')),
      await seal(RECORD_FINAL, 2, EMPTY),
    ];
    const sealed = await sealAll(exchange, [ascii('one')]);
    expect(sealed.map(hex)).toEqual(expected.map(hex));
  });

  it('delivers the same, wherever its bytes are cut in two', async () => {
    const whole = concatBytes(await frames());
    for (let at = 0; at <= whole.length; at++) {
      const delivered = await open(exchange, cutAt(whole, at));
      expect(delivered.data).toEqual(DELIVERED);
      expect(delivered.end).toBe('final');
    }
  });

  it('delivers the same, byte by byte', async () => {
    const whole = concatBytes(await frames());
    const delivered = await open(
      exchange,
      Array.from(whole, (byte) => Uint8Array.of(byte)),
    );
    expect(delivered.data).toEqual(DELIVERED);
    expect(delivered.end).toBe('final');
  });

  it('delivers any pieces in any chunking', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(bytesUpTo(300), { maxLength: 6 }),
        fc.array(fc.nat(2000), { maxLength: 8 }),
        async (pieces, places) => {
          const whole = concatBytes(await sealAll(exchange, pieces));
          const sorted = places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b);
          const opener = new StreamOpener(exchange, STATUS);
          const opened: string[] = [];
          for (const chunk of cutAt(whole, ...sorted)) {
            for await (const record of opener.push(chunk)) {
              if (record.type === 'data') opened.push(hex(record.bytes));
            }
          }
          opener.end();
          expect(opened).toEqual(pieces.map(hex));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('fails with 6001 when it is cut after any frame', async () => {
    const all = await frames();
    for (let kept = 0; kept < all.length; kept++) {
      const delivered = await open(exchange, all.slice(0, kept));
      expect(delivered.end).toBe('ISO-6001');
      expect(delivered.data).toEqual(DELIVERED.slice(0, Math.max(0, kept - 1)));
    }
  });

  it('fails with 6001 when it is cut inside a frame, at every byte', async () => {
    const whole = concatBytes(await frames());
    for (let length = 0; length < whole.length; length++) {
      const delivered = await open(exchange, [whole.subarray(0, length)]);
      expect(delivered.end).toBe('ISO-6001');
      expectPrefix(delivered);
    }
  });

  it('fails with 6002 at a frame that is missing', async () => {
    const all = await frames();
    for (let missing = 0; missing < all.length - 1; missing++) {
      const delivered = await open(exchange, all.toSpliced(missing, 1));
      expect(delivered.end).toBe('ISO-6002');
      expect(delivered.data).toEqual(DELIVERED.slice(0, Math.max(0, missing - 1)));
    }
  });

  it('fails with 6002 at a frame that is repeated', async () => {
    const all = await frames();
    for (let at = 0; at < all.length - 1; at++) {
      const delivered = await open(exchange, all.toSpliced(at, 0, all[at] ?? EMPTY));
      expect(delivered.end).toBe(at === 0 ? SECOND_HEAD[encoding] : 'ISO-6002');
      expect(delivered.data).toEqual(DELIVERED.slice(0, at));
    }
  });

  it('fails with 6002 when any two frames are swapped', async () => {
    const all = await frames();
    for (let a = 0; a < all.length; a++) {
      for (let b = a + 1; b < all.length; b++) {
        const swapped = all.with(a, all[b] ?? EMPTY).with(b, all[a] ?? EMPTY);
        const delivered = await open(exchange, swapped);
        expect(delivered.end).toBe('ISO-6002');
        expect(delivered.data).toEqual(DELIVERED.slice(0, Math.max(0, a - 1)));
      }
    }
  });

  it('fails with 6002 in reverse and in any other order', async () => {
    const all = await frames();
    expect((await open(exchange, all.toReversed())).end).toBe('ISO-6002');
    const orders = fc.shuffledSubarray([...all.keys()], { minLength: all.length });
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        fc.pre(order.some((from, to) => from !== to));
        const delivered = await open(
          exchange,
          order.map((from) => all[from] ?? EMPTY),
        );
        expect(delivered.end).toBe('ISO-6002');
        expectPrefix(delivered);
      }),
      { numRuns: 50 },
    );
  });

  it('fails when any bit is flipped, having delivered no more than what came before', async () => {
    const whole = concatBytes(await sealAll(exchange, TEXTS.slice(0, 2)));
    for (let bit = 0; bit < whole.length * 8; bit += LONG ? 1 : 5) {
      const delivered = await open(exchange, [flip(whole, bit)]);
      // Server-sent events have parts that mean nothing: a space, or the letters of a comment.
      if (encoding === 'octets') expect(delivered.end).not.toBe('final');
      expect(['final', 'ISO-6001', 'ISO-6002', 'ISO-6003']).toContain(delivered.end);
      expectPrefix(delivered, 2);
      if (delivered.end === 'final') expect(delivered.data).toEqual(DELIVERED.slice(0, 2));
    }
  });

  it('fails with 6002 when a frame is taken from another stream', async () => {
    const mine = await frames();
    const others: Record<string, Bytes[]> = {
      'of the same exchange': await sealAll(exchange, TEXTS, { seed: 'other base' }),
      'of another request': await sealAll(exchangeOf(encoding, 'a', 'other nonce'), TEXTS),
      'of another session': await sealAll(exchangeOf(encoding, 'b'), TEXTS),
    };
    for (const [which, theirs] of Object.entries(others)) {
      for (let at = 0; at < mine.length; at++) {
        const delivered = await open(exchange, mine.with(at, theirs[at] ?? EMPTY));
        expect(delivered.end, `frame ${at} ${which}`).toBe('ISO-6002');
        expect(delivered.data).toEqual(DELIVERED.slice(0, Math.max(0, at - 1)));
      }
    }
  });

  it('fails with 6002 when a whole old stream is played as the answer to a new request', async () => {
    const old = await sealAll(exchangeOf(encoding, 'a', 'old nonce'), TEXTS);
    expect(await open(exchange, old)).toEqual({ head: undefined, data: [], end: 'ISO-6002' });
  });

  it('fails with 6002 under another outer status', async () => {
    expect(await open(exchange, await frames(), 500)).toEqual({ head: undefined, data: [], end: 'ISO-6002' });
  });

  it('fails with 6002 when a request is reflected as a record', async () => {
    const base = seeded('base')(12);
    const { keys, sid } = exchange.session;
    const aad = input(LABEL_RECORD, sid, exchange.nonce, '200', 'http', Uint8Array.of(RECORD_HEAD));
    const box = await keys.requestKey.seal(
      base,
      aad,
      encodeResponse({ status: 200, fields: [], body: EMPTY }),
    );
    expect((await open(exchange, [writeFrame(encoding, RECORD_HEAD, box, base)])).end).toBe('ISO-6002');
  });

  it('fails with 6002 at an end that was forged or made of a data record', async () => {
    const all = await frames();
    const forged = writeFrame(encoding, RECORD_FINAL, [new Uint8Array(16)]);
    expect((await open(exchange, [...all.slice(0, 3), forged])).end).toBe('ISO-6002');
    const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base') });
    const head = await sealer.head(200, []);
    const empty = relabel(encoding, await sealer.data(EMPTY), RECORD_FINAL);
    expect((await open(exchange, [head, empty])).end).toBe('ISO-6002');
    const failed = relabel(encoding, await sealer.failed('ISO-6004'), RECORD_DATA);
    expect((await open(exchange, [head, failed])).end).toBe('ISO-6002');
  });

  it('reads nothing after the end', async () => {
    const all = await frames();
    for (const after of [all[1], all[0], all.at(-1), ascii('garbage\n\n'), ascii('\xff\xff\xff\xff\x09')]) {
      const inOne = await open(exchange, [concatBytes([...all, after ?? EMPTY])]);
      const apart = await open(exchange, [...all, after ?? EMPTY]);
      for (const delivered of [inOne, apart])
        expect(delivered).toMatchObject({ data: DELIVERED, end: 'final' });
    }
  });

  it('fails with 6002 when the head is not the first record, or comes twice', async () => {
    const { key, base } = rawStream(exchange);
    const aad = (kind: RecordKind): Bytes => recordAad(exchange, kind);
    for (const kind of [RECORD_DATA, RECORD_FINAL, RECORD_FAILED] as const) {
      const box = await key.seal(base, aad(kind), []);
      const frame = writeFrame(encoding, kind, box, base);
      expect((await open(exchange, [frame])).end).toBe('ISO-6002');
    }
    const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base') });
    const head = await sealer.head(200, []);
    expect((await open(exchange, [head, await sealer.head(200, [])])).end).toBe(SECOND_HEAD[encoding]);
    const second = writeFrame(encoding, RECORD_HEAD, await sealRaw(exchange, RECORD_HEAD, 1, headBytes()));
    expect((await open(exchange, [head, second])).end).toBe('ISO-6002');
  });

  it('fails with 6002 at a malformed head, a head with content, and an end with content', async () => {
    for (const plain of [ascii('not a message'), EMPTY, headBytes(100), headBytes(200, ascii('content'))]) {
      const frame = writeFrame(
        encoding,
        RECORD_HEAD,
        await sealRaw(exchange, RECORD_HEAD, 0, plain),
        seeded('base')(12),
      );
      expect(await open(exchange, [frame])).toEqual({ head: undefined, data: [], end: 'ISO-6002' });
    }
    const [head = EMPTY] = await frames();
    // Not even one that would do as a head.
    const asHead = writeFrame(encoding, RECORD_FINAL, await sealRaw(exchange, RECORD_FINAL, 1, headBytes()));
    expect((await open(exchange, [head, asHead])).end).toBe('ISO-6002');
    const final = writeFrame(encoding, RECORD_FINAL, await sealRaw(exchange, RECORD_FINAL, 1, ascii('more')));
    expect((await open(exchange, [head, final])).end).toBe('ISO-6002');
  });

  it('ends with the sealed error of a sender that failed, after what it had sent', async () => {
    const sealed = await sealAll(exchange, TEXTS, { end: 'ISO-6004' });
    expect(await open(exchange, sealed)).toMatchObject({ data: DELIVERED, end: 'ISO-6004' });
    const opener = new StreamOpener(exchange, STATUS);
    const error = await errorOf(async () => {
      for await (const record of opener.push(concatBytes(sealed))) expect(record.type).not.toBe('final');
    });
    expect(error.outcome).toBe('unknown');
    expect(error.message).toBe('The sender of the stream failed.');
  });

  it('ends with 6004 at a failed record that says nothing legible', async () => {
    const [head = EMPTY] = await frames();
    for (const plain of ['', '{}', '{"code":"ISO-9999","message":""}', '[]']) {
      const box = await sealRaw(exchange, RECORD_FAILED, 1, ascii(plain));
      expect((await open(exchange, [head, writeFrame(encoding, RECORD_FAILED, box)])).end).toBe('ISO-6004');
    }
  });

  it('passes empty records on as nothing', async () => {
    const sealed = await sealAll(exchange, [EMPTY, EMPTY, ascii('x'), EMPTY]);
    expect((await open(exchange, sealed)).data).toEqual(['', '', 'x', '']);
  });

  it('cuts what is longer than a record into records, and joins to the same bytes', async () => {
    for (const length of [65_535, 65_536, 65_537, 131_072, 200_001]) {
      const sent = patterned(length);
      const opener = new StreamOpener(exchange, STATUS);
      const got: Bytes[] = [];
      for await (const record of opener.push(concatBytes(await sealAll(exchange, [sent])))) {
        if (record.type === 'data') got.push(record.bytes);
      }
      opener.end();
      expect(got.length).toBe(Math.ceil(length / 65_536));
      expectBytes(concatBytes(got), sent);
    }
  });

  it('fails with 6003 at a record over 64 KiB', async () => {
    const [head = EMPTY] = await frames();
    const box = await sealRaw(exchange, RECORD_DATA, 1, patterned(65_537));
    expect((await open(exchange, [head, writeFrame(encoding, RECORD_DATA, box)])).end).toBe('ISO-6003');
  });

  it('fails with 6003 at a head over 64 KiB, on both sides', async () => {
    const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base') });
    const fields = [['x', 'y'.repeat(65_536)]] as const;
    expect(await codeOf(() => sealer.head(200, fields))).toBe('ISO-6003');
    const plain = concatBytes(encodeResponse({ status: 200, fields, body: EMPTY }));
    for (const length of [65_537, plain.length]) {
      const box = await sealRaw(exchange, RECORD_HEAD, 0, plain.subarray(0, length));
      const frame = writeFrame(encoding, RECORD_HEAD, box, seeded('base')(12));
      expect((await open(exchange, [frame])).end).toBe('ISO-6003');
    }
  });

  it('takes a head as large as the sealer writes', async () => {
    const fields = [['x', 'y'.repeat(65_000)]] as const;
    const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base') });
    const sealed = [await sealer.head(200, fields), await sealer.final()];
    expect(await open(exchange, sealed)).toEqual({ head: { status: 200, fields }, data: [], end: 'final' });
  });

  it('seals the last record that the counter allows, and fails with 6003 before it wraps', async () => {
    const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base'), firstIndex: 2 ** 32 - 1 });
    const base = seeded('base')(12);
    const { key } = rawStream(exchange);
    const nonce = base.map((byte, i) => (i < 8 ? byte : byte ^ 0xff));
    const last = writeFrame(
      encoding,
      RECORD_DATA,
      await key.seal(nonce, recordAad(exchange, RECORD_DATA), [ascii('last')]),
    );
    expect(hex(await sealer.data(ascii('last')))).toBe(hex(last));
    expect(await codeOf(() => sealer.data(ascii('one more')))).toBe('ISO-6003');
    expect(await codeOf(() => sealer.final())).toBe('ISO-6003');
  });

  it('seals and opens nothing once it is wiped, and a stream that was given up never ends well', async () => {
    const sealer = new StreamSealer(exchange, STATUS, { random: seeded('base') });
    const head = await sealer.head(200, []);
    sealer.wipe();
    await expect(sealer.data(ascii('x'))).rejects.toThrow('wiped');
    const opener = new StreamOpener(exchange, STATUS);
    for await (const record of opener.push(head)) expect(record.type).toBe('head');
    opener.wipe();
    for await (const record of opener.push(concatBytes((await frames()).slice(1))))
      expect(record).toBeUndefined();
    expect(await codeOf(() => opener.end())).toBe('ISO-6001');
  });

  it('wipes its key with the final and with the failed record, and when it fails', async () => {
    const finished = new StreamSealer(exchange, STATUS);
    await finished.final();
    await expect(finished.data(ascii('x'))).rejects.toThrow('wiped');
    const broken = new StreamSealer(exchange, STATUS);
    await broken.failed('ISO-6004');
    await expect(broken.data(ascii('x'))).rejects.toThrow('wiped');
    const tooLarge = new StreamSealer(exchange, STATUS);
    await codeOf(() => tooLarge.head(200, [['x', 'y'.repeat(65_536)]]));
    await expect(tooLarge.data(ascii('x'))).rejects.toThrow('wiped');
  });
});

describe('a stream in json', () => {
  const exchange = exchangeOf('json');

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('reads lines that end with %s, wherever they are cut', async (_, lineEnd) => {
    const whole = ascii(text(concatBytes(await sealAll(exchange, TEXTS))).replaceAll('\n', lineEnd));
    for (let at = 0; at <= whole.length; at += LONG ? 1 : 3) {
      expect(await open(exchange, cutAt(whole, at))).toMatchObject({ data: DELIVERED, end: 'final' });
    }
    const bytes = Array.from(whole, (byte) => Uint8Array.of(byte));
    expect(await open(exchange, bytes)).toMatchObject({ data: DELIVERED, end: 'final' });
  });

  it('takes no notice of comments, ids, retry times and unknown fields', async () => {
    const frames = (await sealAll(exchange, TEXTS)).map(text);
    const noisy = frames.map(
      (frame, i) => `: comment ${i}\nid: ${i}\nretry: 1\nunknown: x\nalso\n${frame}:\n\n\n`,
    );
    expect(await open(exchange, noisy.map(ascii))).toMatchObject({ data: DELIVERED, end: 'final' });
  });

  it('fails with 6002 at an event of an unknown type, at text that is no base64, at a folded line', async () => {
    const [head = EMPTY, one = EMPTY] = await sealAll(exchange, TEXTS);
    const data = text(one).slice('data: '.length).trim();
    for (const event of [
      `event: message\ndata: ${data}\n\n`,
      `event: __proto__\ndata: ${data}\n\n`,
      `event: constructor\ndata: ${data}\n\n`,
      `event: Final\ndata: ${data}\n\n`,
      `data: ${data.slice(0, 8)}\ndata: ${data.slice(8)}\n\n`,
      `data: ${data.slice(0, -1)}\n\n`,
      `data: ${data} \n\n`,
      `data:  ${data}\n\n`,
      `data: ${data.replace(/^./, '-')}\n\n`,
      'data: \n\n',
      'data: AAAA\n\n',
      `data: ${base64Encode(new Uint8Array(15))}\n\n`,
    ]) {
      const delivered = await open(exchange, [head, ascii(event)]);
      expect(delivered.end, event).toBe('ISO-6002');
      expect(delivered.data).toEqual([]);
    }
  });

  it('fails with 6003 at a line or a comment without an end, holding back no more than a record', async () => {
    const [head = EMPTY] = await sealAll(exchange, TEXTS);
    for (const start of ['data: ', ': ', 'id: ', 'x'.repeat(20)]) {
      const chunks = [head, ascii(start), ...Array.from({ length: 30 }, () => ascii('A'.repeat(10_000)))];
      expect((await open(exchange, chunks)).end, start).toBe('ISO-6003');
    }
    const lines = ascii('data:\n'.repeat(100_000));
    expect((await open(exchange, [head, lines])).end).toBe('ISO-6003');
    expect((await open(exchange, [concatBytes([head, ascii(`data: ${'A'.repeat(8_000_000)}`)])])).end).toBe(
      'ISO-6003',
    );
  });
});

describe('a stream in octets', () => {
  const exchange = exchangeOf('octets');

  it('fails with 6003 at a length over the limit, as soon as the length is there', async () => {
    const [head = EMPTY] = await sealAll(exchange, TEXTS);
    for (const length of [65_536 + 17, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = new Uint8Array(5);
      new DataView(bytes.buffer).setUint32(0, length);
      bytes[4] = RECORD_DATA;
      expect((await open(exchange, [head, bytes])).end).toBe('ISO-6003');
    }
  });

  it('fails with 6002 at a length below a tag, an unknown kind, another first byte', async () => {
    const [head = EMPTY] = await sealAll(exchange, TEXTS);
    for (const length of [0, 1, 15]) {
      const frame = concatBytes([Uint8Array.of(0, 0, 0, length, RECORD_DATA), new Uint8Array(length)]);
      expect((await open(exchange, [head, frame])).end).toBe('ISO-6002');
    }
    for (const kind of [5, 6, 128, 255]) {
      const frame = concatBytes([Uint8Array.of(0, 0, 0, 16, kind), new Uint8Array(16)]);
      expect((await open(exchange, [head, frame])).end).toBe('ISO-6002');
    }
    for (const first of [0, 2, 0x7b, 255])
      expect((await open(exchange, [head.with(0, first)])).end).toBe('ISO-6002');
  });
});

function headBytes(status = 200, body: Bytes = EMPTY): Bytes {
  return concatBytes(encodeResponse({ status, fields: [], body }));
}

function rawStream(exchange: Exchange): { key: ReturnType<typeof deriveResponseKey>; base: Bytes } {
  const base = seeded('base')(12);
  return { base, key: deriveResponseKey(exchange.session.keys, LABEL_STREAM_KEY, exchange.nonce, base) };
}

function recordAad({ session, nonce }: { session: SessionContext; nonce: Bytes }, kind: RecordKind): Bytes {
  return input(LABEL_RECORD, session.sid, nonce, String(STATUS), 'http', Uint8Array.of(kind));
}

/** What an honest sender would never seal, under the honest key: record `index` of the stream. */
async function sealRaw(
  exchange: Exchange,
  kind: RecordKind,
  index: number,
  plain: Bytes,
): Promise<readonly Bytes[]> {
  const { key, base } = rawStream(exchange);
  const nonce = base.with(11, (base[11] ?? 0) ^ index);
  return key.seal(nonce, recordAad(exchange, kind), [plain]);
}

/** The frame under another kind. */
function relabel(encoding: Encoding, frame: Bytes, kind: RecordKind): Bytes {
  if (encoding === 'octets') return frame.with(4, kind);
  const data = text(frame).replace(/^event: \w+\n/, '');
  return ascii(kind === RECORD_FINAL ? `event: final\n${data}` : data);
}
