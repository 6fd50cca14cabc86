import { initTRPC, TRPCError } from '@trpc/server';
import superjson from 'superjson';
import { sealedOnly } from 'trpc-nen/adapter';
import type { Context } from './context';

const t = initTRPC.context<Context>().create({ transformer: superjson });

export const { router } = t;

/** For what anybody may know. Such a result may be rendered on the server, in clear, into the HTML. */
export const publicProcedure = t.procedure;

/** For everything else: refuses plain calls, and calls made while a page is rendered. */
export const sealedProcedure = t.procedure.use(sealedOnly);

/** For the staff: a sealed call with the bearer token that `auth.signIn` gave out. */
export const staffProcedure = sealedProcedure.use(({ ctx, next }) => {
  if (!ctx.member) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Please sign in.' });
  return next({ ctx: { member: ctx.member } });
});
