/**
 * `trpc-nen keygen --store`: a new key for sealing session records at rest, as a line for the environment.
 * To roll keys, put the new one first and keep the old one behind it for as long as sessions live.
 */
import { base64Encode } from '../crypto/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { KEY_BYTES } from '../protocol/constants.ts';

/** @returns one line of an environment file. */
export function storeKeyLine(): string {
  return `NEN_STORE_KEYS=${base64Encode(randomBytes(KEY_BYTES))}`;
}
