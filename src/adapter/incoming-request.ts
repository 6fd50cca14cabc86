/**
 * The request that a server hands to a handler of ours: what opening a sealed call asks (method, url, headers,
 * body) is answered here, and the real Request, its Headers and the stream of its body are only made for the rest,
 * since making them costs a fifth of a small call, and half of a refusal. An application's code gets the real one.
 */
import type { Bytes } from '../crypto/bytes.ts';
import { mayHaveBody } from '../protocol/fetch-rules.ts';
import type { HeaderReader } from '../protocol/signed-headers.ts';
import { standIn } from '../protocol/stand-in.ts';
import { realResponse } from './whole-response.ts';

/** What is asked of a request's headers here; Headers are such ones. */
export interface RequestHeaders extends HeaderReader, Iterable<[name: string, value: string]> {
  has(name: string): boolean;
}

/** A body that is read in one of two ways. */
export interface IncomingBody {
  stream(): ReadableStream<Bytes>;
  /** @throws {NenError} ISO-4003 at the chunk that exceeds `limit`, in bytes. */
  whole(limit: number): Promise<Bytes>;
}

export interface IncomingParts {
  readonly method: string;
  readonly url: string;
  readonly headers: RequestHeaders;
  /** null for a request that brings none. That of a GET or HEAD is only there for those who open a call. */
  readonly body: IncomingBody | null;
  /** The same one whenever it is asked for: aborts when the client has left. */
  readonly signal: () => AbortSignal;
}

/** A Request of these parts, for those who {@link takesStandIn}. */
export function createIncomingRequest(parts: IncomingParts): Request {
  return new IncomingRequest(parts) as unknown as Request;
}

let isStandIn: (req: Request) => boolean;

/** The real one, where a stand-in was given. */
export let realRequest: (req: Request) => Request;

/** The headers of any request. */
export let headersOf: (req: Request) => RequestHeaders;

/** The body of a stand-in, if nobody has asked for it; undefined for any other request. */
export let takeBody: (req: Request) => IncomingBody | null | undefined;

class IncomingRequest {
  static {
    const isIncoming = (req: object): req is IncomingRequest => #parts in req;
    isStandIn = isIncoming;
    realRequest = (req) => (isIncoming(req) ? req.real() : req);
    headersOf = (req) => (isIncoming(req) ? req.#parts.headers : req.headers);
    takeBody = (req) => (isIncoming(req) ? req.#take() : undefined);
  }

  readonly #parts: IncomingParts;
  #headers: Headers | undefined;
  #body: ReadableStream<Bytes> | null | undefined;
  #taken = false;
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
    this.#headers ??= this.#real?.headers ?? new Headers([...this.#parts.headers]);
    return this.#headers;
  }
  get signal(): AbortSignal {
    return this.#parts.signal();
  }
  get body(): ReadableStream<Bytes> | null {
    const isWhole = this.#taken && this.#body === undefined;
    if (!mayHaveBody(this.method)) return null;
    if (isWhole || this.#real !== undefined) return this.real().body as ReadableStream<Bytes> | null;
    this.#body ??= this.#take()?.stream() ?? null;
    return this.#body;
  }

  real(): Request {
    if (this.#real === undefined) {
      const { method, url, headers, signal } = this;
      const isUsed = this.#taken && this.#body?.locked !== false && mayHaveBody(method);
      const body = isUsed ? new ReadableStream() : this.body;
      this.#real = new Request(url, { method, headers, signal, body, duplex: 'half' } as RequestInit);
      // What was read here can't be read once more there.
      if (isUsed) this.#real.body?.cancel().catch(() => undefined);
    }
    return this.#real;
  }

  #take(): IncomingBody | null | undefined {
    if (this.#taken || this.#real !== undefined) return undefined;
    this.#taken = this.#parts.body !== null;
    return this.#parts.body;
  }
}

standIn(IncomingRequest.prototype, Request.prototype, (request) => request.real());

type Taker<Rest extends unknown[]> = (req: Request, ...rest: Rest) => Promise<Response>;

const takers = new WeakSet<object>();

/**
 * A handler that asks no more than {@link IncomingParts} of a request, or for the real one. Who gives it a real
 * one gets a real Response too.
 */
export function takesStandIn<Rest extends unknown[]>(handler: Taker<Rest>): Taker<Rest> {
  const taker: Taker<Rest> = (req, ...rest) => {
    const response = handler(req, ...rest);
    return isStandIn(req) ? response : response.then(realResponse);
  };
  takers.add(taker);
  return taker;
}

export function isStandInTaker(handler: object): boolean {
  return takers.has(handler);
}
