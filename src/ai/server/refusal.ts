/**
 * What withSecureAI says itself, in the shape that both SDKs read errors from. It says nothing of the provider,
 * its address or its key: causes go to `onError`.
 */
import { errorResponse } from '../../adapter/with-nen/route-answer.ts';

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

/** A refusal, or a hook's own no with the status and data of its choice. @throws what is neither. */
export function refusalOf(error: unknown): Response {
  return error instanceof Refused ? error.response : errorResponse(error);
}
