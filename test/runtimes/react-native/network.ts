/** What carries the bytes beneath: React Native's is native code, here it is node:http. */
import { type IncomingMessage, request } from 'node:http';

export interface Request {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | null;
}

/** @returns what has a destroy(), and resolves with the answer's head. */
export function send(url: string, { method, headers, body }: Request) {
  const sent = request(url, { method, headers: { ...headers, 'content-length': String(body?.length ?? 0) } });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
  });
  sent.end(body);
  return { answer, destroy: () => sent.destroy() };
}
