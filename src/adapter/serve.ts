/**
 * The frame around every sealed request, whether a wrapped handler or a session route answers it:
 * admit, claim, answer, and each failure told in the way that its time allows.
 */
import { utf8ToBytes } from '../crypto/bytes.ts';
import { CONTENT_TYPE_JSON } from '../protocol/constants.ts';
import { NenError, statusOf } from '../protocol/errors.ts';
import { encodePlainRefusal } from '../protocol/refusal.ts';
import type { RequestLine } from '../protocol/signed-headers.ts';
import { type Admitted, admit, claimFirstAttempt } from './admit.ts';
import { sealAnswer, sealRefusal } from './answer.ts';
import type { Context } from './context.ts';
import { HandlerFailure } from './handler-failure.ts';
import { NO_SHAPING, type Shaping } from './shaping.ts';
import { type WholeParts, wholeResponse } from './whole-response.ts';

/** Answers an opened and claimed request. A NenError thrown here is sealed as it is; anything else is a sealed 500. */
export type Answerer = (admitted: Admitted) => Promise<Response>;

export async function serveSealed(
  context: Context,
  req: Request,
  answer: Answerer,
  shaping: Shaping = NO_SHAPING,
): Promise<Response> {
  const line = requestLine(context, req);
  let admitted: Admitted;
  try {
    admitted = await admit(context, req, line);
  } catch (error) {
    return refusePlain(context, line.path, error);
  }
  const { session, exchange } = admitted;
  let response: Response;
  try {
    if (admitted.headers.retry !== '') await claimFirstAttempt(context, admitted);
    response = await answer(admitted);
  } catch (error) {
    return sealFailure(context, req, admitted, error, shaping);
  }
  try {
    return await sealAnswer(context, exchange, req, response, shaping, () => session.release());
  } catch (error) {
    return sealFailure(context, req, admitted, error, shaping);
  }
}

/** The answer in place of one that failed. Releases the session. */
async function sealFailure(
  context: Context,
  req: Request,
  admitted: Admitted,
  error: unknown,
  shaping: Shaping,
): Promise<Response> {
  const { session, exchange } = admitted;
  const refusal = NenError.from(error);
  try {
    if (refusal !== undefined) return await sealRefused(context, admitted, refusal);
    context.report({ type: 'handler-error', sid: session.sid, error: causeOf(error) });
    const response = internalServerError();
    return await sealAnswer(context, exchange, req, response, shaping, () => undefined);
  } finally {
    session.release();
  }
}

function sealRefused(context: Context, { exchange, line }: Admitted, error: NenError): Promise<Response> {
  context.report({ type: 'refused', code: error.code, hint: error.hint, path: line.path });
  return sealRefusal(exchange, error);
}

function causeOf(error: unknown): unknown {
  return error instanceof HandlerFailure ? error.error : error;
}

/** Its text says nothing of the error. */
function internalServerError(): Response {
  return Response.json({ error: { message: 'Internal server error' } }, { status: 500 });
}

/** A refusal in clear: a hint to the client, constant for its code. */
export function refusePlain(context: Context, path: string, error: unknown): Response {
  const refusal = NenError.from(error);
  if (refusal === undefined) {
    context.report({ type: 'handler-error', sid: '', error: causeOf(error) });
    return new Response(null, { status: 500, headers: { 'Cache-Control': 'no-store' } });
  }
  return refuse(context, path, refusal);
}

/** The same for what needs no error: making one takes a tenth of the time of a refusal. */
export function refuse(
  context: Context,
  path: string,
  { code, hint }: Pick<NenError, 'code' | 'hint'>,
  headers: WholeParts['headers'] = [],
): Response {
  context.report({ type: 'refused', code, hint, path });
  return wholeResponse({
    status: statusOf(code),
    headers: [...headers, ['Content-Type', CONTENT_TYPE_JSON], ['Cache-Control', 'no-store']],
    body: utf8ToBytes(encodePlainRefusal(code)),
  });
}

/** The outer request line as the client signed it: behind a proxy that removes a prefix, with it. */
export function requestLine({ mountPath }: Pick<Context, 'mountPath'>, req: Request): RequestLine {
  const url = req.url;
  const pathStart = url.indexOf('/', url.indexOf('//') + 2);
  const target = pathStart === -1 ? '/' : (url.slice(pathStart).split('#', 1)[0] ?? '/');
  const queryStart = target.indexOf('?');
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  return {
    method: req.method,
    path: mountPath + path,
    query: queryStart === -1 ? '' : target.slice(queryStart),
  };
}
