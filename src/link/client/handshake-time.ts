/** The time that a handshake has (PROTOCOL.md, section 4), and what else no slow or silent server may hold for longer. */
import { HANDSHAKE_TIMEOUT_MS } from '../../protocol/constants.ts';
import { NenError } from '../../protocol/errors.ts';
import { abortWith } from './abort.ts';

/** @param run is told by the signal that the time is over. */
export async function inHandshakeTime<Result>(
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const limit = new AbortController();
  const timer = setTimeout(
    () => abortWith(limit, new NenError('ISO-1007', { outcome: 'not-run', hint: 'no answer in time' })),
    HANDSHAKE_TIMEOUT_MS,
  );
  try {
    return await run(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
