/**
 * The records of a sealed stream as they lie on the wire, for a man in the middle who takes them apart;
 * and what a victim gets out of a body.
 */
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { inTheMiddle, type Middleman } from './harness.ts';

/** The head comes with the stream's base nonce in front of it. */
export function splitFrames(encoding: Encoding, bytes: Bytes): Bytes[] {
  const frames: Bytes[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = encoding === 'octets' ? octetsEnd(bytes, at) : eventEnd(bytes, at);
    frames.push(bytes.slice(at, end));
    at = end;
  }
  return frames;
}

function octetsEnd(bytes: Bytes, at: number): number {
  const start = at === 0 ? 13 : at;
  return start + 5 + new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0);
}

function eventEnd(bytes: Bytes, at: number): number {
  let end = at;
  while (bytes[end] !== 10 || bytes[end + 1] !== 10) end++;
  return end + 2;
}

export async function readWhole(response: Response): Promise<Bytes> {
  return new Uint8Array(await response.arrayBuffer());
}

/** The answer with another body, in these chunks. */
export function withBody({ status, headers }: Response, chunks: readonly Bytes[]): Response {
  const rest = [...chunks];
  const body = new ReadableStream<Bytes>({
    pull(controller) {
      const chunk = rest.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
  return new Response(body, { status, headers });
}

/** A way that alters the frames of every answer. */
export function alteringFrames(encoding: Encoding, alter: (frames: Bytes[]) => readonly Bytes[]): Middleman {
  return async (_request, forward) => {
    const response = await forward();
    return withBody(response, alter(splitFrames(encoding, await readWhole(response))));
  };
}

/** A transport whose way may be changed between two calls. */
export interface ChangingWay {
  way: Middleman;
  readonly fetch: Transport;
}

export const honestly: Middleman = (_request, forward) => forward();

export function changingWay(): ChangingWay {
  const connection: ChangingWay = {
    way: honestly,
    fetch: inTheMiddle((request, forward) => connection.way(request, forward)),
  };
  return connection;
}

/** What a body gave, and how it ended. */
export interface Delivered {
  readonly text: string;
  /** The code of its error; 'end' for a clean end. */
  readonly code: string;
}

/** Reads a call to its end or its error, which must stay. */
export async function deliver(call: Promise<Response>): Promise<Delivered> {
  let text = '';
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    reader = (await call).body?.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const read = await reader?.read();
      if (read === undefined || read.done) return { text, code: 'end' };
      text += decoder.decode(read.value, { stream: true });
    }
  } catch (error) {
    const again = await reader?.read().then(
      () => undefined,
      (second: unknown) => second,
    );
    if (reader !== undefined && again !== error) throw new Error('the body did not stay failed');
    const failure = NenError.from(error);
    if (failure === undefined) throw error;
    return { text, code: failure.code };
  }
}

/** A body whose chunks come one by one, each in a turn of its own: one record each. */
export function trickle(
  chunks: readonly string[],
  ended: () => void = () => undefined,
): ReadableStream<Bytes> {
  const rest = [...chunks];
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        await turn();
        const chunk = rest.shift();
        if (chunk === undefined) {
          ended();
          controller.close();
        } else controller.enqueue(new TextEncoder().encode(chunk));
      },
      cancel: ended,
    },
    { highWaterMark: 0 },
  );
}

/** More than a turn of the event loop, so that a burst has ended. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function joined(...pieces: readonly Bytes[]): Bytes {
  return concatBytes(pieces);
}
