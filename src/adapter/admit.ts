/**
 * The checks of a sealed request, in the order that PROTOCOL.md gives, up to the claim of its nonce.
 * The order is a defence: nobody without the keys can burn a nonce, and what is cheap comes first.
 * All that is refused here is refused in clear; after the claim, refusals are sealed.
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, latin1ToBytes } from '../crypto/bytes.ts';
import { decodeRetry, isInWindow } from '../protocol/claims.ts';
import { CONTENT_TYPE_OCTETS } from '../protocol/constants.ts';
import type { Encoding } from '../protocol/envelope.ts';
import { NenError } from '../protocol/errors.ts';
import { type OpenedRequest, openRequest } from '../protocol/exchange.ts';
import {
  type RequestLine,
  readSealedHeaders,
  type SealedHeaders,
  verifyRequest,
} from '../protocol/signed-headers.ts';
import type { Context } from './context.ts';
import { headersOf } from './incoming-request.ts';
import type { OpenedSession } from './opened-session.ts';
import { declaredLength, readRequestBody } from './request-body.ts';
import { LARGE_BYTES } from './turns.ts';

/** A request that opened and whose nonce is claimed. Its session is held until `session.release()`. */
export interface Admitted extends OpenedRequest {
  readonly session: OpenedSession;
  /** The outer request line, as the client signed it. */
  readonly line: RequestLine;
  readonly headers: SealedHeaders;
}

/** @throws {NenError} to be answered in clear: nothing ran. */
export async function admit(context: Context, req: Request, line: RequestLine): Promise<Admitted> {
  const headers = readSealedHeaders(headersOf(req));
  const declared = declaredLength(req, context.maxBodyBytes);
  const session = await context.sessions.open(headers.sid);
  if (session === undefined) {
    // The same work as for a known session, so that time tells nothing.
    context.primitives.macKey(NO_KEY).mac(latin1ToBytes(line.path));
    throw new NenError('ISO-2002', {
      hint: 'no such session here: expired, restarted, or another instance’s memory',
    });
  }
  try {
    verifyRequest(session.keys, line, headers, context.now());
    const body = await readRequestBody(req, context.maxBodyBytes, declared);
    if (body.length > LARGE_BYTES) await context.turns.take();
    const opened = await openRequest(session, line, headers, encodingOf(req), body);
    await context.sessions.claim(session, headers.nonce, Number(headers.timestamp));
    const { payload, exchange } = opened;
    return { payload, exchange, session, line, headers };
  } catch (error) {
    session.release();
    throw error;
  }
}

/**
 * A retry claims its first attempt, whose answer may be on its way still or may have been withheld.
 * @throws {NenError} ISO-5002, ISO-4006, ISO-2003: to be sealed.
 */
export async function claimFirstAttempt({ sessions, now }: Context, { headers }: Admitted): Promise<void> {
  const first = decodeRetry(headers.retry);
  if (first === undefined) throw new NenError('ISO-4006', { hint: 'X-Nen-Retry is malformed' });
  if (!isInWindow(first.timestamp, now())) {
    throw new NenError('ISO-5002', { hint: 'the first attempt is older than its claim would be' });
  }
  const result = await sessions.claimFirst(first);
  if (result === 'claimed') return;
  throw new NenError('ISO-5002', {
    hint:
      result === 'gone'
        ? 'the store may have forgotten the first attempt'
        : 'the first attempt was claimed: it ran or runs',
  });
}

const NO_KEY: Bytes = new Uint8Array(KEY_BYTES);

function encodingOf(req: Request): Encoding {
  return headersOf(req).get('content-type')?.startsWith(CONTENT_TYPE_OCTETS) === true ? 'octets' : 'json';
}
