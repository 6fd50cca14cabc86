/**
 * trpc-nen/adapter/aws-lambda: in the place of @trpc/server/adapters/aws-lambda, with one option more. A
 * function is a whole server, so the session routes are in it: whatever ends in /nen/{action}.
 */
import type { AnyTRPCRouter } from '@trpc/server';
import type {
  CreateAWSLambdaContextOptions,
  AWSLambdaOptions as PlainOptions,
  awsLambdaRequestHandler as plainHandler,
  awsLambdaStreamingRequestHandler as plainStreamingHandler,
} from '@trpc/server/adapters/aws-lambda';
import { eventRequest, type LambdaEvent, openedEvent } from './lambda/event.ts';
import { toResult, toStream } from './lambda/result.ts';
import type { Nen } from './nen.ts';
import { nameRequest } from './session-facts.ts';
import { isSessionPath } from './session-path.ts';
import { answerRouter, type RouterOptions } from './trpc-router.ts';

export type { CreateAWSLambdaContextOptions };

/** API Gateway's events, of either format. */
type AnyEvent = Parameters<ReturnType<typeof plainHandler>>[0];

/** The options of tRPC's awsLambdaRequestHandler, and `nen`. */
export type AWSLambdaOptions<TRouter extends AnyTRPCRouter, Event extends AnyEvent> = {
  /** Made by `createNen`. */
  readonly nen: Nen;
} & PlainOptions<TRouter, Event>;

/**
 * A function that answers at once. Subscriptions need one that streams.
 * @example
 * export const handler = awsLambdaRequestHandler({ nen, router, createContext });
 */
export function awsLambdaRequestHandler<TRouter extends AnyTRPCRouter, Event extends AnyEvent>(
  options: AWSLambdaOptions<TRouter, Event>,
): ReturnType<typeof plainHandler<TRouter, Event>> {
  const answer = answerer(options);
  // The result's form follows the event's: what its type says of that is tRPC's.
  return async (event, context) => (await toResult(event, await answer(event, context))) as never;
}

/**
 * A function behind a URL with the invoke mode RESPONSE_STREAM.
 * @example
 * export const handler = awslambda.streamifyResponse(
 *   awsLambdaStreamingRequestHandler({ nen, router, createContext }),
 * );
 */
export function awsLambdaStreamingRequestHandler<TRouter extends AnyTRPCRouter, Event extends AnyEvent>(
  options: AWSLambdaOptions<TRouter, Event>,
): ReturnType<typeof plainStreamingHandler<TRouter, Event>> {
  const answer = answerer(options);
  return async (event, stream, context) => toStream(await answer(event, context), stream);
}

type Answerer = (event: LambdaEvent, context: unknown) => Promise<Response>;

function answerer(options: RouterOptions & { readonly nen: Nen }): Answerer {
  const { nen } = options;
  const sealed = nen.wrap((request, event: LambdaEvent, context: unknown) => {
    const given = nen.session(request) === undefined ? event : openedEvent(event, request);
    nameRequest(given, request);
    return answerRouter(options, request, { event: given, context });
  });
  return async (event, context) => {
    const request = eventRequest(event);
    if (request === undefined) return new Response(null, { status: 400 });
    if (isSessionPath(new URL(request.url).pathname)) return nen.routes.POST(request);
    return sealed(request, event, context);
  };
}
