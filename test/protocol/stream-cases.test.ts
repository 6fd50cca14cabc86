/**
 * The cases that age's test kit has for its STREAM (C2SP/CCTV, age), by their names there, and what ours makes of
 * them, with five more of our own: 28, sealed under the right key by a sender who errs. Where the two formats
 * differ it is said: a record of ours may be short or empty, and its end is a record of its own.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { NONCE_BYTES, TAG_BYTES } from '../../src/crypto/aead-sizes.ts';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { LABEL_RECORD, LABEL_STREAM_KEY, MAX_RECORD_BYTES } from '../../src/protocol/constants.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { NenError, type NenErrorCode } from '../../src/protocol/errors.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import {
  RECORD_DATA,
  RECORD_FINAL,
  RECORD_HEAD,
  type RecordKind,
  writeFrame,
} from '../../src/protocol/frames.ts';
import { encodeResponse } from '../../src/protocol/http.ts';
import { input } from '../../src/protocol/input.ts';
import { deriveResponseKey } from '../../src/protocol/keys.ts';
import { StreamOpener } from '../../src/protocol/stream.ts';
import { report } from '../support/figures.ts';
import { ascii, expectBytes, flip, patterned, seeded, sessionOf } from './support.ts';

const ENCODINGS: readonly Encoding[] = ['json', 'octets'];
const STATUS = 200;
const EMPTY: Bytes = new Uint8Array(0);
const AGE = ascii('age');
const FULL = patterned(MAX_RECORD_BYTES);
const CHUNK_BYTES = 10_000;

/** Seals what no honest sender would: any kind under any number, and the box altered. */
class Scribe {
  readonly exchange: Exchange;
  readonly #base: Bytes;

  constructor(encoding: Encoding, base = 'base') {
    this.exchange = { session: sessionOf('a'), nonce: seeded('n')(NONCE_BYTES), kind: 'http', encoding };
    this.#base = seeded(base)(NONCE_BYTES);
  }

  async box(kind: RecordKind, i: number, plaintext: Bytes): Promise<Bytes> {
    const { session, nonce: requestNonce } = this.exchange;
    const key = deriveResponseKey(session.keys, LABEL_STREAM_KEY, requestNonce, this.#base);
    const aad = input(LABEL_RECORD, session.sid, requestNonce, String(STATUS), 'http', Uint8Array.of(kind));
    const nonce = this.#base.slice();
    nonce[NONCE_BYTES - 1] = (nonce[NONCE_BYTES - 1] ?? 0) ^ i;
    return concatBytes(await key.seal(nonce, aad, [plaintext]));
  }

  async data(i: number, plaintext: Bytes, alter: (box: Bytes) => Bytes = (box) => box): Promise<Bytes> {
    return this.#write(RECORD_DATA, alter(await this.box(RECORD_DATA, i, plaintext)));
  }

  async final(i: number, plaintext = EMPTY): Promise<Bytes> {
    return this.#write(RECORD_FINAL, await this.box(RECORD_FINAL, i, plaintext));
  }

  /** @param base as it is written; the true one seals. */
  async head(base: Bytes = this.#base, i = 0): Promise<Bytes> {
    const message = concatBytes(encodeResponse({ status: STATUS, fields: [], body: EMPTY }));
    return writeFrame(this.exchange.encoding, RECORD_HEAD, [await this.box(RECORD_HEAD, i, message)], base);
  }

  shortHead(bytes: number): Promise<Bytes> {
    return this.head(this.#base.subarray(0, bytes));
  }

  #write(kind: RecordKind, box: Bytes): Bytes {
    return writeFrame(this.exchange.encoding, kind, [box]);
  }
}

const without = (bytes: number) => (box: Bytes) => box.subarray(0, box.length - bytes);
const badTag = (box: Bytes): Bytes => flip(box, box.length * 8 - 3);

interface Case {
  readonly name: string;
  readonly frames: (scribe: Scribe, other: Scribe) => Promise<Bytes>[];
  readonly delivers?: readonly Bytes[];
  readonly end: 'final' | NenErrorCode | Record<Encoding, NenErrorCode>;
}

const CASES: readonly Case[] = [
  { name: 'stream_empty_payload', frames: (s) => [s.head(), s.final(1)], end: 'final' },
  {
    name: 'stream_two_chunks',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, AGE), s.final(3)],
    delivers: [FULL, AGE],
    end: 'final',
  },
  {
    name: 'stream_three_chunks',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, FULL), s.data(3, AGE), s.final(4)],
    delivers: [FULL, FULL, AGE],
    end: 'final',
  },
  {
    name: 'stream_last_chunk_full',
    frames: (s) => [s.head(), s.data(1, FULL), s.final(2)],
    delivers: [FULL],
    end: 'final',
  },
  {
    name: 'stream_last_chunk_full_second',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, FULL), s.final(3)],
    delivers: [FULL, FULL],
    end: 'final',
  },
  {
    name: 'stream_last_chunk_empty, which keeps a stream of ours alive',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, EMPTY), s.final(3)],
    delivers: [FULL],
    end: 'final',
  },
  {
    name: 'stream_short_chunk: less than a tag',
    frames: (s) => [s.head(), s.data(1, AGE, without(AGE.length + 1)), s.final(2)],
    end: 'ISO-6002',
  },
  {
    name: 'stream_short_second_chunk: less than a tag',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, AGE, without(AGE.length + 1)), s.final(3)],
    delivers: [FULL],
    end: 'ISO-6002',
  },
  {
    name: 'stream_missing_tag',
    frames: (s) => [s.head(), s.data(1, FULL, without(TAG_BYTES)), s.final(2)],
    end: 'ISO-6002',
  },
  {
    name: 'stream_bad_tag',
    frames: (s) => [s.head(), s.data(1, AGE, badTag), s.final(2)],
    end: 'ISO-6002',
  },
  {
    name: 'stream_bad_tag_second_chunk',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, AGE, badTag), s.final(3)],
    delivers: [FULL],
    end: 'ISO-6002',
  },
  {
    name: 'stream_bad_tag_second_chunk_full',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, FULL, badTag), s.final(3)],
    delivers: [FULL],
    end: 'ISO-6002',
  },
  {
    name: 'stream_no_nonce: no base',
    frames: (s) => [s.shortHead(0), s.data(1, AGE), s.final(2)],
    end: { json: 'ISO-6002', octets: 'ISO-6003' },
  },
  {
    name: 'stream_short_nonce: a byte of the base is missing',
    frames: (s) => [s.shortHead(NONCE_BYTES - 1), s.data(1, AGE), s.final(2)],
    end: { json: 'ISO-6002', octets: 'ISO-6001' },
  },
  { name: 'stream_no_chunks: the head and nothing else', frames: (s) => [s.head()], end: 'ISO-6001' },
  {
    name: 'stream_no_final',
    frames: (s) => [s.head(), s.data(1, AGE)],
    delivers: [AGE],
    end: 'ISO-6001',
  },
  {
    name: 'stream_no_final_full',
    frames: (s) => [s.head(), s.data(1, FULL)],
    delivers: [FULL],
    end: 'ISO-6001',
  },
  {
    name: 'stream_no_final_two_chunks',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, AGE)],
    delivers: [FULL, AGE],
    end: 'ISO-6001',
  },
  {
    name: 'stream_no_final_two_chunks_full',
    frames: (s) => [s.head(), s.data(1, FULL), s.data(2, FULL)],
    delivers: [FULL, FULL],
    end: 'ISO-6001',
  },
  {
    name: 'stream_trailing_garbage_short: nothing behind the final record is read',
    frames: (s) => [s.head(), s.data(1, AGE), s.final(2), Promise.resolve(AGE)],
    delivers: [AGE],
    end: 'final',
  },
  {
    name: 'stream_trailing_garbage_long: nor is a record that would open there',
    frames: (s) => [s.head(), s.data(1, AGE), s.final(2), s.data(3, FULL), s.final(4)],
    delivers: [AGE],
    end: 'final',
  },
  {
    name: 'stream_two_final_chunks: the first ends it',
    frames: (s) => [s.head(), s.data(1, FULL), s.final(2), s.final(3)],
    delivers: [FULL],
    end: 'final',
  },
  {
    name: 'stream_two_final_chunks_full: a final record has no content',
    frames: (s) => [s.head(), s.final(1, FULL), s.final(2, FULL)],
    end: 'ISO-6002',
  },
  {
    name: 'ours: a record over 64 KiB',
    frames: (s) => [s.head(), s.data(1, concatBytes([FULL, AGE])), s.final(2)],
    end: 'ISO-6003',
  },
  {
    name: 'ours: two records in each other’s place',
    frames: (s) => [s.head(), s.data(2, AGE), s.data(1, FULL), s.final(3)],
    end: 'ISO-6002',
  },
  {
    name: 'ours: a record twice',
    frames: (s) => [s.head(), s.data(1, AGE), s.data(1, AGE), s.final(2)],
    delivers: [AGE],
    end: 'ISO-6002',
  },
  {
    name: 'ours: a number is left out',
    frames: (s) => [s.head(), s.data(1, AGE), s.data(3, AGE), s.final(4)],
    delivers: [AGE],
    end: 'ISO-6002',
  },
  {
    name: 'ours: a record of another stream of the same answer, at its own place there',
    frames: (s, other) => [s.head(), s.data(1, AGE), other.data(2, AGE), s.final(3)],
    delivers: [AGE],
    end: 'ISO-6002',
  },
];

/** What a reader gets out of these chunks, and how it ended. */
async function open(exchange: Exchange, chunks: Iterable<Bytes>): Promise<{ data: Bytes; end: string }> {
  const opener = new StreamOpener(exchange, STATUS);
  const data: Bytes[] = [];
  const told = (end: string): { data: Bytes; end: string } => ({ data: concatBytes(data), end });
  try {
    for (const chunk of chunks) {
      for await (const record of opener.push(chunk)) if (record.type === 'data') data.push(record.bytes);
    }
    opener.end();
    return told('final');
  } catch (error) {
    if (error instanceof NenError) return told(error.code);
    throw error;
  }
}

function* cut(bytes: Bytes): Generator<Bytes> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

let held = 0;
afterAll(() => {
  report({
    target: 'T13',
    done: `streams as in age's test kit, in ${ENCODINGS.length} encodings`,
    aim: '28 cases, all as said',
    figures: `${new Set(CASES.map(({ name }) => name)).size} cases, ${held} of ${CASES.length * ENCODINGS.length} as said`,
  });
});

describe.each(ENCODINGS)('a stream in %s', (encoding) => {
  it.each(CASES)('$name', async ({ frames: make, delivers = [], end }) => {
    const scribe = new Scribe(encoding);
    const frames = await Promise.all(make(scribe, new Scribe(encoding, 'other base')));
    const whole = concatBytes(frames);
    for (const chunks of [frames, [whole], cut(whole)]) {
      const opened = await open(scribe.exchange, chunks);
      expect(opened.end).toBe(typeof end === 'string' ? end : end[encoding]);
      expectBytes(opened.data, concatBytes(delivers));
    }
    held++;
  });
});
