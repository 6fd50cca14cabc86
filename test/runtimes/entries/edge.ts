/** edge-runtime, which dispatches fetch events. */
import { createRuntimeApp } from '../suite.ts';

interface FetchEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const app = createRuntimeApp(GOLDEN_TRANSCRIPTS);
addEventListener('fetch', (event) => {
  const { request, respondWith } = event as unknown as FetchEvent;
  respondWith.call(event, Promise.resolve(app(request)));
});
