/**
 * The link for subscriptions: tRPC's own over a sealed EventSource. Loaded with the first subscription, before
 * anything is sent for it.
 */
import { httpSubscriptionLink, type Operation, TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyTRPCRouter, TRPCCombinedDataTransformer, TRPCDataTransformer } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { createEventSource, type EventSourceHeaders, EventStreamRefused } from './client/event-source.ts';
import type { Fetch } from './client/fetch.ts';
import { toTRPCError } from './trpc-errors.ts';

/** What a subscription tells the server as it connects; `createContext` gets it as `info.connectionParams`. */
export type ConnectionParams = Record<string, string> | null;

export interface SubscriptionOptions {
  /** Of the tRPC endpoint. */
  readonly url: string;
  readonly fetch: Fetch;
  readonly transformer: unknown;
  readonly headersOf: (op: Operation) => unknown;
  readonly withCredentials: boolean;
  readonly connectionParams:
    | ConnectionParams
    | (() => ConnectionParams | Promise<ConnectionParams>)
    | undefined;
}

export function subscriptionLink<TRouter extends AnyTRPCRouter>(
  options: SubscriptionOptions,
): TRPCLink<TRouter> {
  const { url, fetch, transformer, headersOf, withCredentials, connectionParams } = options;
  const toErrorEvent = eventSourceError(deserializer(transformer));
  const subscription = {
    url,
    transformer,
    EventSource: createEventSource({ fetch, toErrorEvent }),
    eventSourceOptions: ({ op }: { op: Operation }) => ({
      headers: async () => (await headersOf(op)) as EventSourceHeaders,
      withCredentials,
    }),
    ...(connectionParams !== undefined && { connectionParams }),
  } as Parameters<typeof httpSubscriptionLink<TRouter, ReturnType<typeof createEventSource>>>[0];
  return unwrappingErrors(httpSubscriptionLink<TRouter, ReturnType<typeof createEventSource>>(subscription));
}

function deserializer(transformer: unknown): (data: unknown) => unknown {
  if (transformer === undefined) return (data) => data;
  const given = transformer as TRPCDataTransformer | TRPCCombinedDataTransformer;
  const output = 'output' in given ? given.output : given;
  return (data) => output.deserialize(data);
}

/**
 * A subscription's error event: what tRPC makes of it is the error itself. Where the server answered with
 * an error of its own instead of a stream, that is the error.
 */
function eventSourceError(deserialize: (data: unknown) => unknown): (error: unknown) => Error {
  return (error) => {
    if (error instanceof EventStreamRefused) return refusedSubscription(error, deserialize);
    const failure = toTRPCError(error);
    return failure instanceof Error ? failure : new TRPCClientError('The subscription failed.');
  };
}

function refusedSubscription(refused: EventStreamRefused, deserialize: (data: unknown) => unknown): Error {
  try {
    const answer: { error?: unknown } = JSON.parse(refused.body);
    const error = deserialize(answer.error);
    if (typeof error === 'object' && error !== null)
      return TRPCClientError.from({ error }, { cause: refused });
  } catch {
    // Not tRPC's own answer: the status is all there is to say.
  }
  return new TRPCClientError(refused.message, { cause: refused });
}

/**
 * httpSubscriptionLink, failing with the error that ended the EventSource, which tRPC hides in a
 * SuppressedError because it fails a second time on closing what had failed.
 */
function unwrappingErrors<TRouter extends AnyTRPCRouter>(link: TRPCLink<TRouter>): TRPCLink<TRouter> {
  return (runtime) => {
    const subscribe = link(runtime);
    return (props) =>
      observable((observer) =>
        subscribe(props).subscribe({
          next: (envelope) => observer.next(envelope),
          error: (error) => observer.error(unwrapped(error)),
          complete: () => observer.complete(),
        }),
      );
  };
}

function unwrapped<TError>(error: TError): TError {
  const cause: unknown = error instanceof TRPCClientError ? error.cause : undefined;
  if (typeof cause !== 'object' || cause === null || !('suppressed' in cause) || !('error' in cause))
    return error;
  return cause.error instanceof Error ? (TRPCClientError.from(cause.error) as TError) : error;
}
