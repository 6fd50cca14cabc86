/** A session whose keys are imported. Held while a request is in flight. */
import type { Bytes } from '../crypto/bytes.ts';
import type { SyncPrimitives } from '../crypto/primitives.ts';
import type { SuiteName } from '../crypto/suite.ts';
import { HeldSession } from '../protocol/held-session.ts';
import { importKeys, type SyncSessionKeys } from '../protocol/keys.ts';
import type { Aged } from '../session/age-list.ts';
import type { SessionRecord } from '../session/record.ts';

export class OpenedSession extends HeldSession<SyncSessionKeys> implements Aged<OpenedSession> {
  readonly suite: SuiteName;
  readonly audience: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** SHA-256 of each side's ML-DSA-65 public key, where it has one. */
  readonly clientIdentity: Bytes | undefined;
  readonly serverIdentity: Bytes | undefined;
  /** When the store was last asked whether it is still there. */
  checkedAt: number;
  /** Requests under it that this instance has seen. */
  requests = 0;
  older: OpenedSession | undefined;
  newer: OpenedSession | undefined;

  /** Takes the record's secrets over: those that are no longer needed as bytes are wiped. */
  constructor(primitives: SyncPrimitives, record: SessionRecord, now: number) {
    super(record.sid, importKeys(primitives, record));
    this.suite = record.suite;
    this.audience = record.audience;
    this.createdAt = record.createdAt;
    this.expiresAt = record.expiresAt;
    this.clientIdentity = record.clientIdentity;
    this.serverIdentity = record.serverIdentity;
    this.checkedAt = now;
  }
}
