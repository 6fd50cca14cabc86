/** The opened body of a sealed stream: what ends it, what breaks it, and what becomes of the rest. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSealedBody } from '../../src/link/client/sealed-body.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import { StreamOpener, StreamSealer } from '../../src/protocol/stream.ts';
import { ENCODINGS, newExchange } from './exchange.ts';

type Chunk = Uint8Array<ArrayBuffer>;
const bytes = (text: string): Chunk => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | undefined): string => new TextDecoder().decode(chunk);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  // Whatever became of the stream, no timer outlives it.
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A body that a test feeds by hand. */
class Wire {
  readonly cancelled = vi.fn<(reason: unknown) => void>();
  readonly pulls = vi.fn();
  readonly closed = vi.fn();
  readonly #opener: StreamOpener;
  readonly sealer: StreamSealer;
  readonly stream: ReadableStream<Chunk>;
  #controller: ReadableStreamDefaultController<Chunk> | undefined;

  constructor(exchange: Exchange) {
    this.sealer = new StreamSealer(exchange, 200);
    this.#opener = new StreamOpener(exchange, 200);
    this.stream = new ReadableStream<Chunk>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: this.pulls,
        cancel: this.cancelled,
      },
      { highWaterMark: 0 },
    );
  }

  send(chunk: Chunk): void {
    this.#controller?.enqueue(chunk);
  }
  end(): void {
    this.#controller?.close();
  }
  fail(error: unknown): void {
    this.#controller?.error(error);
  }

  async open(signal: AbortSignal | null = null): Promise<ReadableStreamDefaultReader<Chunk>> {
    this.send(await this.sealer.head(200, []));
    const opened = await openSealedBody(
      this.#opener,
      this.stream.getReader(),
      undefined,
      signal,
      this.closed,
    );
    expect(opened.head.status).toBe(200);
    return opened.body.getReader();
  }
}

describe.each(ENCODINGS)('in %s', (encoding: Encoding) => {
  const begin = async (signal: AbortSignal | null = null) => {
    const wire = new Wire(newExchange(encoding));
    return { wire, reader: await wire.open(signal) };
  };

  it('ends with the final record; what follows it is not read, and the rest of the connection is let go', async () => {
    const { wire, reader } = await begin();
    wire.send(await wire.sealer.data(bytes('a')));
    const final = await wire.sealer.final();
    wire.send(Uint8Array.from([...final, ...bytes('garbage')]));
    expect(text((await reader.read()).value)).toBe('a');
    expect((await reader.read()).done).toBe(true);
    expect(wire.cancelled).toHaveBeenCalledOnce();
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('without a final record never ends: ISO-6001, again and again', async () => {
    const { wire, reader } = await begin();
    wire.send(await wire.sealer.data(bytes('a')));
    wire.end();
    expect(text((await reader.read()).value)).toBe('a');
    for (let i = 0; i < 3; i++) await expect(reader.read()).rejects.toMatchObject({ code: 'ISO-6001' });
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('that breaks off is ISO-6001 with the cause', async () => {
    const { wire, reader } = await begin();
    const cause = new TypeError('terminated');
    wire.fail(cause);
    await expect(reader.read()).rejects.toMatchObject({ code: 'ISO-6001', cause });
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('that is altered is ISO-6002, and the rest is let go', async () => {
    const { wire, reader } = await begin();
    await wire.sealer.data(bytes('dropped'));
    wire.send(await wire.sealer.data(bytes('b')));
    await expect(reader.read()).rejects.toMatchObject({ code: 'ISO-6002' });
    expect(wire.cancelled).toHaveBeenCalledOnce();
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('whose sender failed is ISO-6004, after what came before', async () => {
    const { wire, reader } = await begin();
    wire.send(await wire.sealer.data(bytes('a')));
    wire.send(await wire.sealer.failed('ISO-6004'));
    expect(text((await reader.read()).value)).toBe('a');
    await expect(reader.read()).rejects.toMatchObject({ code: 'ISO-6004' });
  });

  it('is ISO-6001 after 45 s of silence, and not before', async () => {
    const { wire, reader } = await begin();
    let failure: unknown;
    const reading = reader.read().catch((error: unknown) => {
      failure = error;
    });
    await vi.advanceTimersByTimeAsync(44_999);
    expect(failure).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await reading;
    expect(failure).toMatchObject({ code: 'ISO-6001' });
    expect(wire.cancelled).toHaveBeenCalledOnce();
  });

  it('is kept alive by empty records, which are no data', async () => {
    const { wire, reader } = await begin();
    const reading = reader.read();
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(44_000);
      wire.send(await wire.sealer.data(new Uint8Array(0)));
      await vi.advanceTimersByTimeAsync(0);
    }
    wire.send(await wire.sealer.data(bytes('a')));
    expect(text((await reading).value)).toBe('a');
    await reader.cancel();
  });

  it('is not kept alive by what anybody can send: comments, or a record that trickles', async () => {
    const { wire, reader } = await begin();
    const record = await wire.sealer.data(bytes('a'));
    let failure: unknown;
    void reader.read().catch((error: unknown) => {
      failure = error;
    });
    for (let i = 0; i < 5; i++) {
      wire.send(encoding === 'json' ? bytes(': alive\n\n') : record.slice(i, i + 1));
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(failure).toMatchObject({ code: 'ISO-6001' });
  });

  it('falls silent before its head: ISO-6001', async () => {
    const wire = new Wire(newExchange(encoding));
    const opened = openSealedBody(
      new StreamOpener(newExchange(encoding), 200),
      wire.stream.getReader(),
      undefined,
      null,
      wire.closed,
    );
    const failed = expect(opened).rejects.toMatchObject({ code: 'ISO-6001' });
    await vi.advanceTimersByTimeAsync(45_000);
    await failed;
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('time that the reader takes is no silence', async () => {
    const { wire, reader } = await begin();
    await vi.advanceTimersByTimeAsync(600_000);
    wire.send(await wire.sealer.data(bytes('a')));
    expect(text((await reader.read()).value)).toBe('a');
    await reader.cancel();
  });

  it('asks for no more than is read', async () => {
    const { wire, reader } = await begin();
    const pulls = wire.pulls.mock.calls.length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(wire.pulls.mock.calls.length).toBe(pulls);
    await reader.cancel();
  });

  it('that is cancelled cancels what it comes from, with the reason', async () => {
    const { wire, reader } = await begin();
    await reader.cancel('enough');
    expect(wire.cancelled).toHaveBeenCalledExactlyOnceWith('enough');
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('that is aborted errors at once and drops what is there', async () => {
    const controller = new AbortController();
    const { wire, reader } = await begin(controller.signal);
    const both = Uint8Array.from([
      ...(await wire.sealer.data(bytes('a'))),
      ...(await wire.sealer.data(bytes('b'))),
    ]);
    wire.send(both);
    expect(text((await reader.read()).value)).toBe('a');
    controller.abort(new Error('enough'));
    await expect(reader.read()).rejects.toThrow('enough');
    expect(wire.cancelled).toHaveBeenCalledOnce();
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('that is aborted while it waits errors with the reason', async () => {
    const controller = new AbortController();
    const { wire, reader } = await begin(controller.signal);
    const reading = expect(reader.read()).rejects.toThrow('enough');
    controller.abort(new Error('enough'));
    await reading;
    expect(wire.closed).toHaveBeenCalledOnce();
  });

  it('that is aborted between head and body gives nothing', async () => {
    const controller = new AbortController();
    const wire = new Wire(newExchange(encoding));
    const opening = wire.open(controller.signal);
    controller.abort(new Error('enough'));
    const reader = await opening;
    await expect(reader.read()).rejects.toThrow('enough');
  });

  it.each(['ended', 'failed', 'cancelled', 'aborted'])(
    'that has %s listens to its signal no more',
    async (how) => {
      const controller = new AbortController();
      const added = vi.spyOn(controller.signal, 'addEventListener');
      const removed = vi.spyOn(controller.signal, 'removeEventListener');
      const { wire, reader } = await begin(controller.signal);
      if (how === 'ended') wire.send(await wire.sealer.final());
      if (how === 'failed') wire.end();
      if (how === 'cancelled') await reader.cancel();
      if (how === 'aborted') controller.abort();
      else await reader.read().catch(() => undefined);
      const once = added.mock.calls.length;
      expect(once).toBe(1);
      if (how !== 'aborted') expect(removed).toHaveBeenCalledOnce();
      controller.abort();
      await reader.closed.catch(() => undefined);
    },
  );
});
