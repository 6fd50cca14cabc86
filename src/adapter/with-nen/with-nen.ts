/**
 * `withNen` and `withNenStream`: a route handler that gets the opened body and returns a value. They are
 * `wrap` with a body read, a value written, and an error with its status; nothing of the seal is here.
 */
import type { Context } from '../context.ts';
import type { NenSession, SessionFacts } from '../session-facts.ts';
import { resolveShaping, type ShapingOptions } from '../shaping.ts';
import type { WrapUnder } from '../wrap.ts';
import { errorResponse, streamResponse, valueResponse } from './route-answer.ts';
import { readRouteBody } from './route-body.ts';
import { type RouteParams, readParams } from './route-params.ts';
import { type SchemaOutput, type StandardSchema, standardSchema, validate } from './standard-schema.ts';

/** What holds for one route. */
export interface WithNenOptions extends ShapingOptions {
  /**
   * false lets this route answer plain requests too, for old clients that can't seal: nobody has authenticated
   * them, and whoever is on the way reads and writes them. Each one gives an event of type `plain`. By default
   * what `plain` of the server says, which refuses them with ISO-3001.
   */
  readonly strict?: boolean;
}

/** Options with a schema for the body. */
export interface ValidatedOptions<Schema extends StandardSchema> extends WithNenOptions {
  /**
   * A Standard Schema (Zod, Valibot, ArkType): the handler's body is what it makes of the request's. What it
   * refuses is answered with a sealed 400 and the issues, and the handler does not run.
   */
  readonly input: Schema;
}

/** What the framework tells of the route, and the session of the call. */
export interface NenContext<Params = DefaultParams> {
  readonly params: RouteParams<Params>;
  /** undefined for a plain request that `strict: false` let in. */
  readonly session: NenSession | undefined;
}

type DefaultParams = Readonly<Record<string, string | string[] | undefined>>;

/**
 * What `withNen` seals.
 * @param req opened: its own method, URL and headers, its body unread.
 * @param body JSON as its value, text as a string, a form as FormData, all else as bytes, undefined if none.
 */
export type NenHandler<Body, Result, Params = DefaultParams> = (
  req: Request,
  body: Body,
  context: NenContext<Params>,
) => Result | Promise<Result>;

/** For `export const POST = ...` in a route file, and for every other method. */
export type NenRoute = (req: Request, context?: unknown) => Promise<Response>;

/**
 * Seals a handler. What it returns becomes JSON, undefined 204, and a Response goes through as it is, all of
 * it sealed. A {@link NenHttpError} that it throws gives status and data; any other error a sealed 500 that
 * says nothing.
 * @throws {TypeError} for an option that is given but wrong.
 * @example
 * export const POST = withNen(async (req, body) => ({ received: body }));
 */
export interface WithNen<Result = unknown> {
  <Schema extends StandardSchema, Params = DefaultParams>(
    handler: NenHandler<SchemaOutput<Schema>, Result, Params>,
    options: ValidatedOptions<Schema>,
  ): NenRoute;
  <Params = DefaultParams>(handler: NenHandler<unknown, Result, Params>, options?: WithNenOptions): NenRoute;
}

/**
 * The same for a handler that returns an async iterable: each item is on its way, sealed, as soon as it is
 * yielded, and `nenStream` gives it to the client. Items are JSON values. The generator ends when the client
 * leaves. An error that it throws after the answer has begun breaks the stream off (ISO-6004).
 */
export type WithNenStream = WithNen<AsyncIterable<unknown> | Response>;

/** What every signature above comes down to. */
type AnyHandler = NenHandler<never, unknown, never>;
type AnyOptions = WithNenOptions & { readonly input?: StandardSchema };
export type AnyWithNen = (handler: AnyHandler, options?: AnyOptions) => NenRoute;

export function createWithNen(
  context: Context,
  wrap: WrapUnder,
  facts: SessionFacts,
): { readonly withNen: WithNen; readonly withNenStream: WithNenStream } {
  const frame =
    (toResponse: (value: unknown) => Response): AnyWithNen =>
    (handler, options = {}) => {
      checkWithNen(handler, options);
      const { strict, input, padding, coalesceMs } = options;
      const plain = strict === undefined ? context.plain : strict ? 'refuse' : 'allow';
      const answer = async (req: Request, next: unknown): Promise<Response> => {
        // A preflight is nobody's call.
        if (req.method === 'OPTIONS') return new Response(null, { status: 204 });
        try {
          const body = await readRouteBody(req, context.maxBodyBytes);
          const value = input === undefined ? body : await validate(input, body);
          const { params } = await readParams(next);
          const facade = { params, session: facts.of(req) };
          return toResponse(await handler(req, value as never, facade as never));
        } catch (error) {
          return errorResponse(error);
        }
      };
      const shaping = {
        ...(padding !== undefined && { padding }),
        ...(coalesceMs !== undefined && { coalesceMs }),
      };
      const wrapped = wrap(answer, shaping, { plain, refusal: 'ISO-3001' });
      return (req, next) => wrapped(req, next);
    };
  return { withNen: frame(valueResponse), withNenStream: frame(streamResponse) };
}

/** @throws {TypeError} */
export function checkWithNen(handler: AnyHandler, options: AnyOptions): void {
  const { strict, input } = options;
  if (typeof handler !== 'function') throw new TypeError('withNen: a handler, (req, body, context) => value');
  if (strict !== undefined && typeof strict !== 'boolean') throw new TypeError('strict: true or false');
  if (input !== undefined) standardSchema('input', input);
  resolveShaping(options);
}
