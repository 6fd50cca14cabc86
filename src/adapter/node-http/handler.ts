/**
 * Any handler of fetch requests as a listener of node:http: `nen.node(handler)` is this around `nen.wrap`.
 */
import { isStandInTaker } from '../incoming-request.ts';
import { type BodyLimit, toIncomingRequest, toRequest } from './request.ts';
import { writeResponse } from './response.ts';
import type { NodeHandler, NodeRequest, NodeResponse } from './types.ts';

/**
 * Serves a fetch handler (a wrapped one, a `withNen` route, the session routes) on node:http, HTTP/2, Express
 * and Next's pages. What the handler throws goes to `next` where there is one, else it becomes a 500 that
 * says nothing.
 * @example
 * createServer(toNodeHandler(nen.wrap(handler)));
 */
export function toNodeHandler(handler: (req: Request) => Response | Promise<Response>): NodeHandler {
  const isOurs = isStandInTaker(handler);
  return (req, res, next) => answerNode(req, res, handler, { next, isOurs });
}

export interface AnswerOptions {
  readonly next?: ((error?: unknown) => void) | undefined;
  readonly limit?: BodyLimit | undefined;
  /** Whether the handler takes a stand-in for the request. */
  readonly isOurs?: boolean;
}

export async function answerNode(
  req: NodeRequest,
  res: NodeResponse,
  handler: (request: Request) => Response | Promise<Response>,
  { next, limit, isOurs = false }: AnswerOptions = {},
): Promise<void> {
  let request: Request;
  try {
    request = isOurs && limit === undefined ? toIncomingRequest(req, res) : toRequest(req, res, limit);
  } catch {
    return endWith(res, 400);
  }
  try {
    await writeResponse(await handler(request), res, request.method);
  } catch (error) {
    if (next !== undefined && !res.headersSent) return next(error);
    if (!request.signal.aborted) console.error('trpc-nen: a handler threw', error);
    endWith(res, 500);
  }
}

function endWith(res: NodeResponse, status: number): void {
  if (res.headersSent) {
    // Its beginning is out: only a broken connection tells that the rest is missing.
    if (!res.writableEnded) res.destroy();
    return;
  }
  res.statusCode = status;
  res.end();
}
