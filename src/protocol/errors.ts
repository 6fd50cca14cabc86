/**
 * The error codes: stable, never renumbered. What goes on the wire is the code and its constant
 * message, nothing else: no value from the request, no cause, no stack. Cause and fix of each
 * code, for people, are in catalogue.ts under the same keys.
 */

/**
 * Whether the call ran: `'not-run'` is only said by the client of a call that never left it, and by
 * sealed refusals from before the handler; everything that could be forged is `'unknown'`.
 */
export type NenOutcome = 'not-run' | 'unknown';

/** One of the stable codes of docs/errors.md. */
export type NenErrorCode =
  | 'ISO-1001'
  | 'ISO-1002'
  | 'ISO-1003'
  | 'ISO-1004'
  | 'ISO-1005'
  | 'ISO-1006'
  | 'ISO-1007'
  | 'ISO-1008'
  | 'ISO-2001'
  | 'ISO-2002'
  | 'ISO-2003'
  | 'ISO-2004'
  | 'ISO-3001'
  | 'ISO-3002'
  | 'ISO-3003'
  | 'ISO-3004'
  | 'ISO-3005'
  | 'ISO-3006'
  | 'ISO-3007'
  | 'ISO-4001'
  | 'ISO-4002'
  | 'ISO-4003'
  | 'ISO-4004'
  | 'ISO-4005'
  | 'ISO-4006'
  | 'ISO-4007'
  | 'ISO-5001'
  | 'ISO-5002'
  | 'ISO-6001'
  | 'ISO-6002'
  | 'ISO-6003'
  | 'ISO-6004';

export interface WireError {
  /** HTTP status of the plain answer. Codes that only a client raises have none. */
  readonly status?: number;
  readonly message: string;
}

export const WIRE_ERRORS: Readonly<Record<NenErrorCode, WireError>> = {
  'ISO-1001': { status: 400, message: 'No public key in the handshake.' },
  'ISO-1002': { status: 400, message: 'The public key was not accepted.' },
  'ISO-1003': { status: 400, message: 'Protocol version, suite or origin not accepted.' },
  'ISO-1004': { status: 401, message: 'The client identity signature is invalid.' },
  'ISO-1005': { status: 403, message: 'The client is not authorised.' },
  'ISO-1006': { message: 'The server identity is missing, not pinned or invalid.' },
  'ISO-1007': { message: 'The handshake answer is invalid.' },
  'ISO-1008': { status: 429, message: 'The handshake was refused for now.' },
  'ISO-2001': { status: 401, message: 'Session not initialised.' },
  'ISO-2002': { status: 401, message: 'Session expired or unknown.' },
  'ISO-2003': { status: 503, message: 'The session store is unavailable.' },
  'ISO-2004': { status: 401, message: 'The session record cannot be opened.' },
  'ISO-3001': { status: 401, message: 'Request signature missing.' },
  'ISO-3002': { status: 401, message: 'Request signature invalid.' },
  'ISO-3003': { status: 401, message: 'Timestamp outside the window.' },
  'ISO-3004': { status: 400, message: 'Timestamp missing or malformed.' },
  'ISO-3005': { status: 400, message: 'Nonce missing.' },
  'ISO-3006': { status: 400, message: 'Nonce malformed.' },
  'ISO-3007': { status: 403, message: 'A sealed request is required.' },
  'ISO-4001': { status: 400, message: 'The request cannot be opened.' },
  'ISO-4002': { status: 400, message: 'The envelope is malformed.' },
  'ISO-4003': { status: 413, message: 'Too large.' },
  'ISO-4004': { message: 'The response cannot be opened.' },
  'ISO-4005': { message: 'The response is not sealed.' },
  'ISO-4006': { status: 400, message: 'The payload is malformed.' },
  'ISO-4007': { status: 400, message: 'The body was truncated on the way.' },
  'ISO-5001': { status: 409, message: 'Nonce replayed.' },
  'ISO-5002': { status: 409, message: 'The first attempt may have run.' },
  'ISO-6001': { message: 'The stream was truncated.' },
  'ISO-6002': { message: 'A record of the stream is invalid.' },
  'ISO-6003': { message: 'A limit of the stream was exceeded.' },
  'ISO-6004': { message: 'The sender of the stream failed.' },
};

export function isNenErrorCode(value: unknown): value is NenErrorCode {
  return typeof value === 'string' && Object.hasOwn(WIRE_ERRORS, value);
}

/** What an error can say besides its code. */
export interface NenErrorOptions {
  /** HTTP status that came with the failure, where there was one. */
  readonly status?: number | undefined;
  readonly outcome?: NenOutcome;
  readonly cause?: unknown;
  /** The diagnosis, for the server's own log. Never sent, never part of the message. */
  readonly hint?: string;
  /** In place of the code's own, for a failure that never was on the wire: no answer came. */
  readonly message?: string;
}

/**
 * Every failure of the sealed channel.
 *
 * `code` is one of the ISO-xxxx codes; `outcome` says whether the call may have run;
 * `status` is the HTTP status it came with, if any (unauthenticated unless the error was sealed).
 */
export class NenError extends Error {
  override readonly name = 'NenError';
  readonly code: NenErrorCode;
  readonly outcome: NenOutcome;
  readonly status: number | undefined;
  /** For the server's own log only. */
  readonly hint: string | undefined;

  constructor(code: NenErrorCode, options: NenErrorOptions = {}) {
    super(
      options.message ?? WIRE_ERRORS[code].message,
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.code = code;
    this.outcome = options.outcome ?? 'unknown';
    this.status = options.status;
    this.hint = options.hint;
  }

  /** The NenError behind anything thrown, through the chain of causes (a TRPCClientError's too). */
  static from(error: unknown): NenError | undefined {
    const seen = new Set<unknown>();
    for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
      if (at instanceof NenError) return at;
      seen.add(at);
    }
    return undefined;
  }
}

/** HTTP status of a code's plain answer; 500 for the codes that no server sends. */
export function statusOf(code: NenErrorCode): number {
  return WIRE_ERRORS[code].status ?? 500;
}
