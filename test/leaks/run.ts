/** One run over all parts, from the first call to the search in what is left behind. */
import { request } from 'node:http';
import { Redis } from 'ioredis';
import { PROVIDER_KEY } from '../ai/support/provider.ts';
import { hasProcessMemory, writableMemory } from '../support/process-memory.ts';
import { CANARY_KINDS, canary } from './canaries.ts';
import { aroundRedis, type Capture, heapsOf, ofTheProcesses, onTheWay, type Said } from './captures.ts';
import type { Configuration } from './configurations.ts';
import { isOfSession, unmask } from './noted-secrets.ts';
import { type Hit, type Needle, Scanner } from './scanner.ts';
import { spellingsOf } from './spellings.ts';
import { openStage, type Programs, type Stage } from './stage.ts';
import { AS_IT_IS } from './views.ts';

export interface Scanned {
  readonly capture: Capture;
  readonly hits: readonly Hit[];
}

export interface Run {
  readonly canaries: number;
  readonly secrets: number;
  readonly way: readonly Scanned[];
  readonly redis: readonly Scanned[];
  readonly processes: readonly Scanned[];
  readonly heaps: readonly Scanned[];
  /** Keys of sessions in the memory of both processes: while one lasted, and after. */
  readonly memory: { readonly before: readonly Hit[]; readonly after: readonly Hit[] };
  /** A line on what was looked for, where. */
  readonly figures: string;
}

/** Longer than a server waits for its store. */
const STORE_PAUSE_MS = 1500;

/** A key that is held is found after each of them. */
const COLLECTIONS = 5;

export async function runAll(programs: Programs, configuration: Configuration): Promise<Run> {
  const stage = await openStage(programs, configuration);
  try {
    const said = await exercise(stage);
    await plant(stage);
    // While a session is there: its record is in the dump.
    await stage.redis.command('SAVE');
    const before = await inMemory(stage, configuration);
    await stage.client.order('terminate');
    const after = await inMemoryAtRest(stage, configuration);

    const canaries = await canariesOf(stage, configuration);
    const secrets = await secretsOf(stage, configuration);
    const scanner = new Scanner([...canaries, ...secrets, PLANTED]);
    let scannedBytes = 0;
    const began = performance.now();
    const scan = (captures: readonly Capture[]): readonly Scanned[] =>
      captures.map((capture) => {
        scannedBytes += capture.bytes.length;
        return { capture, hits: scanner.scan(capture.bytes, capture) };
      });
    const run = {
      canaries: canaries.length,
      secrets: secrets.length,
      way: scan(onTheWay(stage)),
      redis: scan(aroundRedis(stage)),
      processes: scan(ofTheProcesses(stage, said, configuration.printed)),
      heaps: scan(await heapsOf(stage)),
      memory: { before, after },
    };
    const seconds = (performance.now() - began) / 1000;
    const figures = `${canaries.length} canaries, ${secrets.length} secrets, ${scanner.patterns} patterns, ${(scannedBytes / 1e6).toFixed(1)} MB, ${seconds.toFixed(1)} s`;
    return { ...run, figures };
  } finally {
    await stage.close();
  }
}

async function exercise({ client, server, redis }: Stage): Promise<Said> {
  await client.order('work');
  const failed = await client.order('fail');
  await redis.command('CLIENT', 'PAUSE', STORE_PAUSE_MS);
  const failedWithoutStore = await client.order('failWithoutStore');
  // Answered when the pause is over.
  await redis.command('PING');
  return {
    errors: [failed, failedWithoutStore],
    shown: [await client.order('show'), await server.order('show')],
  };
}

/** What of sessions is in the memory of both processes. */
async function inMemory(stage: Stage, configuration: Configuration): Promise<readonly Hit[]> {
  if (!hasProcessMemory) return [];
  const keys = (await secretsOf(stage, configuration)).filter(isOfSession);
  const scanner = new Scanner(keys, { look: 'for whole keys' });
  const pieces = [stage.client, stage.server].map(({ pid }) => writableMemory(pid));
  return pieces.flatMap((all) =>
    Array.from(all, (piece) => scanner.scan(piece, { views: [AS_IT_IS] })).flat(),
  );
}

/** What stays there: native copies go when the collector has come to what they belong to. */
async function inMemoryAtRest(stage: Stage, configuration: Configuration): Promise<readonly Hit[]> {
  let left: readonly Hit[] = [];
  for (let attempt = 0; attempt < COLLECTIONS; attempt++) {
    await Promise.all([stage.client.order('collect'), stage.server.order('collect')]);
    left = await inMemory(stage, configuration);
    if (left.length === 0) break;
  }
  return left;
}

async function canariesOf({ client }: Stage, { seed }: Configuration): Promise<readonly Needle[]> {
  const used = await client.order('used');
  return CANARY_KINDS.flatMap((kind) =>
    Array.from({ length: used[kind] ?? 0 }, (_, index) => ({
      kind,
      bytes: Buffer.from(canary(seed, kind, index)),
    })),
  );
}

/** Each once: both ends have the same. What was given to them is not theirs to name. */
async function secretsOf({ client, server }: Stage, { given }: Configuration): Promise<readonly Needle[]> {
  const noted = [...(await client.order('secrets')), ...(await server.order('secrets'))];
  const byMask = new Map(noted.map(({ kind, masked }) => [masked, kind]));
  const found = [...byMask].map(([masked, kind]) => ({ kind, bytes: unmask(masked) }));
  const isGiven = ({ bytes }: Needle): boolean => given.some((one) => one.bytes.equals(bytes));
  const providerKey = { kind: 'provider key', bytes: Buffer.from(PROVIDER_KEY) };
  return [...found.filter((needle) => !isGiven(needle)), ...given, providerKey];
}

const PLANTED: Needle = { kind: 'planted', bytes: Buffer.from('planted0123456789abcdef') };

export const PLANTED_SPELLINGS: readonly string[] = spellingsOf(PLANTED.bytes).map(({ name }) => name);

/** The leaks that a scan must find: the same text in every spelling, in each place. */
async function plant({ client, server, taps }: Stage): Promise<void> {
  const lines = spellingsOf(PLANTED.bytes).map(({ bytes }) => bytes.toString('latin1'));
  await client.order('plant', ...lines);
  await server.order('plant', ...lines);
  await postPlain(taps.client.url, lines.join(' '));
  const redis = new Redis(taps.redis.url.replace('http:', 'redis:'));
  try {
    await redis.set('planted', lines.join(' '));
  } finally {
    redis.disconnect();
  }
}

/** A request that nobody sealed, with the same in a header and in its body. */
async function postPlain(url: string, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const req = request(`${url}/api/pay`, { method: 'POST', headers: { 'x-planted': text } }, (res) => {
      res.resume().once('end', resolve);
    });
    req.once('error', reject).end(text);
  });
}
