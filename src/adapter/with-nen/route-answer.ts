/**
 * What a withNen handler returns or throws, as a Response, which is then sealed like any other.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { NenHttpError } from '../../protocol/http-error.ts';
import { CONTENT_TYPE_JSON_LINES, encodeJsonLine } from '../../protocol/json-lines.ts';
import { isResponse } from '../is-response.ts';

/**
 * A Response as it is, undefined as 204, anything else as JSON.
 * @throws {TypeError} for what JSON can't say, or would say wrongly.
 */
export function valueResponse(value: unknown): Response {
  if (isResponse(value)) return value;
  if (value === undefined) return new Response(null, { status: 204 });
  // JSON makes {} of them, and nobody would notice.
  if (isIterable(value) || value instanceof ReadableStream) {
    throw new TypeError('withNen: a stream of items needs withNenStream, one of bytes a Response');
  }
  return Response.json(value);
}

/** A Response as it is, an async iterable as JSON lines. @throws {TypeError} for anything else. */
export function streamResponse(value: unknown): Response {
  if (isResponse(value)) return value;
  if (!isIterable(value)) throw new TypeError('withNenStream: the handler returns an async iterable');
  return new Response(jsonLines(value), { headers: { 'Content-Type': CONTENT_TYPE_JSON_LINES } });
}

/** The answer that a handler chose by throwing. @throws the error itself, if it is none of that kind. */
export function errorResponse(error: unknown): Response {
  // One with a response is another server's word to this one, and not meant for the client.
  if (!NenHttpError.is(error) || error.response !== undefined) throw error;
  const { status, data } = error;
  return data === undefined ? new Response(null, { status }) : Response.json(data, { status });
}

/** One pull takes one item, so the generator goes no faster than its reader; cancelling ends it. */
function jsonLines(items: AsyncIterable<unknown>): ReadableStream<Bytes> {
  let iterator: AsyncIterator<unknown> | undefined;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        iterator ??= items[Symbol.asyncIterator]();
        const { done, value } = await iterator.next();
        if (done === true) return controller.close();
        try {
          controller.enqueue(encodeJsonLine(value));
        } catch (error) {
          leave(iterator);
          throw error;
        }
      },
      cancel() {
        leave(iterator);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Nobody waits: a generator that is busy ends when it comes to its next yield. */
function leave(iterator: AsyncIterator<unknown> | undefined): void {
  void Promise.resolve(iterator?.return?.()).catch(() => undefined);
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
