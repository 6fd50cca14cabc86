/**
 * The request that the handler sees: a Request put together from what was sealed and from what the way
 * owns. The real one is only made when something unusual is asked of it, because making it costs
 * a third of a small call; what tRPC asks (url, method, headers, signal, json, text) is answered here.
 */
import type { Bytes } from '../crypto/bytes.ts';
import { mayHaveBody } from '../protocol/fetch-rules.ts';
import { standIn } from '../protocol/stand-in.ts';

export interface InnerRequestParts {
  readonly method: string;
  readonly url: string;
  /** Asked for once, if at all. */
  readonly headers: () => Headers;
  readonly body: Bytes;
  /** Aborted with the outer request. A getter in its place would give each call a hidden class of its own: 30 us. */
  readonly signal: () => AbortSignal;
}

/**
 * A Request of these parts. Where the runtime looks behind its face, as `new Request(req)` and `fetch(req)`
 * do, it is refused with a TypeError: `req.clone()` is a real one.
 */
export function createInnerRequest(parts: InnerRequestParts): Request {
  return new InnerRequest(parts) as unknown as Request;
}

/** The body of such a request, which stays unread; undefined for any other Request. */
export let innerBody: (req: Request) => Bytes | undefined;

class InnerRequest {
  static {
    innerBody = (req: object) => (#parts in req ? req.#parts.body : undefined);
  }

  readonly #parts: InnerRequestParts;
  #headers: Headers | undefined;
  #real: Request | undefined;
  #used = false;

  constructor(parts: InnerRequestParts) {
    this.#parts = parts;
  }

  get method(): string {
    return this.#parts.method;
  }
  get url(): string {
    return this.#parts.url;
  }
  get headers(): Headers {
    this.#headers ??= this.#parts.headers();
    return this.#headers;
  }
  get signal(): AbortSignal {
    return this.#parts.signal();
  }
  get bodyUsed(): boolean {
    return this.#used || (this.#real?.bodyUsed ?? false);
  }
  get #hasBody(): boolean {
    return mayHaveBody(this.#parts.method);
  }

  async text(): Promise<string> {
    // As Body.text() does: a byte order mark is dropped and what is not UTF-8 is replaced.
    return UTF8.decode(this.#take());
  }
  async json(): Promise<unknown> {
    return JSON.parse(UTF8.decode(this.#take()));
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#take().slice().buffer;
  }

  /** The real Request, from the first unusual access on. */
  real(): Request {
    if (this.#real === undefined) {
      const { method, url, body } = this.#parts;
      const { headers, signal } = this;
      this.#real = new Request(url, { method, headers, signal, body: this.#hasBody ? body : null });
      if (this.#used) consume(this.#real);
    }
    return this.#real;
  }

  #take(): Bytes {
    if (!this.#hasBody) return this.#parts.body;
    if (this.bodyUsed || this.#real?.body?.locked === true)
      throw new TypeError('Body is unusable: Body has already been read');
    this.#used = true;
    if (this.#real !== undefined) consume(this.#real);
    return this.#parts.body;
  }
}

/** What was read from the parts can't be read once more from the real one. */
function consume(request: Request): void {
  request.body?.cancel().catch(() => undefined);
}

const UTF8 = new TextDecoder();

standIn(InnerRequest.prototype, Request.prototype, (request) => request.real());
