import { append, type Exchange, NOTHING, type Recorded } from './exchange';
import { addExchange, updateExchange } from './log';
import { lookForWords } from './words';

/**
 * The browser's fetch, with a copy of every byte for the panel. As the link's own transport it stands where the
 * bytes leave the page, so it sees exactly what the network sees. The answer's body is passed through piece by
 * piece at the app's pace: nothing is held back, and cancelling it cancels the request.
 */
export async function recordingFetch(
  input: RequestInfo | URL | string,
  init?: RequestInit,
): Promise<Response> {
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  const id = addExchange(describe(input, init));
  const end = (state: Exchange['state']) => updateExchange(id, () => ({ state, durationMs: elapsed() }));

  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (error) {
    end(init?.signal?.aborted ? 'stopped' : 'failed');
    throw error;
  }
  updateExchange(id, () => ({
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    state: 'arriving',
    durationMs: elapsed(),
  }));
  if (!response.body) {
    end('complete');
    return response;
  }

  const decoder = new TextDecoder();
  let tail = '';
  const onPiece = (piece: Uint8Array) => {
    const text = decoder.decode(piece, { stream: true });
    tail = lookForWords(tail + text);
    updateExchange(id, ({ received, pieces }) => ({
      received: append(received, text, piece.byteLength),
      pieces: pieces + 1,
      durationMs: elapsed(),
    }));
  };
  const onEnd = (failed: boolean) => end(init?.signal?.aborted ? 'stopped' : failed ? 'failed' : 'complete');
  const { status, statusText, headers } = response;
  return new Response(passThrough(response.body, onPiece, onEnd), { status, statusText, headers });
}

function passThrough(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onPiece: (piece: Uint8Array) => void,
  onEnd: (failed: boolean) => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            onEnd(false);
            controller.close();
          } else {
            onPiece(value);
            controller.enqueue(value);
          }
        } catch (error) {
          onEnd(true);
          controller.error(error);
        }
      },
      cancel(reason) {
        onEnd(false);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function describe(input: RequestInfo | URL | string, init: RequestInit | undefined): Omit<Exchange, 'id'> {
  const url = new URL(input instanceof Request ? input.url : input, location.href);
  const headers = [...new Headers(init?.headers)];
  const sent = recordBody(init?.body);
  const method = init?.method ?? 'GET';
  const path = url.pathname + url.search;
  lookForWords([method, path, ...headers.flat(), sent.text].join('\n'));
  return {
    at: new Date(),
    method,
    path,
    headers,
    sent,
    status: undefined,
    contentType: '',
    received: NOTHING,
    pieces: 0,
    state: 'waiting',
    durationMs: 0,
  };
}

function recordBody(body: RequestInit['body']): Recorded {
  if (typeof body === 'string') return append(NOTHING, body, new TextEncoder().encode(body).byteLength);
  if (ArrayBuffer.isView(body))
    return append(NOTHING, new TextDecoder('latin1').decode(body), body.byteLength);
  return NOTHING;
}
