/** Fetch responses as Lambda answers them: whole, or into the stream of a function that streams. */
import { base64Encode } from '../../crypto/bytes.ts';
import { mediaType } from '../../protocol/media-type.ts';
import { pump, type Sink } from '../node-http/pump.ts';
import { isV2, type LambdaEvent } from './event.ts';

/** The result of a function that answers at once, for the format of its event. */
export async function toResult(event: LambdaEvent, response: Response): Promise<object> {
  const { headers, cookies } = headersOf(response);
  return {
    statusCode: response.status,
    headers,
    ...(isV2(event) ? { cookies } : { multiValueHeaders: { 'set-cookie': cookies } }),
    ...(await bodyOf(response)),
  };
}

const TEXT = /^text\/|\bjson/;

async function bodyOf(response: Response): Promise<{ body: string; isBase64Encoded: boolean }> {
  if (TEXT.test(mediaType(response.headers.get('content-type')))) {
    return { body: await response.text(), isBase64Encoded: false };
  }
  return { body: base64Encode(new Uint8Array(await response.arrayBuffer())), isBase64Encoded: true };
}

function headersOf(response: Response): { headers: Record<string, string>; cookies: string[] } {
  const { 'set-cookie': _, ...headers } = Object.fromEntries(response.headers);
  return { headers, cookies: response.headers.getSetCookie() };
}

/** What a streaming function is given to write to. */
export interface LambdaStream extends Sink {
  end(): unknown;
}

/** The runtime's global, in functions that stream. */
declare const awslambda: {
  readonly HttpResponseStream: { from(stream: LambdaStream, metadata: object): LambdaStream };
};

export async function toStream(response: Response, stream: LambdaStream): Promise<void> {
  const metadata = { statusCode: response.status, ...headersOf(response) };
  const sink = awslambda.HttpResponseStream.from(stream, metadata);
  // Status and headers leave with the first write, even of nothing.
  if (response.body === null) sink.write(new Uint8Array(0));
  else await pump(response.body, sink);
  sink.end();
}
