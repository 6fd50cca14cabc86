/** expo/fetch, which an application passes as `fetch`: its answers are of a class of their own, and stream. */
import type { Bytes } from '../../../src/crypto/bytes.ts';
import type { Transport } from '../../../src/link/client/index.ts';
import { readRest } from '../../../src/protocol/body.ts';
import { send } from './network.ts';

export const expoFetch: Transport = async (url, { signal, method, headers, body }) => {
  const sent = send(url, { method, headers, body });
  signal?.addEventListener('abort', () => sent.destroy());
  const answer = await sent.answer;
  const chunks = answer[Symbol.asyncIterator]();
  const stream = new ReadableStream<Bytes>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(new Uint8Array(value as Uint8Array));
    },
    cancel: () => {
      sent.destroy();
    },
  });
  const bytes = (): Promise<Bytes> => readRest(stream.getReader(), [], Number.POSITIVE_INFINITY);
  const status = answer.statusCode ?? 0;
  const response = {
    status,
    ok: status >= 200 && status < 300,
    headers: new Headers(answer.headers as Record<string, string>),
    body: stream,
    arrayBuffer: async () => (await bytes()).buffer,
    text: async () => new TextDecoder().decode(await bytes()),
    json: async (): Promise<unknown> => JSON.parse(new TextDecoder().decode(await bytes())),
  };
  return response as unknown as Response;
};
