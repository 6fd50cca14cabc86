/** Failures that say `not-run` of a part, where the whole may have run. */
import { NenError } from '../../protocol/errors.ts';

export function withUnknownOutcome(error: unknown): unknown {
  if (!(error instanceof NenError) || error.outcome === 'unknown') return error;
  return new NenError(error.code, { status: error.status, cause: error, outcome: 'unknown' });
}
