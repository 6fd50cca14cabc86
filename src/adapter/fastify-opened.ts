/** What createContext gets of Fastify: its own request and reply, as the client sealed the one and we seal the other. */
import type { CreateFastifyContextOptions } from '@trpc/server/adapters/fastify';
import { derive, openedCookies, openedRequest } from './node-http/opened-request.ts';
import { type AnswerHead, openedResponse, pastTheSeal, withStatus } from './node-http/opened-response.ts';
import { procedurePath } from './trpc-router.ts';

type FastifyRequest = CreateFastifyContextOptions['req'];
type FastifyReply = CreateFastifyContextOptions['res'];

/** Its getters (`headers`, `url`, `method`, `ip`) ask `raw`. */
export function openedFastifyRequest(outer: FastifyRequest, inner: Request): FastifyRequest {
  return derive(outer, {
    raw: openedRequest(outer.raw, inner),
    params: { ...(outer.params as object), path: procedurePath(inner) },
    query: Object.fromEntries(new URL(inner.url).searchParams),
    body: undefined,
    ...openedCookies(outer, inner),
  });
}

/** @param head receives what is set. */
export function openedReply(outer: FastifyReply, head: AnswerHead): FastifyReply {
  const setHeader = (name: string, value: string): void => {
    if (name.toLowerCase() === 'set-cookie') head.append(name, value);
    else head.set(name, value);
  };
  const setStatus = (code: number): FastifyReply => {
    head.statusCode = code;
    return opened;
  };
  const opened: FastifyReply = derive(outer, {
    raw: openedResponse(outer.raw, head),
    header: (name: string, value: string) => {
      setHeader(name, value);
      return opened;
    },
    headers: (headers: Readonly<Record<string, string>>) => {
      for (const [name, value] of Object.entries(headers)) setHeader(name, value);
      return opened;
    },
    type: (contentType: string) => opened.header('content-type', contentType),
    getHeader: (name: string) => head.get(name),
    getHeaders: () => Object.fromEntries(head.entries()),
    hasHeader: (name: string) => head.get(name) !== undefined,
    removeHeader: (name: string) => {
      head.delete(name);
      return opened;
    },
    code: setStatus,
    status: setStatus,
    ...pastTheSeal(['send', 'redirect', 'hijack', 'callNotFound']),
  });
  return withStatus(opened, head);
}
