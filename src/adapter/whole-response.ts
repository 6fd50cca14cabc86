/** Responses whose body lies in memory: who writes them to a socket needs no stream for it. */
import type { Bytes } from '../crypto/bytes.ts';

const bodies = new WeakMap<Response, Bytes>();

export function wholeResponse(body: Bytes, init: ResponseInit): Response {
  const response = new Response(body, init);
  bodies.set(response, body);
  return response;
}

/** The bytes of such a response that nobody has begun to read; undefined for any other. */
export function wholeBody(response: Response): Bytes | undefined {
  return response.bodyUsed ? undefined : bodies.get(response);
}
