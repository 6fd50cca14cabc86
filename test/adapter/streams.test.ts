/** Streams from the server's side: keep-alive, back-pressure, cancellation, and what is one record. */
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { NenClient, NenError } from '../../src/link/client/index.ts';
import { bodyOf, bytes, gatedBody, turn } from './bodies.ts';
import { ORIGIN, type Rig, rig } from './rig.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A client, and what ends its requests on the server's side alone. */
function leavingClient({ routes }: Rig['nen'], wrapped: Rig['wrapped']) {
  const gone = new AbortController();
  const client = new NenClient(ORIGIN, {
    fetch: async (url, { method, headers, body }) => {
      const req = new Request(url, { method, headers, body, signal: gone.signal });
      return url.includes('/api/nen/') ? routes.POST(req) : wrapped(req);
    },
  });
  return { client, gone };
}

describe('a sealed stream', () => {
  test('what a handler gives at once is one envelope; a turn later it is a stream, whatever its type', async () => {
    const { body, push, end } = gatedBody();
    const bodies: BodyInit[] = ['[1]', body];
    const { client, outer } = rig(
      () => new Response(bodies.shift() ?? null, { headers: { 'content-type': 'application/json' } }),
    );
    const call = client.tunnel('/api');
    expect(await (await call('/api/x')).json()).toEqual([1]);
    const response = await call('/api/x');
    push(bytes('[2]'));
    end();
    expect(await response.json()).toEqual([2]);
    expect(outer.map(({ response: { headers } }) => headers.get('content-type'))).toEqual([
      'application/json',
      'text/event-stream',
    ]);
    expect(outer[1]?.response.headers.get('x-accel-buffering')).toBe('no');
    expect(outer[1]?.response.headers.get('cache-control')).toBe('no-store, no-transform');
  });

  test('chunks of one turn are one record, and a record waits for none that comes later', async () => {
    const { body, push, end } = gatedBody();
    const { client, outer } = rig(() => new Response(body));
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    for (const text of ['event: x\n', 'data: 1\n', '\n']) push(bytes(text));
    expect((await reader?.read())?.value).toEqual(bytes('event: x\ndata: 1\n\n'));
    push(bytes('second'));
    expect((await reader?.read())?.value).toEqual(bytes('second'));
    end();
    expect(await reader?.read()).toMatchObject({ done: true });
    expect(outer).toHaveLength(1);
  });

  test('a silent stream is kept alive by empty records, which the caller never sees', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { body, push, end } = gatedBody();
    const { client, events } = rig(() => new Response(body), { keepAliveMs: 1_000 });
    const response = await client.tunnel('/api')('/api/x');
    const read = response.body?.getReader().read();
    let seen = false;
    read?.then(
      () => {
        seen = true;
      },
      () => undefined,
    );
    // Beyond the 45 s after which a client takes a silent stream for dead.
    for (let i = 0; i < 100; i++) {
      await vi.advanceTimersByTimeAsync(1_000);
      await turn();
      await turn();
    }
    expect(seen).toBe(false);
    push(bytes('at last'));
    expect((await read)?.value).toEqual(bytes('at last'));
    end();
    await turn();
    expect(events.filter(({ type }) => type === 'refused')).toEqual([]);
  });

  test('each of them is on the wire, within the time', async () => {
    const { body, end } = gatedBody();
    let wire: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const { client } = rig(() => new Response(body), {
      keepAliveMs: 5,
      answer: (response) => {
        const [copy, rest] = response.body?.tee() ?? [];
        wire = copy?.getReader();
        return new Response(rest ?? null, response);
      },
    });
    const response = await client.tunnel('/api')('/api/x');
    const text = response.text();
    const records: string[] = [];
    while (records.length < 4) records.push(new TextDecoder().decode((await wire?.read())?.value));
    expect(records[0]).toMatch(/^data: \{"n":/);
    // A tag and nothing else.
    for (const record of records.slice(1)) expect(record).toMatch(/^data: [A-Za-z0-9+/]{22}==\n\n$/);
    expect(new Set(records).size).toBe(4);
    end();
    expect(await text).toBe('');
  });

  test('a fast generator is not drained by a slow reader', async () => {
    let made = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          await turn();
          controller.enqueue(new Uint8Array(16_384).fill(made++));
        },
      },
      { highWaterMark: 0 },
    );
    const { client } = rig(() => new Response(body));
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    for (let i = 0; i < 5; i++) expect((await reader?.read())?.value?.[0]).toBeDefined();
    const afterFive = made;
    for (let i = 0; i < 200; i++) await turn();
    expect(made - afterFive).toBeLessThanOrEqual(10);
    await reader?.cancel();
  });

  for (const [name, give] of [
    ['cancels the body', async (response: Response) => response.body?.cancel('enough')],
    [
      'leaves a loop over it',
      async (response: Response) => {
        for await (const _ of response.body ?? []) break;
      },
    ],
  ] as const) {
    test(`a caller who ${name} ends the generator, and the server tells so`, async () => {
      let ended: () => void = () => undefined;
      const finished = new Promise<void>((resolve) => {
        ended = resolve;
      });
      async function* tokens(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
        try {
          for (;;) {
            await turn();
            yield bytes('token'.repeat(4_000));
          }
        } finally {
          ended();
        }
      }
      const { client, events } = rig(() => new Response(bodyOf(tokens())));
      const response = await client.tunnel('/api')('/api/x');
      await give(response);
      await finished;
      await turn();
      expect(events.at(-1)).toMatchObject({ type: 'stream-ended', outcome: 'cancelled' });
      // Nothing is left held: the session is rotated, and serves.
      await client.rotate();
    });
  }

  test("an abort errors the opened body at once and cancels the handler's", async () => {
    const { body, push, cancelled } = gatedBody();
    const { client } = rig(() => new Response(body));
    const abort = new AbortController();
    const response = await client.tunnel('/api')('/api/x', { signal: abort.signal });
    const reader = response.body?.getReader();
    push(bytes('one'));
    expect((await reader?.read())?.value).toEqual(bytes('one'));
    abort.abort(new Error('enough'));
    await expect(reader?.read()).rejects.toThrow('enough');
    await cancelled;
  });

  test("the request's abort cancels the handler's body, also where nobody cancels the sealed one", async () => {
    const { body, push, cancelled } = gatedBody();
    const { nen, wrapped, events } = rig(() => new Response(body));
    const { client, gone } = leavingClient(nen, wrapped);
    const response = await client.tunnel('/api')('/api/x');
    push(bytes('one'));
    const reader = response.body?.getReader();
    expect((await reader?.read())?.value).toEqual(bytes('one'));
    gone.abort(new Error('left'));
    expect(await cancelled).toEqual(new Error('left'));
    // Who reads on, since the abort was not his, is not left waiting.
    await expect(reader?.read()).rejects.toMatchObject({ code: 'ISO-6001' });
    expect(events.at(-1)).toMatchObject({ type: 'stream-ended', outcome: 'cancelled' });
  });

  test.each([
    ['first', 0],
    ['second', 1],
  ])(
    'a %s chunk that was taken away again fails the stream, and leaves nothing behind',
    async (_, before) => {
      const stray: unknown[] = [];
      const note = (error: unknown): void => void stray.push(error);
      process.on('uncaughtException', note);
      onTestFinished(() => void process.off('uncaughtException', note));
      const { body, push, cancelled } = gatedBody();
      const { nen, wrapped, events } = rig(() => {
        const chunk = bytes('planted');
        for (let i = 0; i < before; i++) push(bytes('good'));
        if (before === 0) push(chunk);
        else setTimeout(() => push(chunk), 20);
        queueMicrotask(() => structuredClone(chunk.buffer, { transfer: [chunk.buffer] }));
        return new Response(body);
      });
      const { client, gone } = leavingClient(nen, wrapped);
      const response = await client.tunnel('/api')('/api/x');
      await expect(response.text()).rejects.toMatchObject({ code: 'ISO-6004' });
      expect(events.at(-1)).toMatchObject({ type: 'stream-ended', outcome: 'failed' });
      await cancelled;
      gone.abort();
      await turn();
      expect(stray).toEqual([]);
    },
  );

  test('a chunk far over a record goes through whole', async () => {
    const { body, push, end } = gatedBody();
    const { client } = rig(() => new Response(body));
    const response = await client.tunnel('/api')('/api/x');
    const large = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
    push(large);
    end();
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(large))).toBe(true);
  });

  test('response headers too large for a stream are a sealed 6003, and the body is cancelled', async () => {
    const { body, cancelled } = gatedBody();
    const { client, events } = rig(() => new Response(body, { headers: { 'x-large': 'x'.repeat(70_000) } }));
    await expect(client.tunnel('/api')('/api/x')).rejects.toMatchObject({
      code: 'ISO-6003',
      outcome: 'unknown',
    });
    expect(events.at(-1)).toMatchObject({ type: 'refused', code: 'ISO-6003' });
    await cancelled;
  });

  test.each([
    ['fails with a NenError that says that nothing ran', () => Promise.reject(new NenError('ISO-4006'))],
    ['never ends', () => new Promise<void>(() => undefined)],
  ])('where the cancel of that body %s, the refusal is ours all the same', async (_, cancel) => {
    const headers = { 'x-large': 'x'.repeat(70_000) };
    const { client } = rig(() => new Response(new ReadableStream({ cancel }), { headers }));
    await expect(client.tunnel('/api')('/api/x')).rejects.toMatchObject({
      code: 'ISO-6003',
      outcome: 'unknown',
    });
  });

  test('a body that fails at once with a NenError of its own is a sealed 500, and no refusal of ours', async () => {
    const { body, fail } = gatedBody();
    const { client } = rig(() => new Response(body));
    fail(new NenError('ISO-6003'));
    expect(await client.tunnel('/api')('/api/x')).toMatchObject({ status: 500 });
  });
});
