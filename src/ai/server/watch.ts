/**
 * Reads along while an answer passes, and changes no byte of it: to see that a streamed one came to its end, which
 * the transport does not tell, and to learn what it used.
 */
import { createParser } from 'eventsource-parser';
import type { Bytes } from '../../crypto/bytes.ts';
import { isJsonType, mediaType } from '../../protocol/media-type.ts';
import { type Dialect, type ReadEvent, readAnswer, readEvent } from './providers.ts';

export interface Seen {
  readonly outcome: 'complete' | 'failed' | 'aborted';
  readonly model: string | undefined;
  readonly usage: ReadEvent['usage'];
}

/** Reads the bytes of one answer. */
interface Reader {
  /** @throws what it could not read. */
  read(text: string): void;
  /** At the end of the bytes: whether this was the end of the answer. */
  end(): 'complete' | 'failed' | 'truncated';
  /** Whether the last event was read, and it was a good one. */
  readonly hasEnded: boolean;
  readonly model: string | undefined;
  readonly usage: ReadEvent['usage'];
}

/** The largest event of a stream, and the largest answer in one piece, that is read along. */
const MAX_READ_CHARS: number = 16 * 1024 * 1024;

export interface WatchOptions {
  /** undefined: no more is known of this call than that it may answer with JSON. */
  readonly dialect: Dialect | undefined;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Called once, when it is over. */
  readonly onSeen: ((seen: Seen) => void) | undefined;
}

/** The same body. It errors where the answer ends before its last event: a part of it must not pass for the whole. */
export function watched(
  response: Response,
  { dialect, signal, onSeen }: WatchOptions,
): ReadableStream<Bytes> | null {
  const body = response.body as ReadableStream<Bytes> | null;
  const reading = readerFor(response.headers.get('content-type'), dialect, onSeen !== undefined);
  let isOver = false;
  const over = (outcome: Seen['outcome']): void => {
    if (isOver) return;
    isOver = true;
    onSeen?.({ outcome, model: reading.model, usage: reading.usage });
  };
  if (body === null) {
    over('complete');
    return null;
  }
  const decoder = new TextDecoder();
  const reader = body.getReader();
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            reading.read(decoder.decode(value, { stream: true }));
            return controller.enqueue(value);
          }
          const end = reading.end();
          if (end === 'truncated') throw new Error('the answer of the upstream ended before its last event');
          over(end);
          controller.close();
        } catch (error) {
          over(signal.aborted ? 'aborted' : 'failed');
          reader.cancel(error).catch(() => undefined);
          throw error;
        }
      },
      async cancel(reason) {
        // After the last event there is nothing left to miss.
        over(reading.hasEnded ? 'complete' : 'aborted');
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function readerFor(contentType: string | null, dialect: Dialect | undefined, isMetered: boolean): Reader {
  const type = mediaType(contentType);
  if (type === 'text/event-stream' && dialect !== undefined) return new EventReader(dialect);
  return isMetered && isJsonType(type) ? new JsonReader() : new NoReader();
}

class EventReader implements Reader {
  model: string | undefined;
  usage: ReadEvent['usage'];
  #state: 'open' | 'ended' | 'failed' = 'open';
  readonly #parser;

  constructor(dialect: Dialect) {
    this.#parser = createParser({
      maxBufferSize: MAX_READ_CHARS,
      onEvent: ({ event, data }) => {
        const { isLast, isError, model, usage } = readEvent(dialect, event, data);
        this.model = model ?? this.model;
        // Anthropic's input is in the first event, its output in the last but one.
        this.usage = usage === undefined ? this.usage : { ...this.usage, ...usage };
        if (isError) this.#state = 'failed';
        else if (isLast && this.#state === 'open') this.#state = 'ended';
      },
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') throw error;
      },
    });
  }

  read(text: string): void {
    this.#parser.feed(text);
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  end(): 'complete' | 'failed' | 'truncated' {
    // What stands before an end without its empty line is no event, as for every reader of them.
    if (this.#state === 'open') return 'truncated';
    return this.hasEnded ? 'complete' : 'failed';
  }
}

class JsonReader implements Reader {
  readonly hasEnded = false;
  model: string | undefined;
  usage: ReadEvent['usage'];
  #text = '';

  read(text: string): void {
    if (this.#text.length <= MAX_READ_CHARS) this.#text += text;
  }

  end(): 'complete' {
    if (this.#text.length <= MAX_READ_CHARS) {
      try {
        ({ model: this.model, usage: this.usage } = readAnswer(JSON.parse(this.#text)));
      } catch {
        // Whoever asked sees for themselves that it is no JSON.
      }
    }
    return 'complete';
  }
}

class NoReader implements Reader {
  readonly hasEnded = false;
  readonly model = undefined;
  readonly usage = undefined;

  read(): void {}

  end(): 'complete' {
    return 'complete';
  }
}
