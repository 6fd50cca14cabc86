/**
 * nenStream: the items that a withNenStream route yields, one by one as they arrive. Leaving the loop ends
 * the stream at both ends: the connection is closed, and the server's generator with it.
 */
import { CONTENT_TYPE_JSON_LINES, JsonLineReader } from '../../protocol/json-lines.ts';
import { mediaType } from '../../protocol/media-type.ts';
import { abortReason, abortWith, throwIfAborted } from './abort.ts';
import { readerOf } from './body-reader.ts';
import type { Fetch } from './fetch.ts';
import { asJsonCall, toHttpError } from './json-call.ts';

/**
 * Takes what fetch takes, and calls when the first item is asked for. Item is your word for it: a string
 * for tokens, nothing here checks it. The iteration ends only with the sender's authenticated end.
 * @throws while it is iterated: {NenHttpError} for a status that is not 2xx; {TypeError} for a route that
 *   answers something else than items; {NenError} ISO-6001 for a cut, ISO-6002 for an altered record,
 *   ISO-6004 where the sender broke off; the signal's reason once it has aborted.
 */
export type NenStream = <Item = string>(
  path: string | URL,
  init?: RequestInit,
) => AsyncIterableIterator<Item, undefined>;

/** @param maxErrorBytes what is read of an answer that says no. */
export function nenStreamOver(fetch: Fetch, maxErrorBytes: number): NenStream {
  return <Item>(path: string | URL, init: RequestInit = {}) => {
    const open = async (signal: AbortSignal): Promise<Response> => {
      const response = await fetch(path, { ...asJsonCall(init), signal });
      if (!response.ok) throw await toHttpError(response, maxErrorBytes);
      const type = mediaType(response.headers.get('content-type'));
      if (type === CONTENT_TYPE_JSON_LINES) return response;
      throw new TypeError(`nenStream: ${String(path)} answered '${type}', and no items of withNenStream`);
    };
    return new ItemStream<Item>(open, init.signal ?? null);
  };
}

class ItemStream<Item> implements AsyncIterableIterator<Item, undefined> {
  readonly #items: AsyncGenerator<Item, undefined, undefined>;
  /** Ends the call, wherever it is: a generator alone could not be left while it waits for an item. */
  readonly #stop = new AbortController();
  #left = false;

  constructor(open: (signal: AbortSignal) => Promise<Response>, signal: AbortSignal | null) {
    this.#items = this.#read(open, signal);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    return this.#items.next();
  }

  async return(): Promise<IteratorResult<Item, undefined>> {
    this.#left = true;
    this.#stop.abort();
    return this.#items.return(undefined);
  }

  async *#read(
    open: (signal: AbortSignal) => Promise<Response>,
    signal: AbortSignal | null,
  ): AsyncGenerator<Item, undefined, undefined> {
    const follow = (): void => abortWith(this.#stop, signal && abortReason(signal));
    throwIfAborted(signal);
    signal?.addEventListener('abort', follow, { once: true });
    try {
      const response = await open(this.#stop.signal);
      const lines = new JsonLineReader();
      const reader = readerOf(response);
      for (;;) {
        const { done, value } = await reader.read();
        const items = done || value === undefined ? lines.end() : lines.push(value);
        for (const item of items) {
          yield item as Item;
          throwIfAborted(signal);
        }
        if (done) return undefined;
      }
    } catch (error) {
      if (this.#left) return undefined;
      throw error;
    } finally {
      signal?.removeEventListener('abort', follow);
      this.#stop.abort();
    }
  }
}
