/**
 * The body of an answer that is sealed as a stream, record by record as the handler's body gives it
 * (PROTOCOL.md, "A sealed stream").
 */
import type { Bytes } from '../crypto/bytes.ts';
import { joinBytes } from '../protocol/body.ts';
import { MAX_RECORD_BYTES } from '../protocol/constants.ts';
import type { StreamSealer } from '../protocol/stream.ts';
import type { Burst, BurstReader } from './burst.ts';
import type { Context } from './context.ts';
import type { Shaping } from './shaping.ts';
import { LARGE_BYTES } from './turns.ts';

export interface SealedBodyParts {
  readonly context: Context;
  readonly sid: string;
  readonly sealer: StreamSealer;
  readonly head: Bytes;
  readonly first: readonly Bytes[];
  readonly body: BurstReader;
  /** Of the outer request. */
  readonly signal: AbortSignal;
  readonly shaping: Shaping;
  /** Called once, when nothing more will be sealed under the session. */
  readonly onSealed: () => void;
}

/** What is sealed of a large chunk within one turn of the event loop. */
const PIECE_RECORDS = 16;

/**
 * The sealed body. One pull reads one burst, so back-pressure reaches the handler; cancelling it cancels the
 * handler's. So does the abort of the request: where a client leaves, workerd cancels nothing.
 */
export function sealedBody(parts: SealedBodyParts): ReadableStream<Bytes> {
  const { context, sid, sealer, body, signal, shaping, onSealed } = parts;
  let bytes = 0;
  let ended = false;
  const end = (outcome: 'final' | 'failed' | 'cancelled'): void => {
    if (ended) return;
    ended = true;
    signal.removeEventListener('abort', leave);
    sealer.wipe();
    onSealed();
    context.report({ type: 'stream-ended', sid, outcome, bytes });
  };
  let close: () => void = () => undefined;
  const leave = (): void => {
    end('cancelled');
    // Without a final record: whoever reads on learns that the rest is missing, and does not wait for it.
    close();
    body.cancel(signal.reason).catch(() => undefined);
  };
  // A body may give a hundred megabytes as one chunk.
  const sealChunks = async (
    controller: ReadableStreamDefaultController<Bytes>,
    chunks: readonly Bytes[],
  ): Promise<void> => {
    const data = joinBytes(chunks);
    const pieceBytes = PIECE_RECORDS * sealer.maxContentBytes;
    let at = 0;
    do {
      const piece = data.subarray(at, at + pieceBytes);
      if (data.length > LARGE_BYTES) await context.turns.take();
      if (ended) return;
      bytes += piece.length;
      controller.enqueue(await sealer.data(piece));
      at += pieceBytes;
    } while (at < data.length);
  };
  const fail = async (controller: ReadableStreamDefaultController<Bytes>, error: unknown): Promise<void> => {
    if (ended) return;
    context.report({ type: 'handler-error', sid, error });
    // It may not know: of a chunk, say, whose buffer was taken away before it could be sealed.
    body.cancel(error).catch(() => undefined);
    controller.enqueue(await sealer.failed('ISO-6004'));
    end('failed');
    controller.close();
  };
  let { first } = parts;
  const next = async (): Promise<Pick<Burst, 'chunks' | 'done'>> => {
    const chunks = first;
    first = [];
    if (chunks.length > 0) return { chunks, done: false };
    await body.wait(context.keepAliveMs);
    return body.gather(MAX_RECORD_BYTES, shaping.coalesceMs, shaping.fullBytes);
  };
  return new ReadableStream<Bytes>(
    {
      // Nothing is waited for here: workerd pulls before a start has ended, and what came first was sealed second.
      start(controller) {
        close = () => controller.close();
        controller.enqueue(parts.head);
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave);
      },
      async pull(controller) {
        try {
          const { chunks, done } = await next();
          if (ended) return;
          // No chunk after the wait: an empty record tells the client, and what is between, that we live.
          if (chunks.length > 0 || !done) await sealChunks(controller, chunks);
          if (ended || !done) return;
          controller.enqueue(await sealer.final());
          end('final');
          controller.close();
        } catch (error) {
          await fail(controller, error);
        }
      },
      async cancel(reason) {
        end('cancelled');
        await body.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
