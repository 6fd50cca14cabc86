import { TRPCError, tracked } from '@trpc/server';
import { z } from 'zod';
import { lastOutcome, writeAnswer } from './assistant';
import { clinic, onCall } from './clinic';
import { addNote, listNotes } from './notes';
import { signIn, signOut } from './staff';
import { publicProcedure, router, sealedProcedure, staffProcedure } from './trpc';

export const appRouter = router({
  clinic: router({
    hours: publicProcedure.query(() => clinic),
    onCall: sealedProcedure.query(() => onCall(new Date())),
  }),

  auth: router({
    signIn: sealedProcedure
      .input(z.object({ user: z.string().max(100), password: z.string().max(100) }))
      .mutation(({ input }) => {
        const signedIn = signIn(input.user, input.password);
        if (!signedIn)
          throw new TRPCError({ code: 'UNAUTHORIZED', message: 'No such user, or another password.' });
        return { token: signedIn.token, name: signedIn.member.name };
      }),
    signOut: staffProcedure.mutation(({ ctx }) => signOut(ctx.token)),
  }),

  notes: router({
    list: staffProcedure.query(() => listNotes()),
    add: staffProcedure
      .input(z.object({ patient: z.string().trim().min(1).max(80), text: z.string().trim().min(1).max(500) }))
      .mutation(({ ctx, input }) => addNote(ctx.member, input.patient, input.text)),
  }),

  assistant: router({
    /** Each event's id is `moment:word`: a connection that comes back sees the same notes and the next word. */
    answer: staffProcedure
      .input(z.object({ question: z.string().trim().min(1).max(500), lastEventId: z.string().nullish() }))
      .subscription(async function* ({ ctx, input, signal }) {
        const seen = /^(\d{13}):(\d{1,6})$/.exec(input.lastEventId ?? '');
        const moment = seen ? Number(seen[1]) : Date.now();
        const notes = listNotes().filter((note) => note.writtenAt.getTime() <= moment);
        const from = seen ? Number(seen[2]) + 1 : 0;
        const words = writeAnswer(
          ctx.member.id,
          input.question,
          notes,
          from,
          signal ?? new AbortController().signal,
        );
        for await (const { index, word } of words) yield tracked(`${moment}:${index}`, word);
      }),
    outcome: staffProcedure.query(({ ctx }) => lastOutcome(ctx.member.id)),
  }),
});

export type AppRouter = typeof appRouter;
