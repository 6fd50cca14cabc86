/** The EventSource: its states, what makes it come back and with what, what ends it, and silence after close(). */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createEventSource,
  EventStreamRefused,
  type SealedEvent,
  type SealedEventSource,
  type SealedEventSourceInit,
} from '../../src/link/client/event-source.ts';
import { NenError, type NenErrorCode } from '../../src/protocol/errors.ts';
import { openChannel } from './channel.ts';

const URL_X = 'https://nen.test/events';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** One attempt to connect. */
interface Attempt {
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** Answers with a stream that `send` feeds and `end` ends. */
  accept(): { send(text: string): Promise<void>; end(): Promise<void>; fail(error: unknown): Promise<void> };
  answer(response: Response): void;
  reject(error: unknown): void;
}

/** A server that a test plays by hand, and what a listener sees. */
class Stage {
  readonly source: SealedEventSource;
  readonly seen: string[] = [];
  readonly errors: unknown[] = [];
  readonly #attempts: Attempt[] = [];

  constructor(init?: SealedEventSourceInit) {
    const Source = createEventSource({
      fetch: (_url, { headers, signal } = {}) =>
        new Promise((resolve, reject) => {
          if (!(signal instanceof AbortSignal)) throw new TypeError('no signal');
          this.#attempts.push({
            headers: new Headers(headers),
            signal,
            accept: () => accept(resolve, signal),
            answer: resolve,
            reject,
          });
        }),
    });
    this.source = new Source(URL_X, init);
    for (const type of ['open', 'message', 'error', 'note']) this.source.addEventListener(type, this.listen);
  }

  readonly listen = (given: object): void => {
    const event = given as SealedEvent;
    if (event.type === 'error') this.errors.push(event.error);
    const { CONNECTING, OPEN } = this.source;
    const state = { [CONNECTING]: 'connecting', [OPEN]: 'open' }[this.source.readyState] ?? 'closed';
    this.seen.push(event.data === undefined ? `${event.type} ${state}` : `${event.type} ${event.data}`);
  };

  get attempts(): number {
    return this.#attempts.length;
  }

  /** The attempt of this number, once it is made. */
  async attempt(number: number): Promise<Attempt> {
    await settle();
    const attempt = this.#attempts[number];
    if (attempt === undefined) throw new Error(`no attempt ${number}`);
    return attempt;
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

function accept(resolve: (response: Response) => void, signal: AbortSignal) {
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller;
      signal.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
  resolve(new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } }));
  return {
    async send(text: string) {
      await settle();
      if (!signal.aborted) feed?.enqueue(new TextEncoder().encode(text));
      await settle();
    },
    async end() {
      await settle();
      feed?.close();
      await settle();
    },
    async fail(error: unknown) {
      await settle();
      feed?.error(error);
      await settle();
    },
  };
}

describe('readyState', () => {
  it('goes from connecting to open, back to connecting at the end of a stream, and to closed', async () => {
    const stage = new Stage();
    expect(stage.source.readyState).toBe(stage.source.CONNECTING);
    const first = (await stage.attempt(0)).accept();
    await first.send('data: 1\n\n');
    expect(stage.source.readyState).toBe(stage.source.OPEN);
    await first.end();
    expect(stage.source.readyState).toBe(stage.source.CONNECTING);
    await vi.advanceTimersByTimeAsync(2_000);
    (await stage.attempt(1)).accept();
    await settle();
    stage.source.close();
    expect(stage.source.readyState).toBe(stage.source.CLOSED);
    expect(stage.seen).toEqual(['open open', 'message 1', 'error connecting', 'open open']);
  });

  it('is closed in the listener of the error that ends it', async () => {
    const stage = new Stage();
    (await stage.attempt(0)).answer(new Response('no', { status: 404 }));
    await settle();
    expect(stage.seen).toEqual(['error closed']);
    expect(stage.errors[0]).toBeInstanceOf(EventStreamRefused);
    expect(stage.errors[0]).toMatchObject({ status: 404, body: 'no' });
  });
});

describe('events', () => {
  it('come with their type, data and last id', async () => {
    const stage = new Stage();
    const events: SealedEvent[] = [];
    for (const type of ['message', 'note'])
      stage.source.addEventListener(type, (event) => events.push(event as SealedEvent));
    const stream = (await stage.attempt(0)).accept();
    await stream.send(
      '\uFEFF: hello\nid: 1\ndata: a\ndata: b\n\nevent: note\ndata: é\n\nevent: other\ndata: x\n\n',
    );
    expect(events).toEqual([
      { type: 'message', data: 'a\nb', lastEventId: '1' },
      { type: 'note', data: 'é', lastEventId: '1' },
    ]);
    stage.source.close();
  });

  it('come whole from any chunking, characters included', async () => {
    const stage = new Stage();
    const bytes = new TextEncoder().encode('data: é€😀\r\n\r\ndata: 2\n\n');
    const attempt = await stage.attempt(0);
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      },
    });
    attempt.answer(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
    await settle();
    expect(stage.seen).toEqual(['open open', 'message é€😀', 'message 2']);
    stage.source.close();
  });

  it('over 8 Mi characters end it: ISO-6003', async () => {
    const stage = new Stage();
    const stream = (await stage.attempt(0)).accept();
    for (let i = 0; i < 9; i++) await stream.send(`data: ${'x'.repeat(1024 * 1024)}\n`);
    expect(stage.errors).toMatchObject([{ code: 'ISO-6003' }]);
    expect(stage.source.readyState).toBe(stage.source.CLOSED);
  });

  it('reach the other listeners, and go on, when one listener throws', async () => {
    const stage = new Stage();
    const thrown: unknown[] = [];
    const onUncaught = (error: unknown): void => void thrown.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', onUncaught);
    try {
      stage.source.removeEventListener('message', stage.listen);
      stage.source.addEventListener('message', () => {
        throw new Error('the application');
      });
      stage.source.addEventListener('message', stage.listen);
      const stream = (await stage.attempt(0)).accept();
      await stream.send('data: 1\n\ndata: 2\n\n');
      expect(stage.seen).toEqual(['open open', 'message 1', 'message 2']);
      expect(thrown).toMatchObject([{ message: 'the application' }, { message: 'the application' }]);
    } finally {
      process.off('uncaughtException', onUncaught);
      for (const other of others) process.on('uncaughtException', other);
      stage.source.close();
    }
  });
});

describe('listeners', () => {
  it('are called once however often they are added, and not after they were removed', async () => {
    const stage = new Stage();
    stage.source.addEventListener('message', stage.listen);
    const stream = (await stage.attempt(0)).accept();
    await stream.send('data: 1\n\n');
    stage.source.removeEventListener('message', stage.listen);
    stage.source.removeEventListener('message', stage.listen);
    stage.source.removeEventListener('never', stage.listen);
    await stream.send('data: 2\n\n');
    expect(stage.seen).toEqual(['open open', 'message 1']);
    stage.source.close();
  });

  it('that another one removes are not called for the same event', async () => {
    const stage = new Stage();
    stage.source.removeEventListener('message', stage.listen);
    stage.source.addEventListener('message', () => stage.source.removeEventListener('message', stage.listen));
    stage.source.addEventListener('message', stage.listen);
    const stream = (await stage.attempt(0)).accept();
    await stream.send('data: 1\n\n');
    expect(stage.seen).toEqual(['open open']);
    stage.source.close();
  });
});

describe('after close()', () => {
  it('before the first attempt, none is made', async () => {
    const stage = new Stage();
    stage.source.close();
    await settle();
    expect([stage.attempts, stage.seen]).toEqual([0, []]);
  });

  it('while connecting, the attempt is aborted and nothing is dispatched', async () => {
    const stage = new Stage();
    const attempt = await stage.attempt(0);
    stage.source.close();
    expect(attempt.signal.aborted).toBe(true);
    attempt.reject(attempt.signal.reason);
    await settle();
    expect(stage.seen).toEqual([]);
  });

  it('in a listener, neither the rest of a chunk nor the other listeners see any more', async () => {
    const stage = new Stage();
    stage.source.removeEventListener('message', stage.listen);
    stage.source.addEventListener('message', () => stage.source.close());
    stage.source.addEventListener('message', stage.listen);
    const attempt = await stage.attempt(0);
    await attempt.accept().send('data: 1\n\ndata: 2\n\n');
    expect(stage.seen).toEqual(['open open']);
    expect(attempt.signal.aborted).toBe(true);
  });

  it('in the listener of an error, nothing waits for the next attempt', async () => {
    const stage = new Stage();
    stage.source.addEventListener('error', () => stage.source.close());
    (await stage.attempt(0)).reject(new NenError('ISO-2003'));
    await settle();
    expect(vi.getTimerCount()).toBe(0);
    expect(stage.attempts).toBe(1);
  });

  it('while it waits, no timer stays', async () => {
    const stage = new Stage();
    (await stage.attempt(0)).reject(new NenError('ISO-2003'));
    await settle();
    expect(vi.getTimerCount()).toBe(1);
    stage.source.close();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stage.attempts).toBe(1);
  });

  it('while its headers are awaited, no attempt is made', async () => {
    let give: (headers: Record<string, string>) => void = () => undefined;
    const stage = new Stage({
      headers: () =>
        new Promise((resolve) => {
          give = resolve;
        }),
    });
    await settle();
    stage.source.close();
    give({});
    await settle();
    expect([stage.attempts, stage.seen]).toEqual([0, []]);
  });
});

describe('coming back', () => {
  it('waits longer each time, up to half a minute, and as at first after a success', async () => {
    const stage = new Stage();
    for (const [number, waitMs] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      (await stage.attempt(number)).reject(new NenError('ISO-4005'));
      await settle();
      await vi.advanceTimersByTimeAsync(waitMs * 0.75 - 1);
      await settle();
      expect(stage.attempts).toBe(number + 1);
      await vi.advanceTimersByTimeAsync(waitMs * 0.5 + 1);
      await settle();
      expect(stage.attempts).toBe(number + 2);
    }
    await (await stage.attempt(7)).accept().end();
    await vi.advanceTimersByTimeAsync(1_250);
    await stage.attempt(8);
    stage.source.close();
  });

  it("takes the server's retry: time, up to half a minute", async () => {
    const stage = new Stage();
    const stream = (await stage.attempt(0)).accept();
    await stream.send('retry: 5000\n\n');
    await stream.end();
    await vi.advanceTimersByTimeAsync(3_749);
    expect(stage.attempts).toBe(1);
    await vi.advanceTimersByTimeAsync(2_502);
    const second = (await stage.attempt(1)).accept();
    await second.send('retry: 9999999999\nretry: soon\n\n');
    await second.end();
    await vi.advanceTimersByTimeAsync(30_000);
    await stage.attempt(2);
    stage.source.close();
  });

  it("waits longer each time also after a server's retry: 0", async () => {
    const stage = new Stage();
    const stream = (await stage.attempt(0)).accept();
    await stream.send('retry: 0\n\n');
    await stream.end();
    let waitedMs = 0;
    for (let number = 1; number < 9; number++) {
      while (stage.attempts === number) {
        await vi.advanceTimersByTimeAsync(10);
        await settle();
        waitedMs += 10;
      }
      (await stage.attempt(number)).reject(new NenError('ISO-1007'));
    }
    expect(waitedMs).toBeGreaterThan(5_000);
    stage.source.close();
  });

  it('asks from the last id on', async () => {
    const stage = new Stage();
    const ids: (string | null)[] = [];
    for (const [number, sent] of ['id: 7\ndata: a\n\n', 'data: b\n\n', 'id\ndata: c\n\n', ''].entries()) {
      const attempt = await stage.attempt(number);
      ids.push(attempt.headers.get('last-event-id'));
      const stream = attempt.accept();
      await stream.send(sent);
      await stream.end();
      await vi.advanceTimersByTimeAsync(2_000);
    }
    expect(ids).toEqual([null, '7', '7', null]);
    stage.source.close();
  });

  it('asks for its headers anew each time', async () => {
    let asked = 0;
    const stage = new Stage({ headers: async () => ({ 'x-turn': String(++asked), accept: 'text/html' }) });
    for (let number = 0; number < 3; number++) {
      const { headers, reject } = await stage.attempt(number);
      expect([headers.get('x-turn'), headers.get('accept')]).toEqual([
        String(number + 1),
        'text/event-stream',
      ]);
      reject(new NenError('ISO-2003'));
      await settle();
      await vi.advanceTimersByTimeAsync(10_000);
    }
    stage.source.close();
  });

  it.each([
    ['an object', { 'x-a': '1', 'x-b': ['2', '3'], 'x-c': undefined }],
    [
      'pairs',
      [
        ['x-a', '1'],
        ['x-b', '2, 3'],
      ] as [string, string][],
    ],
    ['Headers', new Headers({ 'x-a': '1', 'x-b': '2, 3' })],
  ])('takes headers as %s', async (_name, headers) => {
    const stage = new Stage({ headers });
    const attempt = await stage.attempt(0);
    expect([attempt.headers.get('x-a'), attempt.headers.get('x-b'), attempt.headers.get('x-c')]).toEqual([
      '1',
      '2, 3',
      null,
    ]);
    stage.source.close();
  });

  it('leaves nothing behind on its signal', async () => {
    const stage = new Stage();
    const { signal } = await stage.attempt(0);
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    for (let number = 0; number < 20; number++) {
      (await stage.attempt(number)).reject(new NenError('ISO-2003'));
      await settle();
      await vi.advanceTimersByTimeAsync(40_000);
    }
    await settle();
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
    stage.source.close();
  });
});

describe('what ends it', () => {
  const transient: readonly NenErrorCode[] = [
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
  ];
  it.each(transient)('not %s', async (code) => {
    const stage = new Stage();
    const error = new NenError(code);
    (await stage.attempt(0)).reject(new Error('wrapped', { cause: error }));
    await settle();
    expect(stage.seen).toEqual(['error connecting']);
    expect(NenError.from(stage.errors[0])).toBe(error);
    await vi.advanceTimersByTimeAsync(2_000);
    await stage.attempt(1);
    stage.source.close();
  });

  const terminal: readonly NenErrorCode[] = [
    'ISO-1003',
    'ISO-1005',
    'ISO-1006',
    'ISO-2001',
    'ISO-3001',
    'ISO-3002',
    'ISO-3007',
    'ISO-4003',
    'ISO-4006',
    'ISO-5002',
    'ISO-6002',
    'ISO-6003',
  ];
  it.each(terminal)('%s', async (code) => {
    const stage = new Stage();
    (await stage.attempt(0)).reject(new NenError(code));
    await settle();
    expect(stage.seen).toEqual(['error closed']);
    expect(stage.errors).toMatchObject([{ code }]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stage.attempts).toBe(1);
  });

  it.each([
    [400, 'closed'],
    [403, 'closed'],
    [404, 'closed'],
    [401, 'connecting'],
    [429, 'connecting'],
    [500, 'connecting'],
    [502, 'connecting'],
  ])("a proxy's own %i leaves it %s", async (status, state) => {
    const stage = new Stage();
    (await stage.attempt(0)).reject(new NenError('ISO-4005', { status }));
    await settle();
    expect(stage.seen).toEqual([`error ${state}`]);
    stage.source.close();
  });

  it.each([
    ['another status', new Response('x', { status: 500, headers: { 'content-type': 'text/event-stream' } })],
    ['another type', new Response('x', { headers: { 'content-type': 'text/html' } })],
    ['no type', new Response(new Uint8Array(1))],
    ['no body', new Response(null, { status: 204 })],
  ])('an answer with %s', async (_name, response) => {
    const stage = new Stage();
    (await stage.attempt(0)).answer(response);
    await settle();
    expect(stage.seen).toEqual(['error closed']);
    expect(stage.errors[0]).toBeInstanceOf(EventStreamRefused);
  });

  it('a headers function that fails', async () => {
    const stage = new Stage({ headers: () => Promise.reject(new Error('no token')) });
    await settle();
    expect(stage.seen).toEqual(['error closed']);
    expect(stage.errors).toMatchObject([{ message: 'no token' }]);
  });

  it('a stream that is altered in its middle, after what came before', async () => {
    const stage = new Stage();
    const stream = (await stage.attempt(0)).accept();
    await stream.send('data: 1\n\n');
    await stream.fail(new NenError('ISO-6002'));
    expect(stage.seen).toEqual(['open open', 'message 1', 'error closed']);
  });

  it('not a stream that is cut', async () => {
    const stage = new Stage();
    const stream = (await stage.attempt(0)).accept();
    await stream.send('data: 1\n\ndata: 2\n');
    await stream.fail(new NenError('ISO-6001'));
    expect(stage.seen).toEqual(['open open', 'message 1', 'error connecting']);
    stage.source.close();
  });
});

it('row 90: over the sealed fetch, each attempt has a nonce of its own and seals the last id', async () => {
  let turn = 0;
  const ids: (string | null)[] = [];
  const channel = openChannel({
    endpoint: '/api/trpc',
    handler: (req) => {
      ids.push(req.headers.get('last-event-id'));
      return new Response(`id: secret-${++turn}\ndata: ${turn}\n\n`, {
        headers: { 'content-type': 'text/event-stream' },
      });
    },
  });
  const Source = createEventSource({ fetch: channel.client.tunnel('/api/trpc') });
  const source = new Source('https://nen.test/api/trpc/events');
  const data: unknown[] = [];
  const third = new Promise<void>((resolve) => {
    source.addEventListener('message', (event) => {
      data.push((event as SealedEvent).data);
      if (data.length === 3) resolve();
    });
    source.addEventListener('error', () => setImmediate(() => vi.advanceTimersByTime(2_000)));
  });
  await third;
  source.close();
  expect(data).toEqual(['1', '2', '3']);
  expect(ids).toEqual([null, 'secret-1', 'secret-2']);
  const calls = channel.sent.filter(({ path }) => path === '/api/trpc/sealed');
  expect(new Set(calls.map(({ init }) => init.headers['X-Nen-Nonce'])).size).toBe(3);
  expect(JSON.stringify(calls.map(({ url, init }) => [url, init.headers]))).not.toMatch(
    /secret|last-event-id/i,
  );
});
