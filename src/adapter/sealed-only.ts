/**
 * A tRPC middleware for procedures whose results must never be in clear: it refuses plain calls,
 * createCaller and server prefetches, so that a sealed result can't land in HTML by accident.
 */
import { TRPCError, type TRPCMiddlewareFunction } from '@trpc/server';
import type { NenSession } from './session-facts.ts';

/** What `sealedOnly` needs of a context: `createContext: ({ req }) => ({ nen: nen.session(req) })`. */
export interface SealedContext {
  readonly nen?: NenSession | undefined;
}

/** What tRPC reads from it: behind this middleware the context holds `nen`. */
type SealedResult = ReturnType<TRPCMiddlewareFunction<object, object, object, { nen: NenSession }, unknown>>;

interface MiddlewareOptions {
  readonly ctx: SealedContext;
  next(options: { ctx: { nen: NenSession } }): SealedResult;
}

/**
 * `t.procedure.use(sealedOnly)`: lets only calls through the seal pass; behind it `ctx.nen` is there.
 * @throws {TRPCError} FORBIDDEN.
 */
export function sealedOnly({ ctx, next }: MiddlewareOptions): SealedResult {
  if (ctx.nen === undefined) {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'This procedure answers sealed calls only.' });
  }
  return next({ ctx: { nen: ctx.nen } });
}
