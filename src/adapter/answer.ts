/**
 * From the handler's response to the sealed one: one envelope if the body is there within a turn of the
 * event loop, else a stream (PROTOCOL.md, "A sealed response", "A sealed stream").
 */
import { type Bytes, EMPTY } from '../crypto/bytes.ts';
import { joinBytes } from '../protocol/body.ts';
import {
  CONTENT_TYPE_JSON,
  CONTENT_TYPE_OCTETS,
  CONTENT_TYPE_SSE,
  MAX_SINGLE_ANSWER_BYTES,
} from '../protocol/constants.ts';
import type { ResponseKind } from '../protocol/envelope.ts';
import { type NenError, statusOf } from '../protocol/errors.ts';
import { type Exchange, type SealedMessage, sealResponse } from '../protocol/exchange.ts';
import { isNullBodyStatus } from '../protocol/fetch-rules.ts';
import { type Field, isAnswerOutside, isFraming } from '../protocol/headers.ts';
import { encodeResponse } from '../protocol/http.ts';
import { type Padding, padMessage } from '../protocol/padding.ts';
import { encodeRefusal } from '../protocol/refusal.ts';
import { StreamSealer } from '../protocol/stream.ts';
import { type Burst, BurstReader } from './burst.ts';
import type { Context } from './context.ts';
import { HandlerFailure } from './handler-failure.ts';
import { sealedBody } from './sealed-body.ts';
import type { Shaping } from './shaping.ts';
import { LARGE_BYTES } from './turns.ts';
import { wholeResponse } from './whole-response.ts';

/** Nobody on the way may keep or alter what is sealed. */
const CACHE_CONTROL = 'no-store, no-transform';

/** The status of every answer whose own status is sealed. */
const OUTER_OK = 200;

/** Called once, when nothing more will be sealed under the session. */
export type OnSealed = () => void;

/**
 * Seals whatever the handler answered. Holds the session until `onSealed`, which is not called if this throws.
 * @throws {HandlerFailure} with what the body fails with at once; {NenError} ISO-6003 for headers that a stream can't have.
 */
export async function sealAnswer(
  context: Context,
  exchange: Exchange,
  req: Request,
  response: Response,
  shaping: Shaping,
  onSealed: OnSealed,
): Promise<Response> {
  const { inside, outside } = splitHeaders(response.headers, context.publicHeaders);
  const body = response.body === null ? undefined : new BurstReader(response.body);
  const { padding } = shaping;
  const first = body && (await firstBurst(body, shaping));
  if (body !== undefined && first !== undefined && !(first.done && first.length <= MAX_SINGLE_ANSWER_BYTES)) {
    const sealer = new StreamSealer(exchange, OUTER_OK, { padding });
    const head = await sealer.head(response.status, inside).catch((error: unknown) => {
      // Not waited for: what it fails with is the handler's, and would be sealed as a word of ours.
      body.cancel(error).catch(() => undefined);
      throw error;
    });
    const { sid } = exchange.session;
    const { signal } = req;
    const stream = sealedBody({
      context,
      sid,
      sealer,
      head,
      first: first.chunks,
      body,
      signal,
      shaping,
      onSealed,
    });
    const contentType = exchange.encoding === 'octets' ? CONTENT_TYPE_OCTETS : CONTENT_TYPE_SSE;
    outside.push(['Content-Type', contentType], ['X-Accel-Buffering', 'no']);
    return new Response(stream, { status: OUTER_OK, headers: outside });
  }
  if (first !== undefined && first.length > LARGE_BYTES) await context.turns.take();
  const bytes = first === undefined ? EMPTY : joinBytes(first.chunks);
  const kind = responseKind(exchange, req.method, response.status, inside, bytes, padding);
  const status = kind === 'http' ? OUTER_OK : response.status;
  const payload =
    kind === 'http'
      ? padMessage(encodeResponse({ status: response.status, fields: inside, body: bytes }), padding)
      : [bytes];
  const sealed = await sealResponse(exchange, status, kind, kind === 'none' ? [] : payload);
  const answer = toResponse(status, outside, sealed);
  onSealed();
  return answer;
}

/** @throws {HandlerFailure} */
async function firstBurst(body: BurstReader, { coalesceMs, fullBytes }: Shaping): Promise<Burst> {
  try {
    return await body.gather(MAX_SINGLE_ANSWER_BYTES, coalesceMs, fullBytes);
  } catch (error) {
    throw new HandlerFailure(error);
  }
}

/** Seals a refusal from after the claim. */
export async function sealRefusal(exchange: Exchange, { code }: NenError): Promise<Response> {
  const status = exchange.kind === 'http' ? OUTER_OK : statusOf(code);
  const sealed = await sealResponse(exchange, status, 'error', [encodeRefusal(code)]);
  return toResponse(status, [['Cache-Control', CACHE_CONTROL]], sealed);
}

function toResponse(status: number, outside: OutsideField[], sealed: SealedMessage): Response {
  const headers = [...outside, ...Object.entries(sealed.headers)];
  const { body } = sealed;
  return body === undefined
    ? new Response(null, { status, headers })
    : wholeResponse({ status, headers, body });
}

type OutsideField = [name: string, value: string];

/**
 * Plain kinds stay plain where the answer allows it: JSON without headers of its own, or nothing at all. But
 * only a whole message has room for padding, and only a body for a message.
 */
function responseKind(
  { kind, encoding }: Exchange,
  method: string,
  status: number,
  inside: readonly Field[],
  body: Bytes,
  padding: Padding,
): Exclude<ResponseKind, 'error'> {
  if (kind === 'http' || encoding === 'octets') return 'http';
  if (padding !== 'none') return method === 'HEAD' ? 'none' : 'http';
  if (method === 'HEAD' || isNullBodyStatus(status)) return 'none';
  const isRedirect = status >= 300 && status < 400;
  const isJson =
    inside.length === 1 && inside[0]?.[0] === 'content-type' && inside[0][1] === CONTENT_TYPE_JSON;
  return isJson && !isRedirect && body.length > 0 ? 'json' : 'http';
}

/** Cookies, CORS and public headers go outside, the latter inside too; all else inside alone. */
function splitHeaders(
  headers: Headers,
  publicHeaders: readonly string[],
): { inside: readonly Field[]; outside: OutsideField[] } {
  const inside: Field[] = [];
  const outside: OutsideField[] = [['Cache-Control', CACHE_CONTROL]];
  for (const [name, value] of headers) {
    if (isFraming(name)) continue;
    if (isAnswerOutside(name)) {
      outside.push([name, value]);
      continue;
    }
    if (publicHeaders.includes(name)) outside.push([name, value]);
    inside.push([name, value]);
  }
  return { inside, outside };
}
