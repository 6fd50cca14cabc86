/**
 * The request that a server hands to a handler of ours: what opening a sealed call asks (method, url, headers,
 * body) is answered here, and the real Request is only made for the rest, since making it costs a tenth of a
 * small call, and half of a refusal. An application's code gets the real one.
 */
import type { Bytes } from '../crypto/bytes.ts';
import { standIn } from '../protocol/stand-in.ts';

export interface IncomingParts {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  /** Asked for once, if at all. */
  readonly body: () => ReadableStream<Bytes> | null;
  /** The same one whenever it is asked for: aborts when the client has left. */
  readonly signal: () => AbortSignal;
}

/** A Request of these parts, for those who {@link takesStandIn}. */
export function createIncomingRequest(parts: IncomingParts): Request {
  return new IncomingRequest(parts) as unknown as Request;
}

/** The real one, where a stand-in was given. */
export let realRequest: (req: Request) => Request;

class IncomingRequest {
  static {
    realRequest = (req: Request) =>
      #parts in (req as object) ? (req as never as IncomingRequest).real() : req;
  }

  readonly #parts: IncomingParts;
  #body: ReadableStream<Bytes> | null | undefined;
  #real: Request | undefined;

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  get method(): string {
    return this.#parts.method;
  }
  get url(): string {
    return this.#parts.url;
  }
  get headers(): Headers {
    return this.#parts.headers;
  }
  get signal(): AbortSignal {
    return this.#parts.signal();
  }
  get body(): ReadableStream<Bytes> | null {
    if (this.#real !== undefined) return this.#real.body as ReadableStream<Bytes> | null;
    if (this.#body === undefined) this.#body = this.#parts.body();
    return this.#body;
  }

  real(): Request {
    if (this.#real === undefined) {
      const { method, url, headers } = this.#parts;
      const { body, signal } = this;
      const isTaken = body?.locked === true;
      const init = { method, headers, signal, body: isTaken ? new ReadableStream() : body, duplex: 'half' };
      this.#real = new Request(url, init as RequestInit);
      // What was read here can't be read once more there.
      if (isTaken) this.#real.body?.cancel().catch(() => undefined);
    }
    return this.#real;
  }
}

standIn(IncomingRequest.prototype, Request.prototype, (request) => request.real());

const takers = new WeakSet<object>();

/** Marks a handler that asks no more than {@link IncomingParts} of a request, or for the real one. */
export function takesStandIn<Handler extends object>(handler: Handler): Handler {
  takers.add(handler);
  return handler;
}

export function isStandInTaker(handler: object): boolean {
  return takers.has(handler);
}
