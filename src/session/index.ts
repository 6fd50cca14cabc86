/**
 * `trpc-nen/session`: where a server keeps its sessions and replay claims. The stores (this process's
 * memory, Redis and Valkey, Upstash), the keys that seal records outside of the process, and the contract
 * for stores of one's own (its tests are `trpc-nen/session/testing`).
 */
export type { Bytes } from '../crypto/bytes.ts';
export type { Kek } from './kek.ts';
export type { StoreKey } from './key-ring.ts';
export { InMemorySessionStore, type InMemorySessionStoreOptions } from './memory.ts';
export type { IoredisClient, NodeRedisClient, RedisClient, ValkeyGlideClient } from './redis/clients.ts';
export type { ScriptCall, ScriptRunner, ScriptStoreOptions } from './redis/script-store.ts';
export { RedisSessionStore, type RedisSessionStoreOptions } from './redis/store.ts';
export { UpstashSessionStore, type UpstashSessionStoreOptions } from './redis/upstash.ts';
export { SessionStoreError } from './store-error.ts';
export type { ClaimOptions, ClaimResult, SessionStore } from './types.ts';
