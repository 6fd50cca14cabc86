/**
 * A refusal of the protocol itself as bytes: {"code","message"}. Plain it stands under "error" and is
 * only a hint; sealed (payload kind `error`, or a stream's failed record) it is the server's word.
 */
import { type Bytes, utf8ToBytes } from '../crypto/bytes.ts';
import { isNenErrorCode, NenError, type NenErrorCode, WIRE_ERRORS } from './errors.ts';
import { hasFields, parseMessage, toObject } from './json.ts';

/** The payload of a sealed refusal. */
export function encodeRefusal(code: NenErrorCode): Bytes {
  return utf8ToBytes(JSON.stringify({ code, message: WIRE_ERRORS[code].message }));
}

/** A sealed refusal. Only one from before the handler says that the call did not run. */
export function decodeRefusal(payload: Bytes): NenError | undefined {
  const message = parseMessage(payload);
  if (message === undefined || !hasFields(message, ['code', 'message']) || !isNenErrorCode(message.code))
    return undefined;
  return new NenError(message.code, { outcome: message.code === 'ISO-4006' ? 'not-run' : 'unknown' });
}

/** The body of a plain refusal. */
export function encodePlainRefusal(code: NenErrorCode): string {
  return JSON.stringify({ error: { code, message: WIRE_ERRORS[code].message } });
}

/** The code that a plain answer claims: unauthenticated, a hint and no more. */
export function decodePlainRefusal(body: Bytes): NenErrorCode | undefined {
  const message = parseMessage(body);
  if (message === undefined || !hasFields(message, ['error'])) return undefined;
  const error = toObject(message.error);
  if (error === undefined || !hasFields(error, ['code', 'message'])) return undefined;
  return isNenErrorCode(error.code) ? error.code : undefined;
}
