/**
 * From the outer response to the one that the handler gave. Unsealed bytes are never handed on as
 * data: a plain refusal is a hint, everything else that is not sealed is ISO-4005.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { readBody, readRest } from '../../protocol/body.ts';
import {
  CONTENT_TYPE_JSON,
  CONTENT_TYPE_OCTETS,
  CONTENT_TYPE_SSE,
  HEADER_TAG,
  MAX_PLAIN_ANSWER_BYTES,
} from '../../protocol/constants.ts';
import { OCTETS_STREAM, readResponseEnvelope } from '../../protocol/envelope.ts';
import { NenError } from '../../protocol/errors.ts';
import { type Exchange, openResponse } from '../../protocol/exchange.ts';
import type { Field } from '../../protocol/headers.ts';
import { decodeResponse } from '../../protocol/http.ts';
import { mediaType } from '../../protocol/media-type.ts';
import { decodePlainRefusal, decodeRefusal } from '../../protocol/refusal.ts';
import { readsAsItArrives } from './body-reader.ts';
import type { BegunStream, OpenStream } from './open-stream.ts';
import { unlessAborted } from './unless-aborted.ts';

/** The handler's response, opened. */
export interface Answer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: Bytes | ReadableStream<Bytes>;
}

/** Not asked of ReadableStream, which some runtimes don't have. */
export function isWhole(body: Answer['body']): body is Bytes {
  return ArrayBuffer.isView(body);
}

/** Nobody will read it: whoever still sends it must learn that, and nothing is held for it any more. */
export function letGo(body: Answer['body']): void {
  if (!isWhole(body)) body.cancel().catch(() => undefined);
}

/** A refusal in clear: anybody on the way can say it. */
export class PlainRefusal extends NenError {}

export interface OpenAnswerOptions {
  readonly exchange: Exchange;
  readonly response: Response;
  readonly signal: AbortSignal | null;
  /** Whether the signal ends the reading of the body too, as it does in the runtime's own fetch. */
  readonly isHeeded: boolean;
  readonly maxEnvelopeBytes: number;
  readonly openStream: OpenStream;
  /** Called once, when nothing more will be opened. */
  readonly onOpened: () => void;
}

/**
 * Resolves as soon as the head of a stream, or the whole of anything else, is opened.
 * @throws {NenError} ISO-4003, ISO-4004, ISO-4005, a stream's codes, or what the server refused with.
 */
export async function openAnswer(options: OpenAnswerOptions): Promise<Answer> {
  const { exchange, response, signal, isHeeded, openStream, onOpened } = options;
  let streaming = false;
  try {
    const begun = await unlessAborted(beginBody(options), isHeeded ? null : signal);
    if ('bytes' in begun) return await openWhole(exchange, response, begun.bytes);
    streaming = true;
    return await openStream({ exchange, status: response.status, begun, signal, onOpened });
  } finally {
    if (!streaming) onOpened();
  }
}

type BegunBody = { readonly bytes: Bytes } | BegunStream;

/** Reads a body whole, or only up to where it shows to be a stream: by its type, in octets by its first byte. */
async function beginBody({ exchange, response, maxEnvelopeBytes }: OpenAnswerOptions): Promise<BegunBody> {
  const type = mediaType(response.headers.get('content-type'));
  const isTag = response.headers.has(HEADER_TAG);
  const isStream = type === CONTENT_TYPE_SSE && exchange.encoding === 'json' && !isTag;
  const isOctets = type === CONTENT_TYPE_OCTETS && exchange.encoding === 'octets' && !isTag;
  if (!readsAsItArrives(response) && (isStream || isOctets)) {
    const bytes = await readBody(response, maxEnvelopeBytes);
    return isStream || bytes[0] === OCTETS_STREAM ? { records: bytes } : { bytes };
  }
  if (response.body && isStream) return { reader: response.body.getReader(), first: undefined };
  if (response.body && isOctets) {
    const reader = response.body.getReader();
    let { value } = await reader.read();
    while (value?.length === 0) ({ value } = await reader.read());
    if (value?.[0] === OCTETS_STREAM) return { reader, first: value };
    return { bytes: await readRest(reader, value === undefined ? [] : [value], maxEnvelopeBytes) };
  }
  if (isTag || isOctets || type === CONTENT_TYPE_JSON)
    return { bytes: await readBody(response, maxEnvelopeBytes) };
  response.body?.cancel().catch(() => undefined);
  throw notSealed(response.status);
}

async function openWhole(exchange: Exchange, response: Response, body: Bytes): Promise<Answer> {
  const { status, headers } = response;
  const { kind, payload } = await openResponse(exchange, status, headers, body).catch((error: unknown) => {
    const isEnvelope = headers.has(HEADER_TAG) || readResponseEnvelope(exchange.encoding, body) !== undefined;
    throw isEnvelope ? error : plainAnswer(response, body);
  });
  if (kind === 'error') throw decodeRefusal(payload) ?? new NenError('ISO-4004', { status });
  if (kind === 'none') return { status, fields: [], body: payload };
  if (kind === 'json') return { status, fields: [['content-type', CONTENT_TYPE_JSON]], body: payload };
  const answer = decodeResponse(payload);
  if (answer === undefined) throw new NenError('ISO-4004', { status });
  return answer;
}

/** What an answer that is no envelope comes to. */
function plainAnswer({ status, ok }: Response, body: Bytes): NenError {
  const code = !ok && body.length <= MAX_PLAIN_ANSWER_BYTES ? decodePlainRefusal(body) : undefined;
  return code === undefined ? notSealed(status) : new PlainRefusal(code, { status });
}

function notSealed(status: number): NenError {
  return new NenError('ISO-4005', { status });
}
