/** trpc-nen/server: the whole server side, without tRPC. */
export type { Signer } from '../crypto/signature.ts';
export type { SuiteName } from '../crypto/suite.ts';
export { describeNenCode, type NenCodeDescription } from '../protocol/catalogue.ts';
export { NenError, type NenErrorCode, type NenErrorOptions, type NenOutcome } from '../protocol/errors.ts';
export { NenHttpError } from '../protocol/http-error.ts';
export type { Padding } from '../protocol/padding.ts';
export type { Kek } from '../session/kek.ts';
export type { StoreKey } from '../session/key-ring.ts';
export { InMemorySessionStore, type InMemorySessionStoreOptions } from '../session/memory.ts';
export type { ScriptStoreOptions } from '../session/redis/script-store.ts';
export { RedisSessionStore, type RedisSessionStoreOptions } from '../session/redis/store.ts';
export { UpstashSessionStore, type UpstashSessionStoreOptions } from '../session/redis/upstash.ts';
export { SessionStoreError } from '../session/store-error.ts';
export type { ClaimOptions, ClaimResult, SessionStore } from '../session/types.ts';
export type { CorsOptions } from './cors.ts';
export {
  handleHandshake,
  handleRotate,
  handleStatus,
  handleTerminate,
  setSessionStore,
  withNen,
  withNenStream,
} from './default-nen.ts';
export type {
  CallEvent,
  EventListener,
  HandlerErrorEvent,
  HandshakeEvent,
  NenEvent,
  PlainEvent,
  RefusedEvent,
  StreamEndedEvent,
} from './events.ts';
export { createNen, type Nen, type NenOptions } from './nen.ts';
export { toNodeHandler } from './node-http/handler.ts';
export type { NodeHandler, NodeRequest, NodeResponse } from './node-http/types.ts';
export { type RateLimiter, type TokenBucketOptions, tokenBucket } from './rate-limit.ts';
export type { Authorize, ClientIdentity } from './server-identity.ts';
export type { NenSession } from './session-facts.ts';
export type { Route, SessionActions, SessionRoutes } from './session-routes.ts';
export type { ShapingOptions } from './shaping.ts';
export type { RouteParams } from './with-nen/route-params.ts';
export type { StandardIssue, StandardResult, StandardSchema } from './with-nen/standard-schema.ts';
export type {
  NenContext,
  NenHandler,
  NenRoute,
  ValidatedOptions,
  WithNen,
  WithNenOptions,
  WithNenStream,
} from './with-nen/with-nen.ts';
export type { Handler, WrapOptions, Wrapped } from './wrap.ts';
