/**
 * The application of the leak tests: procedures and routes that give canaries back for those that they get. What
 * they answer with, and the names of some procedures, are canaries of their own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { initTRPC, TRPCError, tracked } from '@trpc/server';
import { z } from 'zod';
import { createNodeHandler, toNodeHandler } from '../../src/adapter/node.ts';
import { type Nen, NenHttpError, type NenSession } from '../../src/adapter/server.ts';
import { withSecureAI } from '../../src/ai/server/index.ts';
import { type CanaryKind, canary } from './canaries.ts';
import type { Settings } from './settings.ts';

export const EXPORTED = 'leak tests';

/** Procedures whose names are canaries. */
export const NAMED_PROCEDURES = 10;

const ASKED = z.object({ index: z.number(), text: z.string() });
type Asked = z.infer<typeof ASKED>;

/** What passed by, for whoever looks at it. */
export interface Witness {
  readonly sessions: NenSession[];
  readonly messages: unknown[];
}

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

export function createApp(nen: Nen, settings: Settings, witness: Witness): Listener {
  const made = (kind: CanaryKind, index: number): string => canary(settings.seed, kind, index);
  const see = (req: Request): void => {
    const session = nen.session(req);
    if (session === undefined) return;
    session.exporter(EXPORTED);
    witness.sessions.push(session);
    witness.messages.push(req);
  };

  const routes: Readonly<Record<string, (req: Request) => Response | Promise<Response>>> = {
    '/api/pay': nen.withNen(async (_, body) => {
      const { index } = ASKED.parse(body);
      return { text: made('output', index) };
    }),
    '/api/items': nen.withNenStream(async function* (_, body) {
      const { first, count } = z.object({ first: z.number(), count: z.number() }).parse(body);
      for (let index = first; index < first + count; index++) yield { text: made('item', index) };
    }),
    '/api/break': nen.withNenStream(async function* (_, body) {
      const { index } = ASKED.parse(body);
      yield 'begun';
      throw new Error(made('thrown', index));
    }),
    '/api/throw': nen.withNen((_, body) => {
      throw new Error(`the database said: ${made('thrown', ASKED.parse(body).index)}`);
    }),
    '/api/refuse': nen.withNen((_, body) => {
      throw new NenHttpError(409, { message: made('refusal', ASKED.parse(body).index) });
    }),
  };

  /** A file comes back as it was sent; all else with a header and a status of its own. */
  const tunnelled = nen.wrap(async (req) => {
    see(req);
    const type = req.headers.get('content-type') ?? '';
    if (type.startsWith('multipart/form-data')) {
      const file = (await req.formData()).get('file');
      return new Response(file, { headers: { 'content-type': 'application/octet-stream' } });
    }
    const index = Number(req.headers.get('x-index'));
    const headers = { 'x-answer': made('header', Number(req.headers.get('x-header-index'))) };
    return new Response(made('output', index), { status: 418, headers });
  });

  const ai = withSecureAI({
    nen,
    models: ['gpt-test'],
    upstream: `${settings.providerUrl}/v1`,
    apiKey: settings.providerKey,
  });
  const fetchRoute = (req: Request): Response | Promise<Response> => {
    const { pathname } = new URL(req.url);
    if (pathname.startsWith('/api/ai/')) return ai(req);
    if (pathname.startsWith('/api/echo/')) return tunnelled(req);
    return routes[pathname]?.(req) ?? new Response('Not Found', { status: 404 });
  };

  const router = createRouter(made);
  const calls = createNodeHandler({ nen, router, createContext: () => ({}) });
  const others = toNodeHandler(fetchRoute);
  return (req, res) => {
    const { url = '' } = req;
    const listener = url.startsWith('/api/nen/')
      ? nen.nodeRoutes
      : url.startsWith('/api/trpc/')
        ? calls
        : others;
    return listener(req, res);
  };
}

function createRouter(made: (kind: CanaryKind, index: number) => string) {
  const t = initTRPC.create();
  const answer = ({ input }: { input: Asked }) => ({ text: made('output', input.index) });
  const asked = t.procedure.input(ASKED);
  const named = Array.from({ length: NAMED_PROCEDURES }, (_, index) => [
    made('path', index),
    asked.query(answer),
  ]);
  return t.router({
    ask: asked.query(answer),
    tell: asked.mutation(answer),
    refuse: asked.query(({ input }) => {
      throw new TRPCError({ code: 'CONFLICT', message: made('refusal', input.index) });
    }),
    listen: t.procedure
      .input(z.object({ first: z.number(), count: z.number() }))
      .subscription(async function* ({ input: { first, count } }) {
        for (let index = first; index < first + count; index++) {
          yield tracked(made('item', index), { index });
        }
      }),
    ...(Object.fromEntries(named) as Record<string, ReturnType<typeof asked.query>>),
  });
}
