/**
 * The router of the tests: every way in which tRPC takes input, answers, streams and fails. It knows
 * nothing of the seal, but for the session that its context carries.
 */
import { initTRPC, TRPCError, tracked } from '@trpc/server';
import { octetInputParser, type TRPCRequestInfo } from '@trpc/server/http';
import superjson from 'superjson';
import { ZodError, z } from 'zod';
import { type NenSession, sealedOnly } from '../../../src/adapter/index.ts';
import type { Stage } from './stage.ts';

export interface AppContext {
  readonly req: Request;
  readonly resHeaders: Headers;
  readonly stage: Stage;
  readonly nen: NenSession | undefined;
  readonly connectionParams: TRPCRequestInfo['connectionParams'];
}

export interface SseOptions {
  readonly ping?: { readonly enabled: boolean; readonly intervalMs?: number };
  readonly maxDurationMs?: number;
  readonly client?: { readonly reconnectAfterInactivityMs?: number };
}

const RESUMABLE = z.object({ until: z.number(), lastEventId: z.string().nullish() });

export function createAppRouter(sse: SseOptions) {
  const t = initTRPC.context<AppContext>().create({
    transformer: superjson,
    sse,
    errorFormatter: ({ shape, error }) => ({
      ...shape,
      data: {
        ...shape.data,
        stack: undefined,
        issues: error.cause instanceof ZodError ? error.cause.issues.map(({ path }) => path.join('.')) : [],
      },
    }),
  });
  const call = t.procedure;

  return t.router({
    /** Whatever superjson carries. */
    echo: call.input(z.unknown()).query(({ input }) => ({ back: input })),
    sized: call.input(z.number()).query(({ input }) => 'y'.repeat(input)),
    pages: call.input(z.object({ cursor: z.number().nullish() })).query(({ input }) => {
      const page = input.cursor ?? 0;
      return { items: [page * 2, page * 2 + 1], next: page < 2 ? page + 1 : null };
    }),
    nested: t.router({ deep: call.query(() => 'deep') }),
    add: call.input(z.tuple([z.number(), z.number()])).mutation(({ input: [a, b], ctx }) => {
      ctx.stage.note(`added ${a} and ${b}`);
      return a + b;
    }),
    age: call.input(z.object({ who: z.object({ years: z.number() }) })).query(({ input }) => input.who.years),
    fail: call
      .input(z.enum(['NOT_FOUND', 'UNAUTHORIZED', 'CONFLICT', 'TOO_MANY_REQUESTS']))
      .query(({ input }) => {
        throw new TRPCError({ code: input, message: `failed with ${input}` });
      }),
    crash: call.mutation(() => {
      throw new Error('a bug');
    }),

    /** What the handler sees of the request. */
    seen: call.input(z.array(z.string())).query(({ input: names, ctx: { req } }) => {
      const { pathname, searchParams, origin } = new URL(req.url);
      return {
        method: req.method,
        origin,
        pathname,
        query: [...searchParams.keys()],
        headers: names.map((name) => req.headers.get(name)),
        signal: req.signal instanceof AbortSignal,
        isRequest: req instanceof Request,
      };
    }),
    posted: call.input(z.array(z.string())).mutation(({ input: names, ctx: { req } }) => ({
      method: req.method,
      headers: names.map((name) => req.headers.get(name)),
    })),
    session: call.query(({ ctx }) => ctx.nen?.sid),
    secret: call.use(sealedOnly).query(({ ctx }) => `sealed for ${ctx.nen.audience}`),
    cookie: call.mutation(({ ctx }) => {
      ctx.resHeaders.append('set-cookie', 'theme=dark; Path=/');
      ctx.resHeaders.append('set-cookie', 'lang=en; Path=/');
      ctx.resHeaders.set('x-request-cost', '7');
      return 'set';
    }),

    upload: call.input(z.instanceof(FormData)).mutation(async ({ input }) => {
      const parts = [];
      for (const [name, value] of input) {
        parts.push(
          typeof value === 'string'
            ? [name, value]
            : [name, value.name, value.type, Buffer.from(await value.arrayBuffer()).toString('base64')],
        );
      }
      return parts;
    }),
    bytes: call.input(octetInputParser).mutation(async ({ input }) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of input) chunks.push(chunk);
      return Buffer.concat(chunks).toString('base64');
    }),

    /** Waits for the test, or for the caller to leave. */
    wait: call.input(z.string()).query(async ({ input, ctx: { stage }, signal }) => {
      const outcome = await stage.gateOrAbort(input, signal);
      stage.note(`${input} ${outcome}`);
      return input;
    }),
    waitAndWrite: call.input(z.string()).mutation(async ({ input, ctx: { stage }, signal }) => {
      const outcome = await stage.gateOrAbort(input, signal);
      stage.note(`${input} ${outcome}`);
      return input;
    }),

    /** Some of it now, some of it later, some of it bit by bit. */
    later: call.query(({ ctx: { stage } }) => ({
      now: 'now',
      soon: stage.gate('soon').then(() => 'soon'),
      nested: stage.gate('outer').then(() => ({ inner: stage.gate('inner').then(() => new Date(0)) })),
      broken: stage.gate('broken').then((): string => {
        throw new TRPCError({ code: 'CONFLICT', message: 'broke later' });
      }),
    })),
    /** Steps of which each waits for the test; the input says after how many it fails. */
    steps: call.input(z.object({ count: z.number(), failAt: z.number().optional() })).query(async function* ({
      input: { count, failAt },
      ctx: { stage },
      signal,
    }) {
      try {
        for (let step = 0; step < count; step++) {
          if ((await stage.gateOrAbort(`step ${step}`, signal)) === 'aborted') return 'aborted';
          if (step === failAt) throw new TRPCError({ code: 'CONFLICT', message: `failed at ${step}` });
          yield { step, at: new Date(step) };
        }
        return 'done';
      } finally {
        stage.note('steps over');
      }
    }),

    /** Counts up from where the client left off. Each number after the first waits for its gate. */
    feed: call.input(RESUMABLE).subscription(async function* ({ input, ctx: { stage }, signal }) {
      stage.note(`feed from ${input.lastEventId ?? 'the start'}`);
      try {
        for (let i = Number(input.lastEventId ?? -1) + 1; i < input.until; i++) {
          if ((await stage.gateOrAbort(`feed ${i}`, signal)) === 'aborted') {
            stage.note('feed aborted');
            return;
          }
          yield tracked(String(i), { value: i, at: new Date(i) });
        }
      } finally {
        stage.note('feed over');
      }
    }),
    /** The ids that it is given, with a pause after the first, and from where the client left off. */
    namedFeed: call
      .input(z.object({ ids: z.array(z.string()), lastEventId: z.string().nullish() }))
      .subscription(async function* ({ input: { ids, lastEventId }, ctx: { stage }, signal }) {
        stage.note(`named feed from ${lastEventId ?? 'the start'}`);
        for (const id of ids.slice(ids.indexOf(lastEventId ?? '') + 1)) {
          yield tracked(id, `data of ${id}`);
          if (id === ids[0] && (await stage.gateOrAbort('named feed', signal)) === 'aborted') return;
        }
      }),
    /** Without ids, and no gate: what it yields, it yields at once. */
    burst: call.input(z.number()).subscription(async function* ({ input }) {
      for (let i = 0; i < input; i++) yield i;
    }),
    failingFeed: call.input(z.enum(['CONFLICT', 'INTERNAL_SERVER_ERROR'])).subscription(async function* ({
      input,
      ctx: { stage },
    }) {
      yield 'first';
      if (stage.count('failed once') > 0) return;
      stage.note('failed once');
      throw new TRPCError({ code: input, message: `the feed failed with ${input}` });
    }),
    params: call.subscription(async function* ({ ctx }) {
      yield { params: ctx.connectionParams, header: ctx.req.headers.get('x-who') };
    }),
  });
}

export type AppRouter = ReturnType<typeof createAppRouter>;
