/** Mutations without end through the real client, each with a name of its own, and what became of each. */
import { type DeviceClock, deviceClock } from '../../../src/link/client/clock.ts';
import { NenClient, NenError } from '../../../src/link/client/index.ts';
import type { Transport } from '../../../src/link/client/transport.ts';
import { ECHO_PATH } from '../../attack/harness.ts';

export interface Fate {
  readonly name: string;
  readonly at: number;
  readonly ms: number;
  /** 'ok', the code of a NenError, or 'untyped'. */
  readonly result: string;
  readonly outcome: 'ran' | 'not-run' | 'unknown' | 'untyped';
}

export interface Load {
  readonly fates: Fate[];
  /** Once `total` calls have ended. */
  readonly ended: Promise<void>;
  /** Lets the calls in flight end, and begins no more. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly url: string;
  readonly transport: Transport;
  readonly clients: number;
  /** Calls at once of each client. */
  readonly calls: number;
  /** After so many it ends by itself. */
  readonly total?: number;
  /** Between two calls of one loop. */
  readonly pauseMs?: number;
  /** Goes along with each name. */
  readonly filler?: string;
  /** Whether calls go through the sealed channel; else to /plain, as they are. */
  readonly sealed?: boolean;
  /** Of the clients' devices. */
  readonly clock?: DeviceClock;
}

const POST = { method: 'POST', headers: { 'content-type': 'application/json' } } as const;

/** One call with a body of JSON. */
type Send = (body: string) => Promise<Response>;

export function startLoad({
  url,
  transport,
  clients,
  calls,
  total = Number.POSITIVE_INFINITY,
  pauseMs = 0,
  filler = '',
  sealed = true,
  clock = deviceClock,
}: LoadOptions): Load {
  const fates: Fate[] = [];
  let running = true;
  let begun = 0;
  const loop = async (send: Send, prefix: string): Promise<void> => {
    for (let i = 0; running && begun < total; i++) {
      begun++;
      const name = `${prefix}-${i}`;
      const from = performance.now();
      const { result, outcome } = await fateOf(send, filler === '' ? name : { name, filler });
      fates.push({ name, at: from, ms: performance.now() - from, result, outcome });
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const loops = Array.from({ length: clients }, (_, c) => {
    const send = sealed ? sealedSend(url, transport, clock) : plainSend(url, transport);
    return Array.from({ length: calls }, (__, k) => loop(send, `${c}-${k}`));
  }).flat();
  const ended = Promise.all(loops).then(() => undefined);
  return {
    fates,
    ended,
    stop: () => {
      running = false;
      return ended;
    },
  };
}

function sealedSend(url: string, transport: Transport, clock: DeviceClock): Send {
  const client = new NenClient(url, { fetch: transport, clock });
  return (body) => client.fetch(url + ECHO_PATH, { ...POST, body });
}

function plainSend(url: string, transport: Transport): Send {
  const init = { ...POST, signal: null, cache: 'no-store', redirect: 'manual' } as const;
  return (body) => transport(`${url}/plain`, { ...init, body: new TextEncoder().encode(body) });
}

async function fateOf(send: Send, message: unknown): Promise<Pick<Fate, 'result' | 'outcome'>> {
  try {
    const response = await send(JSON.stringify(message));
    const echoed: unknown = await response.json();
    return JSON.stringify(echoed) === JSON.stringify(message)
      ? { result: 'ok', outcome: 'ran' }
      : { result: 'wrong answer', outcome: 'untyped' };
  } catch (error) {
    const typed = NenError.from(error);
    if (typed === undefined) return { result: String(error), outcome: 'untyped' };
    return { result: typed.code, outcome: typed.outcome };
  }
}

export interface Verdict {
  readonly calls: number;
  readonly ok: number;
  /** Runs beyond the first, of any call. */
  readonly ranTwice: number;
  /** Calls that were answered and have not run, or that were said not to have run and have. */
  readonly lies: number;
  /** Calls that ended in no answer and no typed error, or in a wrong answer. */
  readonly untyped: number;
  /** By code and outcome. */
  readonly errors: Readonly<Record<string, number>>;
  /** Calls that ended in an error with outcome unknown, and had run. */
  readonly unknownThatRan: number;
  /** The longest time in which no call at all succeeded. */
  readonly longestOutageMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

export function judge(fates: readonly Fate[], ran: readonly string[]): Verdict {
  const runs = new Map<string, number>();
  for (const body of ran) {
    const name = String(JSON.parse(body));
    runs.set(name, (runs.get(name) ?? 0) + 1);
  }
  const errors: Record<string, number> = {};
  let [lies, unknownThatRan] = [0, 0];
  for (const { name, result, outcome } of fates) {
    const hasRun = runs.has(name);
    if (outcome === 'ran' && !hasRun) lies++;
    if (outcome === 'not-run' && hasRun) lies++;
    if (outcome === 'unknown' && hasRun) unknownThatRan++;
    if (outcome !== 'ran') errors[`${result} ${outcome}`] = (errors[`${result} ${outcome}`] ?? 0) + 1;
  }
  const successes = fates
    .filter(({ outcome }) => outcome === 'ran')
    .map(({ at, ms }) => at + ms)
    .sort((a, b) => a - b);
  const times = fates.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    calls: fates.length,
    ok: successes.length,
    ranTwice: [...runs.values()].reduce((sum, count) => sum + count - 1, 0),
    lies,
    untyped: fates.filter(({ outcome }) => outcome === 'untyped').length,
    errors,
    unknownThatRan,
    longestOutageMs: Math.round(Math.max(0, ...successes.map((at, i) => at - (successes[i - 1] ?? at)))),
    p99Ms: Math.round(times[Math.floor(times.length * 0.99)] ?? 0),
    longestMs: Math.round(times.at(-1) ?? 0),
  };
}
