/**
 * A link whose code is loaded with the first operation that takes it, before anything is sent for that: for
 * subscriptions, which wait for the network where there is none.
 */
import { TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { observable, type Unsubscribable } from '@trpc/server/observable';
import { backOff, FIRST_DELAY_MS } from './client/back-off.ts';
import { loaded } from './client/loaded.ts';
import { toTRPCError } from './trpc-errors.ts';

/** Half a minute in all. A part that is gone for good, as after a deployment, must not look like a slow network for ever. */
const MAX_LOADS = 6;

/** @param load asked again where it failed, as an EventSource connects again; each wait is told of as a state. */
export function laterLink<TRouter extends AnyTRPCRouter>(
  load: () => Promise<TRPCLink<TRouter>>,
): TRPCLink<TRouter> {
  return (runtime) => {
    let made: ReturnType<TRPCLink<TRouter>> | undefined;
    return (props) => {
      if (made !== undefined) return made(props);
      return observable((observer) => {
        let running: Unsubscribable | undefined;
        const leaving = new AbortController();
        const { signal } = leaving;
        const start = async (): Promise<void> => {
          const link = await loadPatiently(load, signal, (error) =>
            observer.next({ result: { type: 'state', state: 'connecting', error: toClientError(error) } }),
          );
          made ??= link(runtime);
          if (signal.aborted) return;
          running = made(props).subscribe(observer);
          // At its first word, which comes before `subscribe` returns.
          if (signal.aborted) running.unsubscribe();
        };
        start().catch((error: unknown) => {
          if (!signal.aborted) observer.error(toClientError(error));
        });
        return () => {
          leaving.abort();
          running?.unsubscribe();
        };
      });
    };
  };
}

async function loadPatiently<Part>(
  load: () => Promise<Part>,
  signal: AbortSignal,
  onWait: (error: unknown) => void,
): Promise<Part> {
  for (let failures = 0; ; failures++) {
    try {
      return await loaded(load());
    } catch (error) {
      if (signal.aborted || failures + 1 === MAX_LOADS) throw error;
      onWait(error);
      await backOff(FIRST_DELAY_MS, failures, signal);
      signal.throwIfAborted();
    }
  }
}

function toClientError(error: unknown): TRPCClientError<never> {
  return TRPCClientError.from(toTRPCError(error) as Error);
}
