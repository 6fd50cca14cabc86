/** trpc-nen/adapter/node: node:http, and what stands on it. tRPC's own is @trpc/server/adapters/node-http. */
import type { AnyTRPCRouter } from '@trpc/server';
import type { NodeHTTPRequest, NodeHTTPResponse } from '@trpc/server/adapters/node-http';
import { type SealedNodeOptions, sealedNodeHandler } from './node-http/trpc.ts';
import type { NodeHandler } from './node-http/types.ts';

export { toNodeHandler } from './node-http/handler.ts';
export type { SealedNodeOptions } from './node-http/trpc.ts';
export type { NodeHandler, NodeRequest, NodeResponse } from './node-http/types.ts';

/**
 * A listener that answers sealed calls to a router; for `createServer` and everything that takes
 * `(req, res)`. The session routes are `nen.nodeRoutes`, to be mounted beside it.
 * @example
 * const calls = createNodeHandler({ nen, router, createContext });
 */
export function createNodeHandler<
  TRouter extends AnyTRPCRouter,
  Req extends NodeHTTPRequest = NodeHTTPRequest,
  Res extends NodeHTTPResponse = NodeHTTPResponse,
>(options: SealedNodeOptions<TRouter, Req, Res>): NodeHandler {
  return sealedNodeHandler(options);
}
