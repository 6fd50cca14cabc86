/** What a key of the ring does, be it at hand or in a KMS, and the bounds of what names it in a record. */
import type { Bytes } from '../crypto/bytes.ts';

/** What one record is sealed under. */
export interface RecordKey {
  readonly keyId: string;
  /** The data key as its KEK wrapped it; empty for a key that is at hand. */
  readonly wrapped: Bytes;
  /** 32 bytes: a copy, which the caller wipes. */
  readonly key: Bytes;
}

export interface RingKey {
  readonly keyId: string;
  sealing(now: number): Promise<RecordKey>;
  /** A copy, which the caller wipes. undefined: nothing that this key can have sealed. */
  opening(wrapped: Bytes, now: number): Promise<Bytes | undefined>;
}

export const MAX_KEY_ID_BYTES = 256;
export const MAX_WRAPPED_BYTES = 4096;
export const KEY_ID: RegExp = new RegExp(`^[!-~]{1,${MAX_KEY_ID_BYTES}}$`);
