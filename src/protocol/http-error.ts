/**
 * An answer that says no. A handler throws it to choose status and data; at the other end nenFetch and
 * nenStream throw it for every status that is not 2xx. It is the application's word, not the seal's: no code.
 */

/** Next gives each route file a module instance of its own: classes differ there, this doesn't. */
const BRAND = Symbol.for('trpc-nen.http-error');

const MIN_STATUS = 300;
const MAX_STATUS = 599;

/**
 * @example
 * // server: arrives sealed, with this status
 * if (note === undefined) throw new NenHttpError(404, { message: 'No such note.' });
 * // client
 * if (error instanceof NenHttpError && error.status === 404) show(error.data);
 */
export class NenHttpError extends Error {
  override readonly name = 'NenHttpError';
  readonly status: number;
  /** The value of a JSON answer, the text of another, undefined where there is none. */
  readonly data: unknown;
  /** The opened answer, its body unread; undefined for an error that a handler made. */
  readonly response: Response | undefined;

  /**
   * @param status 400 to 599; with a response also 300 to 399, which nobody follows.
   * @param data what JSON can say; left out, the answer has no body.
   * @throws {RangeError} for another status.
   */
  constructor(status: number, data?: unknown, response?: Response) {
    const least = response === undefined ? 400 : MIN_STATUS;
    if (!(Number.isInteger(status) && status >= least && status <= MAX_STATUS)) {
      throw new RangeError(`status: a whole number from ${least} to ${MAX_STATUS}`);
    }
    super(`The handler answered with status ${status}.`);
    this.status = status;
    this.data = data;
    this.response = response;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** `instanceof`, across the module instances of a process too. */
  static is(error: unknown): error is NenHttpError {
    return error instanceof Error && BRAND in error;
  }
}
