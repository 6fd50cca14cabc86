/**
 * What nenFetch and nenStream have in common: a string is JSON unless its headers say otherwise, and an
 * answer that is not 2xx is an error.
 */
import { readBody } from '../../protocol/body.ts';
import { CONTENT_TYPE_JSON } from '../../protocol/constants.ts';
import { NenHttpError } from '../../protocol/http-error.ts';
import { isJsonType, mediaType } from '../../protocol/media-type.ts';

/** fetch calls a bare string text/plain; here it is what JSON.stringify gave. */
export function asJsonCall(init: RequestInit): RequestInit {
  if (typeof init.body !== 'string') return init;
  const headers = new Headers(init.headers);
  if (!headers.has('content-type')) headers.set('content-type', CONTENT_TYPE_JSON);
  return { ...init, headers };
}

/** Whether there is a body, and it is one JSON text. */
export function hasJson(response: Response): boolean {
  return response.body !== null && isJsonType(mediaType(response.headers.get('content-type')));
}

/**
 * The error that an answer stands for. Its own body stays unread.
 * @throws {NenError} ISO-4003 for one that is longer than the limit, and what a broken stream fails with.
 */
export async function toHttpError(response: Response, limit: number): Promise<NenHttpError> {
  try {
    const text = new TextDecoder().decode(await readBody(response.clone(), limit));
    return new NenHttpError(response.status, dataOf(text, response), response);
  } catch (error) {
    // A clone alone can't let go of a body.
    response.body?.cancel().catch(() => undefined);
    throw error;
  }
}

function dataOf(text: string, response: Response): unknown {
  if (text === '') return undefined;
  if (!hasJson(response)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
