/**
 * An answer whose body lies in memory: a stand-in for a Response, until somebody asks for the real one. Making
 * that takes a tenth of a small call, most of it for a stream that no server of node:http reads.
 */
import type { Bytes } from '../crypto/bytes.ts';
import { standIn } from '../protocol/stand-in.ts';

export interface WholeParts {
  readonly status: number;
  /** In any case; each once, but for Set-Cookie. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Bytes;
}

/** Never to be given to code that is not ours: see {@link realResponse}. */
export function wholeResponse(parts: WholeParts): Response {
  return new WholeResponse(parts) as unknown as Response;
}

/** The real one, where it is a stand-in. */
export let realResponse: (response: Response) => Response;

/** What such a response is made of; undefined for any other, and once it was asked for more than that. */
export let wholeParts: (response: Response) => WholeParts | undefined;

class WholeResponse {
  static {
    realResponse = (response) => (isWhole(response) ? response.real() : response);
    wholeParts = (response) =>
      isWhole(response) && response.#real === undefined ? response.#parts : undefined;
    function isWhole(response: object): response is WholeResponse {
      return #parts in response;
    }
  }

  readonly #parts: WholeParts;
  #real: Response | undefined;

  constructor(parts: WholeParts) {
    this.#parts = parts;
  }

  get status(): number {
    return this.#parts.status;
  }

  real(): Response {
    const { status, headers, body } = this.#parts;
    this.#real ??= new Response(body, { status, headers: headers as [string, string][] });
    return this.#real;
  }
}

standIn(WholeResponse.prototype, Response.prototype, (response) => response.real());
