/**
 * T13: streams that a way takes apart at random, for the real client over real HTTP; a long one, and its memory;
 * many that are left, and what they leave behind.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { NenClient, type NenClientOptions } from '../../src/link/client/index.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { changingWay, type Delivered, deliver, readWhole, splitFrames, withBody } from '../attack/frames.ts';
import { ECHO_PATH } from '../attack/harness.ts';
import { type Chance, chance } from '../fuzz/random.ts';
import { SEED } from '../fuzz/run.ts';
import { report } from '../support/figures.ts';
import { times } from '../support/share.ts';
import type { SoakReport } from './server.ts';
import { mebibytes, type SoakServer, startSoakServer } from './stage.ts';

const ENCODINGS: readonly Encoding[] = ['json', 'octets'];
const SEQUENCES = times(10_000);
/** Altered streams made of one stream that the server sent. */
const SEQUENCES_OF_ONE = 20;
const TOKENS = 12;
const TOKEN = 'token ';

const LONG_FRAMES = times(1_000_000);
const MAX_GROWN_MIB = 64;

const ABORTS = times(1000);
const ABORTS_AT_ONCE = 10;
/** What they make that stays: compiled code, pools. */
const ABORTS_AT_FIRST = 200;
const REST_MS = 2 * 3_600_000;
const MAX_LEFT_MIB = 1;

let server: SoakServer;
beforeAll(async () => {
  server = await startSoakServer();
});
afterAll(() => server?.stop());

function clientOf(options: NenClientOptions): NenClient {
  return new NenClient(server.url, options);
}

function ask(client: NenClient, frames: number, signal: AbortSignal | null = null): Promise<Response> {
  return client.fetch(`${ECHO_PATH}?frames=${frames}`, { method: 'POST', body: 'please', signal });
}

/** One to three frames dropped, repeated, moved, taken from another stream, cut short, or with a bit turned over. */
function alter(honest: readonly Bytes[], foreign: readonly Bytes[], { int, pick }: Chance): readonly Bytes[] {
  const frames = [...honest];
  for (let left = 1 + int(3); left > 0; left--) {
    const at = int(frames.length);
    const frame = frames[at] ?? new Uint8Array(1);
    const how = pick(['drop', 'repeat', 'move', 'splice', 'cut', 'end', 'flip'] as const);
    if (how === 'drop') frames.splice(at, 1);
    if (how === 'repeat') frames.splice(int(frames.length + 1), 0, frame);
    if (how === 'move') frames.splice(int(frames.length), 0, ...frames.splice(at, 1));
    if (how === 'splice') frames.splice(at, int(2), pick(foreign));
    if (how === 'cut') frames.splice(at, 1, frame.slice(0, int(frame.length)));
    if (how === 'end') frames.length = at;
    if (how === 'flip')
      frames[at] = frame.map((byte, i) => (i === frame.length >> 1 ? byte ^ (1 << int(8)) : byte));
  }
  return frames;
}

test(`T13: streams taken apart at random give an exact prefix, and end as ended only whole, NEN_FUZZ_SEED=${SEED}`, async () => {
  const by = chance(SEED);
  const all = TOKEN.repeat(TOKENS);
  const ends = new Map<string, number>();
  let [altered, notPrefix, endedCut] = [0, 0, 0];
  for (let streams = 0; streams * SEQUENCES_OF_ONE < SEQUENCES; streams++) {
    const encoding = by.pick(ENCODINGS);
    const connection = changingWay();
    const client = clientOf({ encoding, fetch: connection.fetch });
    const framesOf = async (): Promise<Bytes[]> => {
      let frames: Bytes[] = [];
      connection.way = async (_request, forward) => {
        const response = await forward();
        const whole = await readWhole(response);
        frames = splitFrames(encoding, whole);
        return withBody(response, [whole]);
      };
      expect(await deliver(ask(client, TOKENS))).toEqual({ text: all, code: 'end' });
      return frames;
    };
    const foreign = await framesOf();
    connection.way = async (_request, forward) => {
      const response = await forward();
      const frames = splitFrames(encoding, await readWhole(response));
      const changed = alter(frames, foreign, by);
      isWhole = startsWith(changed, frames);
      return withBody(response, changed);
    };
    let isWhole = false;
    for (let i = 0; i < SEQUENCES_OF_ONE; i++) {
      const { text, code }: Delivered = await deliver(ask(client, TOKENS));
      altered++;
      ends.set(code, (ends.get(code) ?? 0) + 1);
      if (!all.startsWith(text)) notPrefix++;
      if (code === 'end' && !(isWhole && text === all)) endedCut++;
    }
  }
  const told = [...ends]
    .map(([code, count]) => `${code} ${count}`)
    .toSorted()
    .join(', ');
  report({
    target: 'T13',
    done: 'streams with frames dropped, repeated, moved, spliced, cut, flipped',
    aim: '10 000; delivered = exact prefix, 0 clean ends without the final record',
    figures: `${altered}: ${notPrefix} no prefix, ${endedCut} ended and not whole (${told})`,
  });
  expect([notPrefix, endedCut]).toEqual([0, 0]);
  expect([...ends.keys()].filter((code) => !/^(end|ISO-(600[123]|400[45]))$/.test(code))).toEqual([]);
  expect((await server.report()).uncaught).toEqual([]);
});

/** Whether all of them are there, at their places; what follows a final record isn't read. */
function startsWith(frames: readonly Bytes[], honest: readonly Bytes[]): boolean {
  return honest.every((frame, i) => Buffer.compare(frame, frames[i] ?? new Uint8Array(0)) === 0);
}

/** A transport that counts the bytes of answers. */
function counting(): { transport: Transport; counted: { bytes: number } } {
  const counted = { bytes: 0 };
  const transport: Transport = async (url, init) => {
    const { body, status, headers } = await fetch(url, init as RequestInit);
    const count = new TransformStream<Bytes, Bytes>({
      transform(chunk, controller) {
        counted.bytes += chunk.length;
        controller.enqueue(chunk);
      },
    });
    return new Response(body?.pipeThrough(count) ?? null, { status, headers });
  };
  return { transport, counted };
}

/** What a frame has in octets beside its content: its length, its kind, the tag. */
const FRAMING_BYTES = 4 + 1 + 16;

test('T13: a long stream takes no memory with its length', async () => {
  const { transport, counted } = counting();
  const client = clientOf({ encoding: 'octets', fetch: transport });
  // What one such stream needs, whatever its length.
  expect((await deliver(ask(client, 10_000))).code).toBe('end');
  const before = await server.report();
  const clientBefore = process.memoryUsage.rss();
  counted.bytes = 0;
  const start = performance.now();
  const { body } = await ask(client, LONG_FRAMES);
  let [bytes, clientPeak, reads] = [0, clientBefore, 0];
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (reads++ % 1000 === 0) clientPeak = Math.max(clientPeak, process.memoryUsage.rss());
  }
  const seconds = (performance.now() - start) / 1000;
  const after = await server.report();
  const frames = Math.floor((counted.bytes - bytes) / FRAMING_BYTES);
  const [serverMib, clientMib] = [after.peakRss - before.rss, clientPeak - clientBefore].map(mebibytes) as [
    number,
    number,
  ];
  report({
    target: 'T13',
    done: 'one stream of tokens, a frame each',
    aim: '1 000 000 frames, RSS at most 64 MiB more',
    figures: `${frames} frames, ${Math.round(frames / seconds)}/s; RSS at most ${serverMib.toFixed(1)} MiB more in the server, ${clientMib.toFixed(1)} in the client`,
  });
  expect(bytes).toBe(LONG_FRAMES * TOKEN.length);
  expect(frames).toBeGreaterThanOrEqual(LONG_FRAMES);
  expect(serverMib).toBeLessThan(MAX_GROWN_MIB);
  expect(clientMib).toBeLessThan(MAX_GROWN_MIB);
});

test('T13: streams that clients abort, cancel or break off leave nothing behind', async () => {
  let client = clientOf({});
  const endless = Number.MAX_SAFE_INTEGER;
  const leave = async (how: number): Promise<void> => {
    const controller = new AbortController();
    const { body } = await ask(client, endless, controller.signal);
    if (body === null) throw new Error('no body');
    if (how === 0) {
      for await (const _ of body) break;
      return;
    }
    const reader = body.getReader();
    await reader.read();
    if (how === 1) return reader.cancel();
    controller.abort();
    await expect(reader.read()).rejects.toMatchObject({ name: 'AbortError' });
  };
  const leaveMany = async (count: number): Promise<void> => {
    const { streamsEnded } = await server.report();
    for (let i = 0; i < count; i += ABORTS_AT_ONCE) {
      const many = Math.min(ABORTS_AT_ONCE, count - i);
      await Promise.all(Array.from({ length: many }, (_, j) => leave((i + j) % 3)));
    }
    await expect.poll(async () => (await server.report()).streamsEnded - streamsEnded).toBe(count);
  };
  // Two hours later every claim has ended, and the next call forgets them.
  const rest = async (): Promise<SoakReport> => {
    await server.report({ advanceMs: REST_MS });
    expect((await deliver(ask(clientOf({}), 1))).code).toBe('end');
    return server.report();
  };
  await leaveMany(ABORTS_AT_FIRST);
  const before = await rest();
  client = clientOf({});
  await leaveMany(ABORTS);
  const after = await rest();
  const leftMib = mebibytes(after.heldBytes - before.heldBytes);
  report({
    target: 'T13',
    done: 'streams aborted, cancelled or broken off by the client',
    aim: '1000, 0 leaks',
    figures: `${ABORTS}, all ended in the application; heap of the server ${leftMib.toFixed(2)} MiB more`,
  });
  expect(leftMib).toBeLessThan(MAX_LEFT_MIB);
  expect(after.uncaught).toEqual([]);
});
