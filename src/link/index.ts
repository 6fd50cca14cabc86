/** trpc-nen/link: the client side for tRPC. */
export type { Signer } from '../crypto/signature.ts';
export type { SuiteName } from '../crypto/suite.ts';
export type { Encoding } from '../protocol/envelope.ts';
export { NenError, type NenErrorCode, type NenErrorOptions, type NenOutcome } from '../protocol/errors.ts';
export type { Padding } from '../protocol/padding.ts';
export type { NenClientOptions } from './client/client-options.ts';
export type { DeviceClock } from './client/clock.ts';
export type { Fetch } from './client/fetch.ts';
export type { IdentityOptions } from './client/identity-options.ts';
export { NenClient } from './client/nen-client.ts';
export type { Transport, TransportInit } from './client/transport.ts';
export { type HeadersOptions, type NenLinkOptions, nenLink } from './nen-link.ts';
export type { ConnectionParams } from './subscription-link.ts';
