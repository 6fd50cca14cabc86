/**
 * Short sealed streams of the server's own entry, as the client reads them: every bit and every cut, every order of
 * their records, every choice of them left out, any one of them once more anywhere, and every mixture with a second
 * stream. What comes out is an exact beginning of what went in, and then a code: nothing but the whole stream ends.
 */
import { expect } from 'vitest';
import { type Bytes, bytesToLatin1, concatBytes } from '../../src/crypto/bytes.ts';
import { NenError } from '../../src/protocol/errors.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import { StreamOpener } from '../../src/protocol/stream.ts';
import { deliver, splitFrames } from '../attack/frames.ts';
import { flipBit } from '../attack/harness.ts';
import { LONG } from '../protocol/support.ts';
import { bits, choices, cuts, orders } from './alterations.ts';
import { answerOf, type Source } from './answers.ts';
import { CHUNKS, type Stage } from './stage.ts';
import { harmless, type Outcome, type Rules, refused, rulesOf, type Tally } from './tally.ts';

/** Of a stream before the real client, one bit in so many. */
const CLIENT_STEP = LONG ? 1 : 13;

interface Delivered {
  readonly chunks: readonly string[];
  readonly end: Outcome;
}

async function delivered(exchange: Exchange, bytes: Bytes): Promise<Delivered> {
  const chunks: string[] = [];
  const opener = new StreamOpener(exchange, 200);
  try {
    for await (const record of opener.push(bytes)) {
      if (record.type === 'data') chunks.push(bytesToLatin1(record.bytes));
    }
    opener.end();
    return { chunks, end: 'same' };
  } catch (error) {
    if (error instanceof NenError) return { chunks, end: error.code };
    throw error;
  }
}

interface Recorded {
  readonly exchange: Exchange;
  readonly frames: readonly Bytes[];
  /** What an honest reader gets. */
  readonly whole: Delivered;
}

async function record(source: Source): Promise<Recorded> {
  const { exchange, honest } = await answerOf(source);
  const frames = splitFrames(exchange.encoding, honest.bytes);
  return { exchange, frames, whole: await delivered(exchange, honest.bytes) };
}

/** An altered stream; `good`: how many of its first records are right. */
type Case = readonly [field: string, which: string, bytes: Bytes, good: number];

function* flipsAndCuts(frames: readonly Bytes[]): Generator<Case> {
  const whole = concatBytes(frames);
  const recordAt = frames.flatMap(({ length }, i) => Array<number>(length).fill(i));
  // A bit in the line end of a record alters the next one: at most the record that it is in is right.
  const good = (at: number): number => (recordAt[at] ?? frames.length) + 1;
  for (const bit of bits(whole.length)) yield ['bit', String(bit), flipBit(whole, bit), good(bit >> 3)];
  for (const cut of cuts(whole)) yield ['cut', `at ${cut.length}`, cut, good(cut.length)];
}

/** The records of one stream, and of another, in any order and number. */
function* rearranged(frames: readonly Bytes[], others: readonly Bytes[]): Generator<Case> {
  const listed = (field: string, order: readonly (Bytes | undefined)[]): Case => {
    const right = order.findIndex((frame, at) => frame !== frames[at]);
    const which = order.map((frame) => (frame === undefined ? -1 : frames.indexOf(frame))).join(' ');
    const bytes = concatBytes(order.filter((frame) => frame !== undefined));
    return [field, which, bytes, right === -1 ? order.length : right];
  };
  const { length } = frames;
  for (const order of orders(length)) {
    if (order.every((place, at) => place === at)) continue;
    yield listed(
      'order',
      order.map((place) => frames[place]),
    );
  }
  for (const choice of choices(length)) {
    if (!choice.includes(0)) continue;
    yield listed(
      'left out',
      frames.filter((_, at) => choice[at] === 1),
    );
    yield listed(
      'spliced',
      frames.map((frame, at) => (choice[at] === 1 ? frame : others[at])),
    );
  }
  for (const again of frames) {
    for (let at = 0; at <= length; at++) yield listed('once more', frames.toSpliced(at, 0, again));
  }
}

const RULES: Readonly<Record<Exchange['encoding'], Rules>> = {
  json: {
    bit: refused('ISO-6001', 'ISO-6002'),
    cut: refused('ISO-6001'),
    order: refused('ISO-6002'),
    'left out': refused('ISO-6001', 'ISO-6002'),
    spliced: refused('ISO-6002'),
    'once more': harmless('nothing after the final record is read', 'ISO-6002'),
  },
  octets: {
    bit: refused('ISO-6001', 'ISO-6002', 'ISO-6003'),
    cut: refused('ISO-6001'),
    order: refused('ISO-6002'),
    'left out': refused('ISO-6001', 'ISO-6002'),
    spliced: refused('ISO-6002'),
    'once more': harmless('nothing after the final record is read', 'ISO-6002', 'ISO-6003'),
  },
};

export async function overStream(
  tally: Tally,
  source: Source,
  arrangements: 'rearranged' | 'as they come',
): Promise<void> {
  const { exchange, frames, whole } = await record(source);
  const others = (await record(source)).frames;
  expect(others).toHaveLength(frames.length);
  const cases = [...flipsAndCuts(frames)];
  if (arrangements === 'rearranged') cases.push(...rearranged(frames, others));
  const fields = new Set(cases.map(([field]) => field));
  const group = tally.group(`streams: ${source.name}`, rulesOf(fields, RULES[exchange.encoding]));
  for (const [field, which, bytes, good] of cases) {
    const { chunks, end } = await delivered(exchange, bytes);
    const isWhole = end === whole.end;
    group.add(field, isWhole ? 'same' : end, which);
    // The head gives no chunk.
    const most = isWhole ? whole.chunks.length : Math.max(0, good - 1);
    const beginning = whole.chunks.slice(0, chunks.length);
    if (chunks.length > most || chunks.join() !== beginning.join())
      throw new Error(`${group.name}, ${field}, ${which}: gave ${chunks.join()}`);
  }
  expect(group.unused()).toEqual([]);
  expect(await delivered(exchange, concatBytes(frames))).toEqual(whole);
}

/** Bits, and each cut, of a stream on its way to the real client, whose handler ran once. */
export async function overStreamedCalls(tally: Tally, stage: Stage): Promise<void> {
  for (const encoding of ['json', 'octets'] as const) {
    const { client, way } = stage.client(stage.echo, { encoding });
    const call = () => deliver(client.fetch('/api/echo/stream', { method: 'POST', body: 'please' }));
    const group = tally.group(`streams: to the real client in ${encoding}`, TO_A_CLIENT[encoding]);
    let ends: readonly number[] = [];
    way.alter = (body) => {
      ends = endsOf(splitFrames(encoding, body));
      return body;
    };
    expect(await call()).toEqual({ text: prefix(CHUNKS.length), code: 'end' });
    const length = ends.at(-1) ?? 0;
    const alter = async (field: string, which: number, change: (body: Bytes) => Bytes): Promise<string> => {
      way.alter = change;
      const before = stage.ran.length;
      const { text, code } = await call();
      expect(stage.ran.length - before, `${field} ${which}`).toBe(1);
      group.add(field, code === 'end' ? 'same' : (code as Outcome), which);
      return text;
    };
    // The first byte tells a stream in octets.
    for (const bit of [...bits(1), ...bits(length, CLIENT_STEP)]) {
      const text = await alter('bit', bit, (body) => flipBit(body, bit));
      expect(prefix(CHUNKS.length).startsWith(text), `bit ${bit}`).toBe(true);
    }
    for (let at = 0; at < length; at++) {
      const text = await alter('cut', at, (body) => body.slice(0, at));
      expect(text, `cut at ${at}`).toBe(prefix(ends.filter((end) => end <= at).length - 1));
    }
    expect(group.unused()).toEqual([]);
    way.alter = (body) => body;
    expect(await call()).toEqual({ text: prefix(CHUNKS.length), code: 'end' });
  }
}

/** An empty body in octets is no stream. */
const TO_A_CLIENT: Readonly<Record<Exchange['encoding'], Rules>> = {
  json: { bit: refused('ISO-6001', 'ISO-6002'), cut: refused('ISO-6001') },
  octets: {
    bit: refused('ISO-4004', 'ISO-4005', 'ISO-6001', 'ISO-6002', 'ISO-6003'),
    cut: refused('ISO-4005', 'ISO-6001'),
  },
};

function prefix(count: number): string {
  return CHUNKS.slice(0, Math.max(0, count)).join('');
}

/** Where each frame ends. */
function endsOf(frames: readonly Bytes[]): number[] {
  let end = 0;
  return frames.map(({ length }) => {
    end += length;
    return end;
  });
}
