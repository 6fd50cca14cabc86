/**
 * T15, the soak: 64 calls at once, round after round, and the server's heap at rest after each. At rest means two
 * hours later by its own clock, when every session and every claim of the round has ended: what is left then is
 * what leaks.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpTransport } from '../faults/long/http-transport.ts';
import { startLoad } from '../faults/long/load.ts';
import { report } from '../support/figures.ts';
import { times } from '../support/share.ts';
import { mebibytes, type SoakServer, startSoakServer } from './stage.ts';

const CONNECTIONS = 64;
const CLIENTS = 8;
const BODY = 'x'.repeat(1000);
const CALLS = 300_000;
const ROUNDS = Math.max(4, times(8));
const CALLS_OF_A_ROUND = times(CALLS / 8);
const WARM_UP_CALLS = 3000;
/** Time is no bound here: a machine that does 500 calls a second takes so long. */
const TIMEOUT_MS = 900_000;
const REST_MS = 2 * 3_600_000;
const MINUTE_MS = 60_000;
const MAX_SLOPE_MIB_PER_MINUTE = 1;
/** What V8 itself takes and gives back between two collections: code, inline caches, pools. */
const NOISE_MIB = 1;

let server: SoakServer;
beforeAll(async () => {
  server = await startSoakServer();
});
afterAll(() => server?.stop());

interface Round {
  readonly calls: number;
  readonly wrong: number;
  readonly ms: number;
  readonly heapMib: number;
}

async function round(total: number): Promise<Round> {
  const { transport, close } = httpTransport(CONNECTIONS);
  const start = performance.now();
  const calls = CONNECTIONS / CLIENTS;
  const load = startLoad({ url: server.url, transport, clients: CLIENTS, calls, total, filler: BODY });
  await load.ended;
  const ms = performance.now() - start;
  close();
  await rest();
  const { heldBytes } = await server.report();
  const wrong = load.fates.filter(({ outcome }) => outcome !== 'ran').length;
  return { calls: load.fates.length, wrong, ms, heapMib: mebibytes(heldBytes) };
}

/** What has expired is forgotten when the next call comes. */
async function rest(): Promise<void> {
  await server.report({ advanceMs: REST_MS });
  const { transport, close } = httpTransport(1);
  const load = startLoad({ url: server.url, transport, clients: 1, calls: 1 });
  await load.stop();
  close();
  expect(load.fates.map(({ outcome }) => outcome)).toEqual(['ran']);
}

test(
  'T15: soak: no call is answered wrongly, and the heap at rest stays',
  async () => {
    // The first round makes what stays: compiled code, tables at their size.
    await round(WARM_UP_CALLS);
    const before = (await server.report()).ran;
    const rounds: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await round(CALLS_OF_A_ROUND));
    const after = await server.report();

    const sum = (what: 'calls' | 'wrong' | 'ms'): number =>
      rounds.reduce((total, one) => total + one[what], 0);
    const heaps = rounds.map(({ heapMib }) => heapMib);
    const minutes = sum('ms') / MINUTE_MS;
    const slope = slopeOf(heaps) / (minutes / ROUNDS);
    report({
      target: 'T15',
      done: `soak: ${CONNECTIONS} calls at once, 1 KiB, in ${ROUNDS} rounds, ${Math.round(sum('ms') / 1000)} s; heap of the server at rest after each`,
      aim: `0 wrong of ${CALLS}, heap at most 1 MB a minute more`,
      figures: `${sum('wrong')} wrong of ${sum('calls')}; heap ${slope.toFixed(2)} MiB a minute (${heaps.map((heap) => heap.toFixed(1)).join(', ')} MiB)`,
    });
    expect(sum('wrong')).toBe(0);
    // Every call ran once: those of the load and one at each rest.
    expect(after.ran - before).toBe(sum('calls') + ROUNDS);
    expect(after.uncaught).toEqual([]);
    expect((heaps.at(-1) ?? Number.NaN) - (heaps[0] ?? Number.NaN)).toBeLessThan(
      MAX_SLOPE_MIB_PER_MINUTE * minutes + NOISE_MIB,
    );
  },
  TIMEOUT_MS,
);

/** Of the line that is nearest to all values, per step. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const rise = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  return rise / values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}
