/** A part of the client comes over the network when it is first needed, as the scripts of a page do. */
import { NenError } from '../../protocol/errors.ts';

/** What a call fails with that was not sent, since a part that it needs did not come. */
export function notLoaded(cause: unknown): NenError {
  const message = 'A part of this client could not be loaded.';
  return new NenError('ISO-1007', { outcome: 'not-run', cause, message });
}
