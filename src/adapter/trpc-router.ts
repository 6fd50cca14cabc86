/**
 * A tRPC router's answer to an opened request, for adapters whose createContext gets something of a framework
 * besides: what tRPC's own adapters do, over its public `resolveResponse`.
 */
import type { AnyTRPCRouter, TRPCError } from '@trpc/server';
import { type HTTPBaseHandlerOptions, resolveResponse } from '@trpc/server/http';

/** The options of any of tRPC's adapters; the entries check the types of their functions. */
export interface RouterOptions {
  readonly router: AnyTRPCRouter;
  readonly createContext?: unknown;
  readonly onError?: unknown;
}

/** What createContext gets of the framework; onError gets the first of it. */
export type Given =
  | { readonly req: object; readonly res: object }
  | { readonly event: object; readonly context: unknown };

type Callback = ((options: object) => unknown) | undefined;

/** @param error of a middleware in front, to be answered instead. */
export function answerRouter(
  options: RouterOptions,
  request: Request,
  given: Given,
  error: TRPCError | null = null,
): Promise<Response> {
  const createContext = options.createContext as Callback;
  const onError = options.onError as Callback;
  return resolveResponse<AnyTRPCRouter>({
    ...(options as HTTPBaseHandlerOptions<AnyTRPCRouter, Request>),
    req: request,
    path: procedurePath(request),
    error,
    createContext: async (call) => createContext?.({ ...given, ...call }) as Promise<object>,
    onError: (failure) => {
      onError?.({ ...failure, req: 'req' in given ? given.req : given.event });
    },
  });
}

/** The names of the called procedures: the one segment after the endpoint. */
export function procedurePath(request: Request): string {
  const { pathname } = new URL(request.url);
  return pathname.slice(pathname.lastIndexOf('/') + 1);
}
