/**
 * trpc-nen/adapter/next: the pages router, in the place of @trpc/server/adapters/next, with one option more.
 * The app router takes `nen.wrap` as it is.
 */
import type { AnyTRPCRouter } from '@trpc/server';
import type { CreateNextContextOptions, createNextApiHandler as plain } from '@trpc/server/adapters/next';
import { derive } from './node-http/opened-request.ts';
import { type Dress, type SealedNodeOptions, sealedNodeHandler } from './node-http/trpc.ts';
import { procedurePath } from './trpc-router.ts';

export type { CreateNextContextOptions };

/** The options of tRPC's createNextApiHandler, and `nen`. */
export type NextApiHandlerOptions<TRouter extends AnyTRPCRouter> = SealedNodeOptions<
  TRouter,
  CreateNextContextOptions['req'],
  CreateNextContextOptions['res']
>;

/**
 * @example
 * // pages/api/trpc/[trpc].ts; pages/api/nen/[action].ts: export default nen.nodeRoutes;
 * export default createNextApiHandler({ nen, router, createContext });
 * // Next's own parser takes JSON up to 1 MB, and nothing else.
 * export const config = { api: { bodyParser: false } };
 */
export function createNextApiHandler<TRouter extends AnyTRPCRouter>(
  options: NextApiHandlerOptions<TRouter>,
): ReturnType<typeof plain<TRouter>> {
  return sealedNodeHandler(options, withRouteQuery);
}

/** `req.query.trpc` names the procedures, as the file's name says. */
const withRouteQuery: Dress = (opened, inner) => {
  const { query } = opened as { readonly query?: object };
  return derive(opened, { query: { ...query, trpc: procedurePath(inner) } });
};
