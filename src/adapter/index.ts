/** trpc-nen/adapter: what a tRPC server needs. */
export { type SealedContext, sealedOnly } from './sealed-only.ts';
export * from './server.ts';
