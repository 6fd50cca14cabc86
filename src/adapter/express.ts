/** trpc-nen/adapter/express: in the place of @trpc/server/adapters/express, with one option more. */
import type { AnyTRPCRouter } from '@trpc/server';
import type {
  CreateExpressContextOptions,
  createExpressMiddleware as plain,
} from '@trpc/server/adapters/express';
import { type SealedNodeOptions, sealedNodeHandler } from './node-http/trpc.ts';

export type { CreateExpressContextOptions };

/** The options of tRPC's createExpressMiddleware, and `nen`. */
export type ExpressMiddlewareOptions<TRouter extends AnyTRPCRouter> = SealedNodeOptions<
  TRouter,
  CreateExpressContextOptions['req'],
  CreateExpressContextOptions['res']
>;

/**
 * Mount it before `express.json()`, which would refuse bodies over 100 kB.
 * @example
 * app.use('/api/nen', nen.nodeRoutes);
 * app.use('/api/trpc', createExpressMiddleware({ nen, router, createContext }));
 */
export function createExpressMiddleware<TRouter extends AnyTRPCRouter>(
  options: ExpressMiddlewareOptions<TRouter>,
): ReturnType<typeof plain<TRouter>> {
  return sealedNodeHandler(options);
}
