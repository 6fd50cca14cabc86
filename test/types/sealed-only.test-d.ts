/** The types of sealedOnly: behind it the session is there, and everything else is as it was. */
import { initTRPC } from '@trpc/server';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { createNen, type NenSession, sealedOnly } from '../../src/adapter/index.ts';

interface Context {
  readonly user: string | undefined;
  readonly nen: NenSession | undefined;
}

const t = initTRPC.context<Context>().meta<{ readonly audited: boolean }>().create();

t.procedure.query(({ ctx }) => expectTypeOf(ctx.nen).toEqualTypeOf<NenSession | undefined>());
t.procedure.use(sealedOnly).query(({ ctx }) => {
  expectTypeOf(ctx.nen).toEqualTypeOf<NenSession>();
  expectTypeOf(ctx.user).toEqualTypeOf<string | undefined>();
});

// Before and behind other middlewares, inputs and metadata.
t.procedure
  .meta({ audited: true })
  .input(z.object({ id: z.number() }))
  .use(({ ctx, next }) => next({ ctx: { user: ctx.user ?? 'nobody' } }))
  .use(sealedOnly)
  .use(({ ctx, next }) => {
    expectTypeOf(ctx.nen).toEqualTypeOf<NenSession>();
    expectTypeOf(ctx.user).toEqualTypeOf<string>();
    return next({ ctx: { sid: ctx.nen.sid } });
  })
  .mutation(({ ctx, input }) => {
    expectTypeOf(input).toEqualTypeOf<{ id: number }>();
    expectTypeOf(ctx.user).toEqualTypeOf<string>();
    expectTypeOf(ctx.nen).toEqualTypeOf<NenSession>();
    expectTypeOf(ctx.sid).toEqualTypeOf<string>();
  });
t.procedure.use(sealedOnly).subscription(async function* ({ ctx }) {
  yield ctx.nen.expiresAt;
});

const withoutSession = initTRPC.context<{ readonly user: string }>().create();
// @ts-expect-error createContext gives no `nen`: every call would be refused
withoutSession.procedure.use(sealedOnly);

const withOther = initTRPC.context<{ readonly nen: string }>().create();
// @ts-expect-error something else of that name
withOther.procedure.use(sealedOnly);

// wrap keeps what the handler takes besides the request.
const nen = createNen();
const wrapped = nen.wrap(
  (_req: Request, _context: { readonly params: Promise<{ trpc: string }> }) => new Response(),
);
expectTypeOf(wrapped).parameters.toEqualTypeOf<[Request, { readonly params: Promise<{ trpc: string }> }]>();
expectTypeOf(wrapped).returns.toEqualTypeOf<Promise<Response>>();
expectTypeOf(nen.session).returns.toEqualTypeOf<NenSession | undefined>();
// @ts-expect-error a handler answers with a Response
nen.wrap(() => 'text');
// @ts-expect-error no such policy
createNen({ plain: 'maybe' });
