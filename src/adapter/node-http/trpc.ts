/**
 * A tRPC router behind the seal, for servers that stand on node:http. It does what tRPC's own adapters do
 * (createContext with the framework's req and res, onError, middleware, maxBodySize), with the request opened
 * in between.
 */
import { type AnyTRPCRouter, getTRPCErrorFromUnknown, TRPCError } from '@trpc/server';
import type {
  NodeHTTPHandlerOptions,
  NodeHTTPRequest,
  NodeHTTPResponse,
} from '@trpc/server/adapters/node-http';
import { HEADER_SIGNATURE } from '../../protocol/constants.ts';
import type { Nen } from '../nen.ts';
import { nameRequest } from '../session-facts.ts';
import { answerRouter, type RouterOptions } from '../trpc-router.ts';
import type { Wrapped } from '../wrap.ts';
import { answerNode } from './handler.ts';
import { openedRequest } from './opened-request.ts';
import { AnswerHead, openedResponse } from './opened-response.ts';
import type { BodyLimit } from './request.ts';
import type { NodeHandler, NodeRequest, NodeResponse } from './types.ts';

/** The options of tRPC's own adapter, and the server whose seal is on it. */
export type SealedNodeOptions<
  TRouter extends AnyTRPCRouter,
  Req extends NodeHTTPRequest,
  Res extends NodeHTTPResponse,
> = {
  /** Made by `createNen`. */
  readonly nen: Nen;
} & NodeHTTPHandlerOptions<TRouter, Req, Res>;

/** The same, once an entry has checked the types of its framework. */
export interface AnyNodeOptions extends RouterOptions {
  readonly nen: Nen;
  readonly middleware?: unknown;
  readonly maxBodySize?: number;
}

type Middleware = (req: NodeRequest, res: NodeResponse, next: (error?: unknown) => void) => void;

/** A look at the opened request, before createContext gets it. */
export type Dress = (opened: NodeRequest, inner: Request) => NodeRequest;

export function sealedNodeHandler(options: AnyNodeOptions, dress: Dress = (opened) => opened): NodeHandler {
  const { nen, maxBodySize } = options;
  const sealed = nen.wrap(
    (request, req: NodeRequest, res: NodeResponse, error: TRPCError | null) => {
      // A plain request that policy let in is what tRPC's own adapter would have taken it for.
      if (nen.session(request) === undefined) {
        nameRequest(req, request);
        return answerRouter(options, request, { req, res }, error);
      }
      const head = new AnswerHead();
      const opened = dress(openedRequest(req, request), request);
      nameRequest(opened, request);
      const given = { req: opened, res: openedResponse(res, head) };
      return answerRouter(options, request, given, error).then((response) => head.addTo(response));
    },
    maxBodySize === undefined ? {} : { maxBodyBytes: maxBodySize },
  );
  const limit = maxBodySize === undefined ? undefined : plainLimit(maxBodySize);
  return behind(options.middleware as Middleware | undefined, sealed, limit);
}

type SealedNode = Wrapped<[NodeRequest, NodeResponse, TRPCError | null]>;

/** A middleware that answers by itself, as cors() does to a preflight, never comes to `next`. */
function behind(
  middleware: Middleware = (_req, _res, next) => next(),
  sealed: SealedNode,
  limit: BodyLimit | undefined,
): NodeHandler {
  return (req, res) =>
    new Promise<void>((resolve) => {
      res.once('close', resolve);
      middleware(req, res, (failed) => {
        const error = failed ? getTRPCErrorFromUnknown(failed) : null;
        const handler = (request: Request): Promise<Response> => sealed(request, req, res, error);
        const ofPlain = isSealed(req) ? undefined : limit;
        void answerNode(req, res, handler, { limit: ofPlain, isOurs: true }).then(resolve);
      });
    });
}

/** As Node writes the names of headers. */
const SIGNATURE = HEADER_SIGNATURE.toLowerCase();

function isSealed({ headers }: NodeRequest): boolean {
  return headers[SIGNATURE] !== undefined;
}

/** tRPC's own answer to a plain request that is too large; sealed ones are counted behind it. */
function plainLimit(bytes: number): BodyLimit {
  return { bytes, exceeded: () => new TRPCError({ code: 'PAYLOAD_TOO_LARGE' }) };
}
