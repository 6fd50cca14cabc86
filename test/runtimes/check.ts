/**
 * Checks as plain functions, for runtimes in which no test framework runs: each has a title and throws where
 * it fails.
 */

export interface Check {
  readonly title: string;
  run(): void | Promise<void>;
}

export interface Outcome {
  readonly title: string;
  /** What it failed with; absent for one that passed. */
  readonly error?: string;
}

/** A check that has not ended by then has failed: half of what can go wrong is a promise that nobody keeps. */
const CHECK_TIMEOUT_MS = 10_000;

/** Runs them one after another, all of them. */
export async function runChecks(checks: readonly Check[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { title, run } of checks) {
    try {
      await withinTime(Promise.resolve().then(run));
      outcomes.push({ title });
    } catch (error) {
      outcomes.push({ title, error: describe(error) });
    }
  }
  return outcomes;
}

async function withinTime(running: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  await Promise.race([running, tooLong]).finally(() => clearTimeout(timer));
}

/** With its causes: the first alone rarely tells. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack?.includes(error.message) ? error.stack : `${error.message}\n${error.stack}`;
  return error.cause === undefined ? own : `${own}\ncaused by ${describe(error.cause)}`;
}

/** @throws unless both are the same as JSON. */
export function equal(actual: unknown, expected: unknown, what = 'value'): void {
  const [is, should] = [canonical(actual), canonical(expected)];
  if (is !== should) throw new Error(`${what} is ${is}, not ${should}`);
}

/** JSON with sorted members. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? 'undefined'
  );
}

/** @returns what the promise rejects with. @throws if it doesn't. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`should have been refused, but came to ${canonical(value)}`);
}
