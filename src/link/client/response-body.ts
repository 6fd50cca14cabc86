/**
 * A Response of what was opened. React Native's takes a stream for text, reads bytes as if each were a character,
 * and has no `body`: it gets these of us, so that tRPC and the AI SDKs find what they find anywhere else.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { readRest } from '../../protocol/body.ts';
import { isWhole } from './open-answer.ts';

type Body = Bytes | ReadableStream<Bytes> | null;

export function responseOf(body: Body, init: ResponseInit): Response {
  const isComplete = 'body' in Response.prototype;
  return isComplete ? new Response(body, init) : completed(new Response(null, init), body);
}

function completed(response: Response, given: Body): Response {
  let body = given;
  let used = false;
  const bytes = async (): Promise<Bytes> => {
    if (used) throw new TypeError('Body is unusable: Body has already been read');
    used = body !== null;
    if (body === null) return new Uint8Array(0);
    return isWhole(body) ? body : readRest(body.getReader(), [], Number.POSITIVE_INFINITY);
  };
  const text = async (): Promise<string> => new TextDecoder().decode(await bytes());
  return Object.assign(response, {
    body: streamOf(body),
    text,
    arrayBuffer: async () => (await bytes()).slice().buffer,
    json: async (): Promise<unknown> => JSON.parse(await text()),
    clone() {
      let copy = body;
      if (body !== null && !isWhole(body)) {
        [body, copy] = body.tee();
        Object.assign(response, { body });
      }
      return completed(new Response(null, response), copy);
    },
  });
}

/** Undefined where the runtime has no streams at all. */
function streamOf(body: Body): Body | undefined {
  if (body === null || !isWhole(body)) return body;
  if (typeof ReadableStream !== 'function') return undefined;
  return new ReadableStream<Bytes>({
    start(controller) {
      controller.enqueue(body);
      controller.close();
    },
  });
}
