/**
 * A tRPC middleware for procedures whose results must never be in clear: it refuses plain calls,
 * createCaller and server prefetches, so that a sealed result can't land in HTML by accident.
 */
import { TRPCError } from '@trpc/server';
import type { NenSession } from './session-facts.ts';

/** What `sealedOnly` needs of a context: `createContext: ({ req }) => ({ nen: nen.session(req) })`. */
export interface SealedContext {
  readonly nen?: NenSession | undefined;
}

interface MiddlewareOptions<Result> {
  readonly ctx: SealedContext;
  next(options: { ctx: { nen: NenSession } }): Promise<Result>;
}

/**
 * `t.procedure.use(sealedOnly)`: lets only calls through the seal pass; behind it `ctx.nen` is there.
 * @throws {TRPCError} FORBIDDEN.
 */
export function sealedOnly<Result>({ ctx, next }: MiddlewareOptions<Result>): Promise<Result> {
  if (ctx.nen === undefined) {
    throw new TRPCError({ code: 'FORBIDDEN', message: 'This procedure answers sealed calls only.' });
  }
  return next({ ctx: { nen: ctx.nen } });
}
