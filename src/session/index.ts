/**
 * `trpc-nen/session`: where a server keeps its sessions and replay claims. The contract, for stores
 * of one's own (its tests are `trpc-nen/session/testing`), and the store in memory.
 */
export type { Bytes } from '../crypto/bytes.ts';
export { InMemorySessionStore, type InMemorySessionStoreOptions } from './memory.ts';
export type { ClaimOptions, ClaimResult, SessionStore } from './types.ts';
