/** What chunks.test.ts runs, in a page and in a service worker: one client, and what its calls come to. */
import { NenClient, NenError } from '../../../src/link/client/index.ts';

let client: NenClient | undefined;

/** Text of a streamed answer, or code and outcome of what the call failed with. */
async function call(): Promise<string> {
  client ??= new NenClient('');
  try {
    return await (await client.fetch('/api/stream', { method: 'POST' })).text();
  } catch (error) {
    const failure = NenError.from(error);
    return failure === undefined ? String(error) : `${failure.code} ${failure.outcome}`;
  }
}

/** The same, asked of the service worker. */
async function callInWorker(): Promise<string> {
  await navigator.serviceWorker.register('/worker.js');
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<string>((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  active?.postMessage('call', [port2]);
  return answer;
}

const tests = { call, callInWorker };
export type ChunksInPage = typeof tests;
Object.assign(globalThis, { tests });

if (globalThis.document === undefined) {
  globalThis.addEventListener('message', ({ ports: [port] }: MessageEvent) => {
    void call().then((answer) => port?.postMessage(answer));
  });
}
