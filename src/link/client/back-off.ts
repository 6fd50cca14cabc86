/** The time between two attempts to connect: doubled with each failure in a row, and spread, so that clients don't come at once. */
import { randomBytes } from '../../crypto/random.ts';

/** After a first failure, where nobody has named another time. */
export const FIRST_DELAY_MS = 1_000;
export const MAX_DELAY_MS = 30_000;

/**
 * Resolves when the time is over, or the signal aborts.
 * @param firstMs after the first failure.
 * @param failures in a row, before this one.
 */
export async function backOff(firstMs: number, failures: number, signal: AbortSignal): Promise<void> {
  const spread = 0.75 + (randomBytes(1)[0] ?? 0) / 512;
  const delayMs = Math.min(MAX_DELAY_MS, firstMs * 2 ** failures * spread);
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(stop, delayMs);
    signal.addEventListener('abort', stop);
  });
}
