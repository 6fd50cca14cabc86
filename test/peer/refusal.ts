/** PROTOCOL.md 15: the codes, and refusals in clear and sealed. */
import { bytes } from './bytes.ts';
import { hasExactly, readMessage } from './json-message.ts';

/** Code, status, message: those that a server says, be it only in its log (2004). */
const CODES: Readonly<Record<string, readonly [status: number, message: string]>> = {
  'ISO-1001': [400, 'No public key in the handshake.'],
  'ISO-1002': [400, 'The public key was not accepted.'],
  'ISO-1003': [400, 'Protocol version, suite or origin not accepted.'],
  'ISO-1004': [401, 'The client identity signature is invalid.'],
  'ISO-1005': [403, 'The client is not authorised.'],
  'ISO-1008': [429, 'The handshake was refused for now.'],
  'ISO-2001': [401, 'Session not initialised.'],
  'ISO-2002': [401, 'Session expired or unknown.'],
  'ISO-2003': [503, 'The session store is unavailable.'],
  'ISO-2004': [401, 'The session record cannot be opened.'],
  'ISO-3001': [401, 'Request signature missing.'],
  'ISO-3002': [401, 'Request signature invalid.'],
  'ISO-3003': [401, 'Timestamp outside the window.'],
  'ISO-3004': [400, 'Timestamp missing or malformed.'],
  'ISO-3005': [400, 'Nonce missing.'],
  'ISO-3006': [400, 'Nonce malformed.'],
  'ISO-3007': [403, 'A sealed request is required.'],
  'ISO-4001': [400, 'The request cannot be opened.'],
  'ISO-4002': [400, 'The envelope is malformed.'],
  'ISO-4003': [413, 'Too large.'],
  'ISO-4006': [400, 'The payload is malformed.'],
  'ISO-4007': [400, 'The body was truncated on the way.'],
  'ISO-5001': [409, 'Nonce replayed.'],
  'ISO-5002': [409, 'The first attempt may have run.'],
  'ISO-6003': [500, 'A limit of the stream was exceeded.'],
  'ISO-6004': [500, 'The sender of the stream failed.'],
};

/** Those that only a client says. */
const OF_CLIENTS = ['ISO-1006', 'ISO-1007', 'ISO-4004', 'ISO-4005', 'ISO-6001', 'ISO-6002'];
const MAX_PLAIN_BYTES = 16 * 1024;

/** Who said it: the other side in clear (a hint), the other side under seal (its word), or this side. */
export type Form = 'plain' | 'sealed' | 'own';

export class Refusal extends Error {
  readonly code: string;
  readonly form: Form;

  constructor(code: string, form: Form = 'own') {
    super(`${code} (${form}): ${CODES[code]?.[1] ?? 'said by a client'}`);
    this.code = code;
    this.form = form;
  }
}

export const statusOf = (code: string): number => CODES[code]?.[0] ?? 400;
const word = (code: string): { code: string; message: string } => ({
  code,
  message: CODES[code]?.[1] ?? 'No such code.',
});

export const plainBody = (code: string): Buffer => bytes(JSON.stringify({ error: word(code) }));
export const sealedPayload = (code: string): Buffer => bytes(JSON.stringify(word(code)));

/** The code of `{"code","message"}`, or undefined. */
export const codeInPayload = (payload: Uint8Array): string | undefined => codeOf(readMessage(payload));

/** The code of `{"error":{"code","message"}}`, or undefined. */
export function codeInPlain(body: Uint8Array): string | undefined {
  const message = readMessage(body, MAX_PLAIN_BYTES);
  return hasExactly(message, ['error']) ? codeOf(message.error) : undefined;
}

function codeOf(value: unknown): string | undefined {
  if (!hasExactly(value, ['code', 'message']) || typeof value.message !== 'string') return undefined;
  const { code } = value;
  const isKnown = typeof code === 'string' && (Object.hasOwn(CODES, code) || OF_CLIENTS.includes(code));
  return isKnown ? code : undefined;
}
