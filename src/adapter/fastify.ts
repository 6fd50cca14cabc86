/**
 * trpc-nen/adapter/fastify: in the place of @trpc/server/adapters/fastify, with one option more. The plugins
 * read bodies themselves, whatever parsers the server has, so that both encodings pass.
 */
import type { AnyTRPCRouter } from '@trpc/server';
import type {
  CreateFastifyContextOptions,
  FastifyTRPCPluginOptions as PlainOptions,
  fastifyTRPCPlugin as plainPlugin,
} from '@trpc/server/adapters/fastify';
import { openedFastifyRequest, openedReply } from './fastify-opened.ts';
import type { Nen } from './nen.ts';
import { AnswerHead } from './node-http/opened-response.ts';
import { toRequest } from './node-http/request.ts';
import { nameRequest } from './session-facts.ts';
import { answerRouter } from './trpc-router.ts';

export type { CreateFastifyContextOptions };

type Instance = Parameters<typeof plainPlugin>[0];
type FastifyRequest = CreateFastifyContextOptions['req'];
type FastifyReply = CreateFastifyContextOptions['res'];

/** What both plugins need. */
export interface FastifyNenOptions {
  readonly prefix?: string;
  /** Made by `createNen`. */
  readonly nen: Nen;
}

/** The options of tRPC's fastifyTRPCPlugin, and `nen`. Its WebSockets are not sealed, and so not had. */
export interface FastifyTRPCPluginOptions<TRouter extends AnyTRPCRouter>
  extends FastifyNenOptions,
    Pick<PlainOptions<TRouter>, 'trpcOptions'> {}

/**
 * @example
 * server.register(fastifyTRPCPlugin, { prefix: '/api/trpc', nen, trpcOptions: { router, createContext } });
 * @throws {TypeError} for `useWSS`.
 */
export function fastifyTRPCPlugin<TRouter extends AnyTRPCRouter>(
  fastify: Instance,
  options: FastifyTRPCPluginOptions<TRouter>,
  done: (error?: Error) => void,
): void {
  const { nen, trpcOptions } = options;
  if ('useWSS' in options && options.useWSS === true) {
    throw new TypeError('useWSS: WebSockets are not sealed; subscriptions go over HTTP');
  }
  const sealed = nen.wrap(async (request, req: FastifyRequest, res: FastifyReply) => {
    if (nen.session(request) === undefined) {
      nameRequest(req, request);
      return answerRouter(trpcOptions, request, { req, res });
    }
    const head = new AnswerHead();
    const opened = openedFastifyRequest(req, request);
    nameRequest(opened, request);
    return head.addTo(await answerRouter(trpcOptions, request, { req: opened, res: openedReply(res, head) }));
  });
  readBodiesHere(fastify);
  fastify.all('/:path', answered(sealed));
  done();
}

/**
 * The session routes.
 * @example
 * server.register(fastifyNenPlugin, { prefix: '/api/nen', nen });
 */
export function fastifyNenPlugin(
  fastify: Instance,
  { nen }: FastifyNenOptions,
  done: (error?: Error) => void,
): void {
  readBodiesHere(fastify);
  fastify.all('/:action', answered(nen.routes.POST));
  done();
}

type Handler = (request: Request, req: FastifyRequest, res: FastifyReply) => Promise<Response>;

/** With 400 for a target or a host that make no URL. */
function answered(handle: Handler) {
  return async (req: FastifyRequest, res: FastifyReply): Promise<FastifyReply> => {
    let request: Request;
    try {
      request = toRequest(req.raw, res.raw);
    } catch {
      return res.code(400).send();
    }
    const response = await handle(request, req, res);
    if (!res.sent) return res.send(response);
    // Somebody else has answered, with a time-out say: nobody will read this body.
    response.body?.cancel().catch(() => undefined);
    return res;
  };
}

/** In this plugin alone: parsers of the rest of the server stay. */
function readBodiesHere(fastify: Instance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_req, payload, done) => done(null, payload));
}
