/** trpc-nen/client: the client side without tRPC. */
export type { Signer } from '../../crypto/signature.ts';
export type { SuiteName } from '../../crypto/suite.ts';
export { describeNenCode, type NenCodeDescription } from '../../protocol/catalogue.ts';
export type { Encoding } from '../../protocol/envelope.ts';
export { NenError, type NenErrorCode, type NenErrorOptions, type NenOutcome } from '../../protocol/errors.ts';
export { NenHttpError } from '../../protocol/http-error.ts';
export type { Padding } from '../../protocol/padding.ts';
export type { NenClientOptions } from './client-options.ts';
export type { DeviceClock } from './clock.ts';
export { createNenFetch, createNenStream } from './create.ts';
export type { Fetch } from './fetch.ts';
export type { IdentityOptions } from './identity-options.ts';
export { NenClient } from './nen-client.ts';
export type { NenFetch } from './nen-fetch.ts';
export type { NenStream } from './nen-stream.ts';
export type { SessionStatus } from './session-status.ts';
export type { Transport, TransportInit } from './transport.ts';
