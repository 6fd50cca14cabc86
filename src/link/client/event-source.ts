/**
 * An EventSource (HTML standard, "Server-sent events") over a fetch, sealed or not: it reconnects with
 * Last-Event-ID and back-off where a new attempt can help, ends with the cause where none can, asks for
 * its headers anew at each attempt, and dispatches nothing after close().
 */
import { createParser } from 'eventsource-parser';
import { CONTENT_TYPE_SSE } from '../../protocol/constants.ts';
import { NenError, type NenErrorCode } from '../../protocol/errors.ts';
import { mediaType } from '../../protocol/media-type.ts';
import { backOff, FIRST_DELAY_MS, MAX_DELAY_MS } from './back-off.ts';
import { type BodyReader, readerOf } from './body-reader.ts';
import type { Fetch } from './fetch.ts';
import { type MessageInit, readHeaders } from './message.ts';

export type EventSourceHeaders = MessageInit['headers'];

export interface SealedEventSourceInit {
  /** Headers, or what gives them for each attempt to connect. */
  readonly headers?: EventSourceHeaders | (() => EventSourceHeaders | Promise<EventSourceHeaders>);
  readonly withCredentials?: boolean;
}

/** What listeners receive; `error` is set on error events. */
export interface SealedEvent {
  readonly type: string;
  readonly data?: string;
  readonly lastEventId?: string;
  readonly error?: unknown;
}

type Listener = (event: object) => void;

/** The response was no event stream: what the server said instead. */
export class EventStreamRefused extends Error {
  override readonly name = 'EventStreamRefused';
  readonly status: number;
  readonly body: string;
  constructor(status: number, body: string) {
    super(`No event stream, but status ${status}.`);
    this.status = status;
    this.body = body;
  }
}

/** The server ended the stream, and is asked again: what an EventSource is for. */
class EventStreamEnded extends Error {
  override readonly name = 'EventStreamEnded';
  constructor() {
    super('The event stream ended; connecting again.');
  }
}

export interface EventSourceSetup {
  readonly fetch: Fetch;
  /** What an error event is, for a failure. */
  readonly toErrorEvent?: (error: unknown) => object;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

const MAX_EVENT_CHARACTERS = 8 * 1024 * 1024;
/** Doubling no time at all would never leave a server in peace. */
const MIN_RETRY_MS = 100;

/** Failures that a later attempt may not meet again. */
const TRANSIENT: ReadonlySet<NenErrorCode> = new Set<NenErrorCode>([
  'ISO-1007',
  'ISO-1008',
  'ISO-2002',
  'ISO-2003',
  'ISO-3003',
  'ISO-4005',
  'ISO-4007',
  'ISO-5001',
  'ISO-6001',
  'ISO-6004',
]);

/** A class of EventSources, with all that tRPC and others take one for. */
export type SealedEventSourceConstructor = Pick<typeof SealedEventSource, 'CONNECTING' | 'OPEN' | 'CLOSED'> &
  (new (
    url: string | URL,
    init?: SealedEventSourceInit,
  ) => SealedEventSource);

/** An EventSource class whose instances connect through the given fetch. */
export function createEventSource({
  fetch,
  toErrorEvent = asErrorEvent,
}: EventSourceSetup): SealedEventSourceConstructor {
  return class extends SealedEventSource {
    protected override connect(url: string, init: RequestInit): Promise<Response> {
      return fetch(url, init);
    }
    protected override errorEvent(error: unknown): object {
      return toErrorEvent(error);
    }
  };
}

/** Extended by {@link createEventSource} alone, with what carries its requests: by itself it knows no fetch. */
export abstract class SealedEventSource {
  static readonly CONNECTING: number = CONNECTING;
  static readonly OPEN: number = OPEN;
  static readonly CLOSED: number = CLOSED;
  readonly CONNECTING: number = CONNECTING;
  readonly OPEN: number = OPEN;
  readonly CLOSED: number = CLOSED;
  readonly url: string;
  readonly withCredentials: boolean;
  readyState: number = CONNECTING;
  readonly #init: SealedEventSourceInit;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #closing = new AbortController();
  #lastEventId = '';
  #retryMs = FIRST_DELAY_MS;
  #failures = 0;

  constructor(url: string | URL, init: SealedEventSourceInit = {}) {
    this.url = String(url);
    this.withCredentials = init.withCredentials ?? false;
    this.#init = init;
    // Listeners are added after construction: the first attempt must not be over before.
    void Promise.resolve().then(() => this.#run());
  }

  addEventListener(type: string, listener: Listener): void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener);
  }

  close(): void {
    this.readyState = CLOSED;
    this.#closing.abort();
  }

  protected abstract connect(url: string, init: RequestInit): Promise<Response>;

  protected abstract errorEvent(error: unknown): object;

  async #run(): Promise<void> {
    while (this.readyState !== CLOSED) {
      const failure = await this.#attempt().catch((error: unknown) => error);
      if (this.#closed()) return;
      if (failure !== undefined && !isTransient(failure)) {
        this.close();
        this.#dispatch('error', this.errorEvent(failure), true);
        return;
      }
      this.readyState = CONNECTING;
      this.#dispatch('error', this.errorEvent(failure ?? new EventStreamEnded()));
      await backOff(this.#retryMs, this.#failures++, this.#closing.signal);
    }
  }

  /** One connection, from the request to the end of the stream. */
  async #attempt(): Promise<void> {
    const { headers: given } = this.#init;
    const headers = readHeaders(typeof given === 'function' ? await given() : given);
    headers.set('accept', CONTENT_TYPE_SSE);
    if (this.#lastEventId !== '') headers.set('last-event-id', this.#lastEventId);
    if (this.#closed()) return;
    const response = await this.connect(this.url, {
      headers,
      signal: this.#closing.signal,
      cache: 'no-store',
      ...(this.withCredentials && { credentials: 'include' }),
    });
    const type = mediaType(response.headers.get('content-type'));
    if (response.status !== 200 || type !== CONTENT_TYPE_SSE || response.body === null) {
      throw new EventStreamRefused(response.status, await response.text());
    }
    if (this.#closed()) return;
    this.readyState = OPEN;
    this.#failures = 0;
    this.#dispatch('open', { type: 'open' });
    await this.#read(readerOf(response));
  }

  async #read(reader: BodyReader): Promise<void> {
    const decoder = new TextDecoder();
    let tooLong = false;
    const parser = createParser({
      maxBufferSize: MAX_EVENT_CHARACTERS,
      onRetry: (retryMs) => {
        this.#retryMs = Math.min(Math.max(retryMs, MIN_RETRY_MS), MAX_DELAY_MS);
      },
      onEvent: ({ event, data, id }) => {
        if (id !== undefined) this.#lastEventId = id;
        const type = event ?? 'message';
        this.#dispatch(type, { type, data, lastEventId: this.#lastEventId });
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') tooLong = true;
      },
    });
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#closed()) return;
      parser.feed(decoder.decode(value, { stream: true }));
      if (!tooLong) continue;
      reader.cancel().catch(() => undefined);
      throw new NenError('ISO-6003', { hint: 'an event is too long' });
    }
  }

  #dispatch(type: string, event: object, afterClose = false): void {
    const listeners = this.#listeners.get(type) ?? [];
    for (const listener of [...listeners]) {
      if (this.#closed() && !afterClose) return;
      if (this.#listeners.get(type)?.has(listener) !== true) continue;
      try {
        listener(event);
      } catch (error) {
        // The application's, and none of ours: reported as an EventTarget does, the events go on.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #closed(): boolean {
    return this.readyState === CLOSED;
  }
}

function isTransient(error: unknown): boolean {
  const failure = NenError.from(error);
  if (failure === undefined || !TRANSIENT.has(failure.code)) return false;
  return !STATUS_DECIDES.has(failure.code) || !isClientFault(failure.status);
}

/** What is said of answers that are not from our server: a proxy's status tells more. */
const STATUS_DECIDES: ReadonlySet<NenErrorCode> = new Set<NenErrorCode>(['ISO-1007', 'ISO-4005']);

/** A proxy's 4xx says that asking again is of no use. */
function isClientFault(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500 && status !== 401 && status !== 429;
}

function asErrorEvent(error: unknown): SealedEvent {
  return { type: 'error', error };
}
