/**
 * trpc-nen/adapter/standalone: in the place of @trpc/server/adapters/standalone, with one option more. It is a
 * whole server, so the session routes are in it: whatever ends in /nen/{action}.
 */
import type { AnyTRPCRouter } from '@trpc/server';
import type {
  CreateHTTP2ContextOptions,
  CreateHTTPContextOptions,
  CreateHTTP2HandlerOptions as PlainHTTP2Options,
  CreateHTTPHandlerOptions as PlainOptions,
  createHTTPHandler as plainHandler,
  createHTTP2Handler as plainHTTP2Handler,
  createHTTPServer as plainServer,
} from '@trpc/server/adapters/standalone';
import type { Nen } from './nen.ts';
import { targetOf } from './node-http/request.ts';
import { type AnyNodeOptions, sealedNodeHandler } from './node-http/trpc.ts';
import type { NodeHandler } from './node-http/types.ts';
import { isSessionPath } from './session-path.ts';

export type { CreateHTTP2ContextOptions, CreateHTTPContextOptions };

/** The options of tRPC's createHTTPHandler, and `nen`. */
export type CreateHTTPHandlerOptions<TRouter extends AnyTRPCRouter> = {
  /** Made by `createNen`. */
  readonly nen: Nen;
} & PlainOptions<TRouter>;

/** The options of tRPC's createHTTP2Handler, and `nen`. */
export type CreateHTTP2HandlerOptions<TRouter extends AnyTRPCRouter> = {
  /** Made by `createNen`. */
  readonly nen: Nen;
} & PlainHTTP2Options<TRouter>;

/**
 * A listener for `http.createServer`. `basePath` has no work to do: the path that the client signed tells.
 * @example
 * createServer(createHTTPHandler({ nen, router, createContext })).listen(3000);
 */
export function createHTTPHandler<TRouter extends AnyTRPCRouter>(
  options: CreateHTTPHandlerOptions<TRouter>,
): ReturnType<typeof plainHandler<TRouter>> {
  return wholeServer(options);
}

/**
 * A server of its own; only on Node.
 * @example
 * createHTTPServer({ nen, router, createContext, basePath: '/api/trpc/' }).listen(3000);
 */
export function createHTTPServer<TRouter extends AnyTRPCRouter>(
  options: CreateHTTPHandlerOptions<TRouter>,
): ReturnType<typeof plainServer<TRouter>> {
  return process.getBuiltinModule('node:http').createServer(wholeServer(options));
}

/** A listener for `http2.createSecureServer`. */
export function createHTTP2Handler<TRouter extends AnyTRPCRouter>(
  options: CreateHTTP2HandlerOptions<TRouter>,
): ReturnType<typeof plainHTTP2Handler> {
  return wholeServer(options);
}

function wholeServer(options: AnyNodeOptions): NodeHandler {
  const { nodeRoutes } = options.nen;
  const calls = sealedNodeHandler(options);
  return (req, res) => (isSessionPath(targetOf(req)) ? nodeRoutes : calls)(req, res);
}
