/** What the session route `status` answers (PROTOCOL.md, "Session routes"). */
import type { Bytes } from '../../crypto/bytes.ts';
import { NenError } from '../../protocol/errors.ts';
import { isSid, isTime } from '../../protocol/formats.ts';
import { hasFields, parseMessage } from '../../protocol/json.ts';

/** What the server tells of a session. Times in milliseconds since the epoch. */
export interface SessionStatus {
  readonly sid: string;
  readonly suite: string;
  readonly security: 'pinned' | 'unauthenticated';
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** @throws {NenError} ISO-4004: it was sealed, but is no status. */
export function readStatus(body: Bytes): Omit<SessionStatus, 'security'> {
  const message = parseMessage(body);
  if (message === undefined || !hasFields(message, ['sid', 'suite', 'createdAt', 'expiresAt']))
    throw malformed();
  const { sid, suite, createdAt, expiresAt } = message;
  if (!isSid(sid) || typeof suite !== 'string' || !isTime(createdAt) || !isTime(expiresAt)) throw malformed();
  return { sid, suite, createdAt, expiresAt };
}

function malformed(): NenError {
  return new NenError('ISO-4004', { status: 200, hint: 'the status is malformed' });
}
