/** PROTOCOL.md 11: the header that names a first attempt. */
import { fromB64, isSid } from './bytes.ts';
import { NONCE_BYTES } from './primitives.ts';
import { isEpoch, isTime } from './session.ts';

export interface Attempt {
  readonly sid: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly epoch: string;
}

export const retryOf = ({ sid, timestamp, nonce, epoch }: Attempt): string =>
  [sid, timestamp, nonce, epoch].join(' ');

/** undefined if it has not exactly this form. */
export function readRetry(value: string): Attempt | undefined {
  const [sid, timestamp, nonce, epoch, ...more] = value.split(' ');
  if (!isSid(sid) || !isTime(timestamp) || nonce === undefined || !isEpoch(epoch)) return undefined;
  return fromB64(nonce, NONCE_BYTES) && more.length === 0 ? { sid, timestamp, nonce, epoch } : undefined;
}
