/**
 * The opened body of a sealed stream. It ends only with the authenticated final record; a cut, a
 * silence or an altered record is an error of the body, never its end.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { joinBytes } from '../../protocol/body.ts';
import { SILENCE_MS } from '../../protocol/constants.ts';
import { NenError } from '../../protocol/errors.ts';
import type { OpenedRecord, StreamOpener } from '../../protocol/stream.ts';
import { abortReason } from './abort.ts';
import type { BodyReader } from './body-reader.ts';

export type StreamHead = Extract<OpenedRecord, { type: 'head' }>;

export interface OpenedStream {
  readonly head: StreamHead;
  readonly body: ReadableStream<Bytes>;
}

/**
 * Resolves as soon as the head is opened.
 * @param first bytes of the body that were read already.
 * @param onClosed called once, when nothing more will be opened.
 */
export async function openSealedBody(
  opener: StreamOpener,
  reader: BodyReader,
  first: Bytes | undefined,
  signal: AbortSignal | null,
  onClosed: () => void,
): Promise<OpenedStream> {
  const source = new RecordSource(opener, reader, first, onClosed);
  try {
    const head = await source.next();
    if (head?.type !== 'head') throw new NenError('ISO-6002', { hint: 'no head' });
    return { head, body: bodyOf(source, signal) };
  } catch (error) {
    source.close(error);
    throw error;
  }
}

/**
 * The same of a stream that was read whole, where bodies don't stream: all of it or nothing.
 * @throws {NenError} what the body would have failed with.
 */
export async function openSealedBytes(
  opener: StreamOpener,
  bytes: Bytes,
  onClosed: () => void,
): Promise<{ readonly head: StreamHead; readonly body: Bytes }> {
  const source = new RecordSource(opener, AT_ITS_END, bytes, onClosed);
  try {
    const head = await source.next();
    if (head?.type !== 'head') throw new NenError('ISO-6002', { hint: 'no head' });
    const chunks: Bytes[] = [];
    for (;;) {
      const data = await source.nextData();
      if (data === undefined) return { head, body: joinBytes(chunks) };
      chunks.push(data);
    }
  } finally {
    source.close();
  }
}

const AT_ITS_END: BodyReader = {
  read: async () => ({ done: true }),
  cancel: async () => undefined,
};

function bodyOf(source: RecordSource, signal: AbortSignal | null): ReadableStream<Bytes> {
  let onAbort: (() => void) | undefined;
  const settled = (): void => {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  };
  return new ReadableStream<Bytes>(
    {
      start(controller) {
        if (signal === null) return;
        // Erroring the controller drops what was opened but not read: nothing is delivered after an abort.
        onAbort = () => {
          const reason = abortReason(signal);
          controller.error(reason);
          source.close(reason);
        };
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort, { once: true });
      },
      async pull(controller) {
        try {
          const record = await source.nextData();
          if (source.closed) return;
          if (record !== undefined) return controller.enqueue(record);
          settled();
          source.close();
          controller.close();
        } catch (error) {
          if (source.closed) return;
          settled();
          source.close(error);
          throw error;
        }
      },
      cancel(reason) {
        settled();
        source.close(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Records, one after another, out of whatever chunks arrive. */
class RecordSource {
  readonly #opener: StreamOpener;
  readonly #reader: BodyReader;
  readonly #onClosed: () => void;
  #records: AsyncGenerator<OpenedRecord, void, void> | undefined;
  #closed = false;

  constructor(opener: StreamOpener, reader: BodyReader, first: Bytes | undefined, onClosed: () => void) {
    this.#opener = opener;
    this.#reader = reader;
    this.#onClosed = onClosed;
    if (first !== undefined) this.#records = opener.push(first);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The next record; undefined at an authenticated end.
   * @throws {NenError} ISO-6001 if none comes in the time in which a living sender would have sent at
   *   least an empty one. Other bytes don't count: anybody on the way can send them.
   */
  async next(): Promise<OpenedRecord | undefined> {
    let silence: Silence | undefined;
    try {
      for (;;) {
        const opened = await this.#records?.next();
        if (opened !== undefined && opened.done !== true) {
          return opened.value.type === 'final' ? undefined : opened.value;
        }
        silence ??= new Silence();
        const { done, value } = await this.#read(silence);
        if (done || value === undefined) {
          this.#opener.end();
          return undefined;
        }
        this.#records = this.#opener.push(value);
      }
    } finally {
      silence?.end();
    }
  }

  /** The next bytes that are not empty: empty records only keep the stream alive. */
  async nextData(): Promise<Bytes | undefined> {
    for (;;) {
      const record = await this.next();
      if (record === undefined) return undefined;
      if (record.type === 'data' && record.bytes.length > 0) return record.bytes;
    }
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opener.wipe();
    // The rest is not wanted; the sender learns it, and that it may be gone already changes nothing.
    this.#reader.cancel(reason).catch(() => undefined);
    this.#onClosed();
  }

  async #read(silence: Silence): ReturnType<BodyReader['read']> {
    try {
      return await Promise.race([this.#reader.read(), silence.tooLong]);
    } catch (cause) {
      throw cause instanceof NenError ? cause : new NenError('ISO-6001', { cause });
    }
  }
}

/** A wait for the next record. */
class Silence {
  /** Rejects when it has lasted for longer than a sender that lives is silent. */
  readonly tooLong: Promise<never>;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.tooLong = new Promise<never>((_, reject) => {
      const hint = 'the stream fell silent';
      this.#timer = setTimeout(() => reject(new NenError('ISO-6001', { hint })), SILENCE_MS);
    });
    // Nobody may be reading at the moment when it rejects.
    this.tooLong.catch(() => undefined);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
