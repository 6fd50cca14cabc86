/**
 * The response that tRPC's links get of an answer that came in one piece: what they ask of it is answered
 * here, and a real Response, with a stream for its body, is only made when something else is asked.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { standIn } from '../../protocol/stand-in.ts';
import { hasNullBody, type Respond, toHeaders, toResponse } from './fetch.ts';
import type { Message } from './message.ts';
import { type Answer, isWhole } from './open-answer.ts';

/** The answer as a Response, a stand-in where its body is there. */
export const toOpenedResponse: Respond = (answer, message) =>
  isWhole(answer.body) && !hasNullBody(answer, message)
    ? (new OpenedResponse(answer, answer.body, message) as unknown as Response)
    : toResponse(answer, message);

class OpenedResponse {
  readonly #answer: Answer;
  readonly #body: Bytes;
  readonly #message: Message;
  #headers: Headers | undefined;
  #real: Response | undefined;
  #used = false;

  constructor(answer: Answer, body: Bytes, message: Message) {
    this.#answer = answer;
    this.#body = body;
    this.#message = message;
  }

  get status(): number {
    return this.#answer.status;
  }
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  get headers(): Headers {
    this.#headers ??= this.#real?.headers ?? toHeaders(this.#answer.fields);
    return this.#headers;
  }
  get body(): ReadableStream<Bytes> | null {
    return this.real().body as ReadableStream<Bytes> | null;
  }
  get bodyUsed(): boolean {
    return this.#used || (this.#real?.bodyUsed ?? false);
  }

  async text(): Promise<string> {
    return UTF8.decode(this.#take());
  }
  async json(): Promise<unknown> {
    return JSON.parse(UTF8.decode(this.#take()));
  }

  /** The real Response, from the first unusual access on. */
  real(): Response {
    if (this.#real === undefined) {
      this.#real = toResponse(this.#answer, this.#message);
      if (this.#used) consume(this.#real);
    }
    return this.#real;
  }

  #take(): Bytes {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    this.#used = true;
    if (this.#real !== undefined) consume(this.#real);
    return this.#body;
  }
}

/** What was read here can't be read once more from the real one. */
function consume(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

const UTF8 = new TextDecoder();

standIn(OpenedResponse.prototype, Response.prototype, (response) => response.real());
