/**
 * The fetch that an SDK is given: the sealed tunnel, with a failure told in the way that SDKs understand. They
 * send a call again when fetch throws, up to twice. A sealed call that may have run must not be sent again, so
 * its failure is an answer that says no, and not to be asked again.
 */
import type { Fetch } from '../link/client/fetch.ts';
import { NenError } from '../protocol/errors.ts';

/** Headers for the server, sealed with each call. */
export type SealedHeaders = () => HeadersInit | Promise<HeadersInit>;

/** Failed Dependency: of the statuses that no SDK has a class of its own for. */
const STATUS_OF_FAILURE = 424;

/** Nothing was sent, and another attempt may go better: no answer to the handshake, or too many of them. */
const PASSING: ReadonlySet<string> = new Set(['ISO-1007', 'ISO-1008']);

/** Which failure an answer of ours stands for. SDK errors hand on the answer's own Headers. */
const FAILURES = new WeakMap<Headers, NenError>();

export function sdkFetch(fetch: Fetch, headers: SealedHeaders | undefined): Fetch {
  return async (input, init) => {
    // Before an upload SDKs look at what kind of Response a fetch gives; a page's policy may forbid to ask.
    if (input === 'data:,') return new Response();
    const sent = headers === undefined ? init : withHeaders(init, await headers());
    try {
      return await fetch(input, sent);
    } catch (error) {
      if (!(error instanceof NenError)) throw error;
      if (error.outcome === 'not-run' && PASSING.has(error.code)) throw error;
      return standFor(error);
    }
  };
}

function withHeaders(init: RequestInit | undefined, more: HeadersInit): RequestInit {
  const headers = new Headers(init?.headers);
  for (const [name, value] of new Headers(more)) headers.set(name, value);
  return { ...init, headers };
}

/** An answer in the shape that both SDKs read errors from. */
function standFor(failure: NenError): Response {
  const { code, message, outcome } = failure;
  const response = Response.json(
    { type: 'error', error: { type: 'nen_error', code, message, outcome } },
    { status: STATUS_OF_FAILURE, headers: { 'x-should-retry': 'false' } },
  );
  FAILURES.set(response.headers, failure);
  return response;
}

/**
 * The NenError behind anything that a secure SDK threw; undefined where the seal did its part, and it is the
 * provider's error, or your server's.
 * @example
 * const failure = nenErrorOf(error);
 * if (failure?.code === 'ISO-1006') tell('This is not our server.');
 */
export function nenErrorOf(error: unknown): NenError | undefined {
  const headers: unknown = error instanceof Error && 'headers' in error ? error.headers : undefined;
  return (headers instanceof Headers ? FAILURES.get(headers) : undefined) ?? NenError.from(error);
}
