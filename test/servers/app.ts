/**
 * The application that every server of these tests serves: a small router, and a context that says what the
 * framework's own request and response are to it. It knows no framework.
 */
import { initTRPC, TRPCError } from '@trpc/server';
import { z } from 'zod';
import {
  createNen,
  InMemorySessionStore,
  type NenOptions,
  type NenSession,
} from '../../src/adapter/index.ts';
import { Stage } from '../trpc/support/stage.ts';

/** What a server's createContext tells of its framework. */
export interface AppContext {
  readonly stage: Stage;
  readonly nen: NenSession | undefined;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly header: (name: string) => unknown;
  /** undefined where the framework gives no response. */
  readonly setHeader: ((name: string, value: string) => unknown) | undefined;
  /** Sends something itself. */
  readonly send: (() => unknown) | undefined;
}

/** What a server's own createContext gives. */
export type Given = Omit<AppContext, 'stage'>;

function createRouter() {
  const t = initTRPC.context<AppContext>().create();
  return t.router({
    echo: t.procedure.input(z.string()).query(({ input }) => input),
    add: t.procedure.input(z.tuple([z.number(), z.number()])).mutation(({ input: [a, b] }) => a + b),
    size: t.procedure.input(z.string()).mutation(({ input }) => input.length),
    fail: t.procedure.query(() => {
      throw new TRPCError({ code: 'CONFLICT', message: 'planted conflict' });
    }),
    seen: t.procedure.input(z.string()).query(({ ctx, input }) => ({
      method: ctx.method,
      url: ctx.url,
      header: ctx.header(input),
      sid: ctx.nen?.sid,
    })),
    cookies: t.procedure.mutation(({ ctx: { setHeader } }) => {
      setHeader?.('Set-Cookie', 'theme=dark; Path=/');
      setHeader?.('X-Planted', 'planted header');
      return setHeader !== undefined;
    }),
    send: t.procedure.query(({ ctx: { send } }) => send?.()),
    wait: t.procedure.query(async ({ ctx: { stage }, signal }) => {
      stage.note(`wait ${await stage.gateOrAbort('wait', signal)}`);
      return 'waited';
    }),
    feed: t.procedure.input(z.number()).subscription(async function* ({ input, ctx: { stage }, signal }) {
      try {
        for (let i = 0; i < input; i++) {
          if ((await stage.gateOrAbort(`feed ${i}`, signal)) === 'aborted') return;
          yield `planted event ${i}`;
        }
      } finally {
        stage.note('feed over');
      }
    }),
  });
}

export type AppRouter = ReturnType<typeof createRouter>;

export interface App {
  readonly nen: ReturnType<typeof createNen>;
  readonly router: AppRouter;
  readonly stage: Stage;
  /** Codes of what was refused, and why. */
  readonly refusals: string[];
  context(given: Given): AppContext;
}

export function createApp(options: NenOptions = {}): App {
  const stage = new Stage();
  const refusals: string[] = [];
  const nen = createNen({
    store: new InMemorySessionStore(),
    onEvent: (event) => {
      if (event.type === 'refused') refusals.push(`${event.code} ${event.hint ?? ''}`);
    },
    ...options,
  });
  return { nen, router: createRouter(), stage, refusals, context: (given) => ({ ...given, stage }) };
}
