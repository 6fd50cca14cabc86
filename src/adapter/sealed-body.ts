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

/** The sealed body. Cancelling it cancels the handler's. */
export function sealedBody(parts: SealedBodyParts): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>(new SealedBody(parts), { highWaterMark: 0 });
}

/** One pull reads one burst, so that back-pressure reaches the handler. */
class SealedBody implements UnderlyingDefaultSource<Bytes> {
  readonly #parts: SealedBodyParts;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  #first: readonly Bytes[];
  #bytes = 0;
  #ended = false;

  constructor(parts: SealedBodyParts) {
    this.#parts = parts;
    this.#first = parts.first;
  }

  /** Waits for nothing: workerd pulls before a start has ended, and what came first was sealed second. */
  start(controller: ReadableStreamDefaultController<Bytes>): void {
    const { head, signal } = this.#parts;
    this.#controller = controller;
    controller.enqueue(head);
    if (signal.aborted) this.#leave();
    else signal.addEventListener('abort', this.#leave);
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    try {
      const { chunks, done } = await this.#next();
      if (this.#ended) return;
      // No chunk after the wait: an empty record tells the client, and what is between, that we live.
      if (chunks.length > 0 || !done) await this.#seal(controller, chunks);
      if (this.#ended || !done) return;
      controller.enqueue(await this.#parts.sealer.final());
      this.#end('final');
      controller.close();
    } catch (error) {
      await this.#fail(controller, error);
    }
  }

  async cancel(reason: unknown): Promise<void> {
    this.#end('cancelled');
    await this.#parts.body.cancel(reason);
  }

  /** What came first, then a burst, or none where the body was silent. */
  async #next(): Promise<Pick<Burst, 'chunks' | 'done'>> {
    const chunks = this.#first;
    this.#first = [];
    if (chunks.length > 0) return { chunks, done: false };
    const { body, context, shaping } = this.#parts;
    await body.wait(context.keepAliveMs);
    return body.gather(MAX_RECORD_BYTES, shaping.coalesceMs, shaping.fullBytes);
  }

  /** In pieces: a body may give a hundred megabytes as one chunk. */
  async #seal(controller: ReadableStreamDefaultController<Bytes>, chunks: readonly Bytes[]): Promise<void> {
    const { context, sealer } = this.#parts;
    const data = joinBytes(chunks);
    const pieceBytes = PIECE_RECORDS * sealer.maxContentBytes;
    let at = 0;
    do {
      const piece = data.subarray(at, at + pieceBytes);
      if (data.length > LARGE_BYTES) await context.turns.take();
      if (this.#ended) return;
      this.#bytes += piece.length;
      controller.enqueue(await sealer.data(piece));
      at += pieceBytes;
    } while (at < data.length);
  }

  async #fail(controller: ReadableStreamDefaultController<Bytes>, error: unknown): Promise<void> {
    if (this.#ended) return;
    const { context, sid, body, sealer } = this.#parts;
    context.report({ type: 'handler-error', sid, error });
    // It may not know: of a chunk, say, whose buffer was taken away before it could be sealed.
    body.cancel(error).catch(() => undefined);
    controller.enqueue(await sealer.failed('ISO-6004'));
    this.#end('failed');
    controller.close();
  }

  /** The request was aborted: where a client leaves, workerd cancels nothing. */
  readonly #leave = (): void => {
    const { body, signal } = this.#parts;
    this.#end('cancelled');
    // Without a final record: whoever reads on learns that the rest is missing, and does not wait for it.
    this.#controller?.close();
    body.cancel(signal.reason).catch(() => undefined);
  };

  #end(outcome: 'final' | 'failed' | 'cancelled'): void {
    if (this.#ended) return;
    this.#ended = true;
    const { context, sid, sealer, signal, onSealed } = this.#parts;
    signal.removeEventListener('abort', this.#leave);
    sealer.wipe();
    onSealed();
    context.report({ type: 'stream-ended', sid, outcome, bytes: this.#bytes });
  }
}
