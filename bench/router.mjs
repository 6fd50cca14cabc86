/** The procedures that are measured: an echo of a text, and subscriptions of short events. */
import { setImmediate } from 'node:timers/promises';
import { initTRPC } from '@trpc/server';
import { z } from 'zod';

const t = initTRPC.create();

export const router = t.router({
  echo: t.procedure.input(z.string()).mutation(({ input }) => input),
  /** All events at once. */
  burst: t.procedure.input(z.number()).subscription(async function* ({ input: count }) {
    for (let n = 0; n < count; n++) yield { n, text: 'token' };
  }),
  /** One event in each turn of the event loop. */
  turns: t.procedure.input(z.number()).subscription(async function* ({ input: count }) {
    for (let n = 0; n < count; n++) {
      yield { n, text: 'token' };
      await setImmediate();
    }
  }),
  /** A turn without an event after each: nothing can be sent together. */
  apart: t.procedure.input(z.number()).subscription(async function* ({ input: count }) {
    for (let n = 0; n < count; n++) {
      yield { n, text: 'token' };
      await setImmediate();
      await setImmediate();
      await setImmediate();
    }
  }),
});

/** @typedef {typeof router} Router */
