/** What no slow or silent server, and no part that is never loaded, may hold for longer. */
import { invalidAnswer } from '../../protocol/handshake-messages.ts';
import { abortWith } from './abort.ts';

/** @param run is told by the signal when its time is over: ISO-1007, since it is a handshake whose time is limited. */
export async function withinTime<Result>(
  limitMs: number,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const limit = new AbortController();
  const timer = setTimeout(() => abortWith(limit, invalidAnswer('no answer in time')), limitMs);
  try {
    return await run(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
