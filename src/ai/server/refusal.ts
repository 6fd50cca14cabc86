/**
 * What withSecureAI says itself, in the shape that both SDKs read errors from. It says nothing of the provider,
 * its address or its key: causes go to `onError`.
 */
import { NenHttpError } from '../../protocol/http-error.ts';

/** @param retry false where the same call would fail again, though its status suggests otherwise. */
export function refusal(status: number, code: string, message: string, retry?: false): Response {
  const type = status >= 500 ? 'api_error' : 'invalid_request_error';
  const headers = retry === false ? { 'x-should-retry': 'false' } : {};
  return Response.json({ type: 'error', error: { type, code, message } }, { status, headers });
}

/** Thrown by the steps of a call, answered by its frame. */
export class Refused extends Error {
  readonly response: Response;

  constructor(...said: Parameters<typeof refusal>) {
    super(said[2]);
    this.response = refusal(...said);
  }
}

/** A hook's own no, with the status and the data of its choice; anything else that it threw is thrown again. */
export function hookAnswer(error: unknown): Response {
  if (error instanceof Refused) return error.response;
  if (!NenHttpError.is(error) || error.response !== undefined) throw error;
  const { status, data } = error;
  return data === undefined ? new Response(null, { status }) : Response.json(data, { status });
}
