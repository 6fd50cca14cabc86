/** A link whose code is loaded with the first operation that takes it, before anything is sent for that. */
import { TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { observable, type Unsubscribable } from '@trpc/server/observable';
import { loaded } from './client/loaded.ts';
import { toTRPCError } from './trpc-errors.ts';

/** @param load asked once more by the next operation where it failed. */
export function laterLink<TRouter extends AnyTRPCRouter>(
  load: () => Promise<TRPCLink<TRouter>>,
): TRPCLink<TRouter> {
  return (runtime) => {
    let made: ReturnType<TRPCLink<TRouter>> | undefined;
    return (props) => {
      if (made !== undefined) return made(props);
      return observable((observer) => {
        let running: Unsubscribable | undefined;
        let left = false;
        const isLeft = (): boolean => left;
        const start = (link: TRPCLink<TRouter>): void => {
          made ??= link(runtime);
          if (left) return;
          running = made(props).subscribe(observer);
          // At its first word, which comes before `subscribe` returns.
          if (isLeft()) running.unsubscribe();
        };
        loaded(load())
          .then(start)
          .catch((error: unknown) => {
            if (!left) observer.error(TRPCClientError.from(toTRPCError(error) as Error));
          });
        return () => {
          left = true;
          running?.unsubscribe();
        };
      });
    };
  };
}
