/** Padding and coalescing, from the options to the wire: what the way still sees, and that callers see nothing of it. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createNen, type NenOptions, type ShapingOptions, withNen } from '../../src/adapter/server.ts';
import { NenClient, type NenClientOptions } from '../../src/link/client/index.ts';
import { nenLink } from '../../src/link/index.ts';
import { bodyOf, bytes, gatedBody, turn } from './bodies.ts';
import { ORIGIN, type RigOptions, rig } from './rig.ts';

const PADDED: RigOptions = { padding: { blockBytes: 256 }, client: { padding: { blockBytes: 256 } } };
const TAG_BYTES = 16;

/** Lengths of the plaintexts in the JSON envelopes that these bodies are. */
function plaintextLengths(envelopes: readonly string[]): number[] {
  return envelopes.map((text) => boxBytes(JSON.parse(text).ct) - TAG_BYTES);
}

function boxBytes(base64: string): number {
  return Buffer.from(base64, 'base64').length;
}

/** What the records of a stream of server-sent events are: `event length`, the head's event being empty. */
function recordsOf(text: string): string[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [, name = 'data', ct = ''] =
        /^(?:event: (\w+)\n)?data: (?:.*"ct":")?([^"]+)"?}?$/.exec(event) ?? [];
      return `${name} ${boxBytes(ct) - TAG_BYTES}`;
    });
}

/** A rig that keeps a copy of what each answer puts on the wire. */
function wireRig(handler: () => Response, options: RigOptions) {
  const wire: Promise<string>[] = [];
  const made = rig(handler, {
    ...options,
    answer: (response) => {
      wire.push(response.clone().text());
      return response;
    },
  });
  return { ...made, wire: () => Promise.all(wire) };
}

/** Time stands still for timers unless it is passed here; turns of the event loop are real. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function passTime(ms: number): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
  await vi.advanceTimersByTimeAsync(ms);
  for (let i = 0; i < 5; i++) await turn();
}

describe('padding', () => {
  test('requests and answers have the lengths of blocks, in the tunnel and without it', async () => {
    const texts = ['', 'x', 'x'.repeat(100), 'x'.repeat(150), 'x'.repeat(400)];
    for (const tunnelled of [true, false]) {
      const answers = [...texts];
      const { client, outer, wire } = wireRig(() => Response.json(answers.shift()), PADDED);
      const call = tunnelled ? client.tunnel('/api') : client.fetch;
      for (const text of texts) {
        const response = await call('/api/x', { method: 'POST', body: text });
        expect(await response.json()).toBe(text);
      }
      const requests = outer.map(({ init }) => new TextDecoder().decode(init.body ?? new Uint8Array()));
      expect(plaintextLengths(requests)).toEqual([256, 256, 256, 256, 512]);
      expect(plaintextLengths(await wire())).toEqual([256, 256, 256, 256, 512]);
    }
  });

  test('a JSON call and a JSON answer are padded too, as whole messages, and mean the same', async () => {
    const seen: (string | null)[] = [];
    const options = { padding: PADDED.padding, client: PADDED.client } as RigOptions;
    const { nen } = rig(() => new Response(), options);
    const route = nen.withNen((req, body) => {
      seen.push(req.headers.get('content-type'));
      return { echo: body };
    });
    const sent: string[] = [];
    const client = new NenClient(ORIGIN, {
      padding: { blockBytes: 256 },
      clock: { wall: () => 1_790_000_000_000, monotonic: () => 1_790_000_000_000 },
      fetch: async (url, init) => {
        const req = new Request(url, init as RequestInit);
        if (url.includes('/api/nen/')) return nen.routes.POST(req);
        sent.push(new TextDecoder().decode(init.body ?? new Uint8Array()));
        const response = await route(req);
        sent.push(await response.clone().text());
        return response;
      },
    });
    const answer = await client.nenFetch('/api/pay', { method: 'POST', body: '{"amount":1}' });
    expect(answer).toEqual({ echo: { amount: 1 } });
    expect(seen).toEqual(['application/json']);
    expect(sent.map((text) => JSON.parse(text).t)).toEqual(['http', 'http']);
    expect(plaintextLengths(sent)).toEqual([256, 256]);
  });

  test('no status and no missing body shows: 204, 404 and 500 look like 200', async () => {
    const responses = [
      () => new Response(null, { status: 204 }),
      () => new Response('no', { status: 404 }),
      () => Response.json({ ok: true }),
      () => {
        throw new Error('broken');
      },
    ];
    const { client, outer, wire } = wireRig(() => responses.shift()?.() ?? new Response(), PADDED);
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await client.fetch('/api/x', { method: 'POST' })).status);
    expect(statuses).toEqual([204, 404, 200, 500]);
    expect(outer.map(({ response }) => response.status)).toEqual([200, 200, 200, 200]);
    expect(plaintextLengths(await wire())).toEqual([256, 256, 256, 256]);
  });

  test('a HEAD has no body to pad, and works', async () => {
    const { client, outer } = rig(() => new Response('x', { status: 203 }), PADDED);
    const response = await client.fetch('/api/x', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([203, '']);
    expect(outer[0]?.response.headers.has('x-nen-tag')).toBe(true);
  });

  test('one side that pads needs nothing of the other', async () => {
    for (const side of ['server', 'client'] as const) {
      const options =
        side === 'server' ? { padding: 'padme' as const } : { client: { padding: 'padme' as const } };
      const { client } = rig(async (req) => Response.json(await req.json()), options);
      for (const call of [client.fetch, client.tunnel('/api')]) {
        const response = await call('/api/x', { method: 'POST', body: '[1]' });
        expect(await response.json()).toEqual([1]);
      }
    }
  });

  test('of one wrapped handler holds instead of that of the server', async () => {
    const { client, wire } = wireRig(() => new Response('x'), {
      ...PADDED,
      wrap: { padding: { blockBytes: 1000 } },
    });
    await client.fetch('/api/x', { method: 'POST' });
    const { client: unpadded, wire: unpaddedWire } = wireRig(() => new Response('x'), {
      ...PADDED,
      wrap: { padding: 'none' },
    });
    await unpadded.fetch('/api/x', { method: 'POST' });
    expect(plaintextLengths(await wire())).toEqual([1000]);
    expect(plaintextLengths(await unpaddedWire())[0]).toBeLessThan(100);
  });

  test.each(['json', 'octets'] as const)(
    'the records of a stream in %s are blocks, and come back whole',
    async (encoding) => {
      const items = ['I', ' have', ' a', ' considerable', ' headache', '', '.'];
      const { client, wire } = wireRig(() => new Response(bodyOf(oneByOne(items))), {
        padding: { blockBytes: 64 },
        client: { encoding },
      });
      const response = await client.tunnel('/api')('/api/x');
      expect(await response.text()).toBe(items.join(''));
      if (encoding === 'octets') return;
      const [, ...records] = recordsOf((await wire())[0] ?? '');
      expect(records.slice(0, -1)).toEqual(Array.from(records.slice(0, -1), () => 'padded 64'));
      expect(records.length).toBeGreaterThan(3);
      expect(records.at(-1)).toBe('final 0');
    },
  );

  test('what keeps a stream alive looks like what it carries', async () => {
    const { body, push, end } = gatedBody();
    const { client, wire } = wireRig(() => new Response(body), {
      padding: { blockBytes: 64 },
      keepAliveMs: 5,
    });
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    const read = reader?.read();
    for (let i = 0; i < 4; i++) await passTime(5);
    push(bytes('token'));
    expect((await read)?.value).toEqual(bytes('token'));
    end();
    expect(await reader?.read()).toMatchObject({ done: true });
    const records = recordsOf((await wire())[0] ?? '').slice(1, -1);
    expect(records.length).toBeGreaterThan(2);
    expect(new Set(records)).toEqual(new Set(['padded 64']));
  });

  test('a sealed refusal in place of a padded answer says its code', async () => {
    const streamed = rig(
      () => new Response(gatedBody().body, { headers: { x: 'y'.repeat(70_000) } }),
      PADDED,
    );
    await expect(streamed.client.fetch('/api/x', { method: 'POST' })).rejects.toMatchObject({
      code: 'ISO-6003',
    });
  });
});

async function* oneByOne(items: readonly string[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const item of items) {
    for (let i = 0; i < 3; i++) await turn();
    yield bytes(item);
  }
}

describe('coalescing', () => {
  test('what comes within the time is one record, which comes when the time is over', async () => {
    const { body, push, end } = gatedBody();
    const { client, wire } = wireRig(() => new Response(body), { coalesceMs: 40 });
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    let arrived = false;
    const first = reader?.read().finally(() => {
      arrived = true;
    });
    for (const token of ['a', 'b', 'c']) {
      push(bytes(token));
      await passTime(13);
    }
    expect(arrived).toBe(false);
    await passTime(1);
    expect((await first)?.value).toEqual(bytes('abc'));
    push(bytes('d'));
    end();
    // The end waits for nothing: what is left comes with it.
    expect((await reader?.read())?.value).toEqual(bytes('d'));
    expect(await reader?.read()).toMatchObject({ done: true });
    expect(recordsOf((await wire())[0] ?? '').slice(1)).toEqual(['data 3', 'data 1', 'final 0']);
  });

  test('a full block is not held', async () => {
    const { body, push, end } = gatedBody();
    const { client } = rig(() => new Response(body), { coalesceMs: 10_000, padding: { blockBytes: 64 } });
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    for (const token of ['x'.repeat(30), 'y'.repeat(30)]) push(bytes(token));
    expect((await reader?.read())?.value?.length).toBe(60);
    push(bytes('z'.repeat(59)));
    const held = reader?.read();
    await turn();
    push(bytes('!'));
    expect((await held)?.value?.length).toBe(60);
    end();
    expect(await reader?.read()).toMatchObject({ done: true });
  });

  test('a body that ends within the time is one envelope', async () => {
    const { client, outer } = rig(() => new Response(bodyOf(oneByOne(['a', 'b', 'c']))), {
      coalesceMs: 5_000,
    });
    const response = await client.tunnel('/api')('/api/x');
    expect(await response.text()).toBe('abc');
    // The first chunk is a turn late, so the head had gone: the rest is one record.
    expect(outer[0]?.response.headers.get('content-type')).toBe('text/event-stream');
    const parts = [bytes('a'), bytes('b')];
    const { client: second, outer: secondOuter } = rig(
      () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              const part = parts.shift();
              if (part === undefined) return controller.close();
              controller.enqueue(part);
              for (let i = 0; i < 5; i++) await turn();
            },
          }),
        ),
      { coalesceMs: 5_000 },
    );
    expect(await (await second.tunnel('/api')('/api/x')).text()).toBe('ab');
    expect(secondOuter[0]?.response.headers.get('content-type')).toBe('application/json');
  });

  test('a body that fails while something is held: that first, then 6004', async () => {
    const { body, push, fail } = gatedBody();
    const { client } = rig(() => new Response(body), { coalesceMs: 5_000 });
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    const read = reader?.read();
    push(bytes('a'));
    await turn();
    await turn();
    fail(new Error('broken'));
    expect((await read)?.value).toEqual(bytes('a'));
    await expect(reader?.read()).rejects.toMatchObject({ code: 'ISO-6004' });
  });

  test('a caller who leaves while something is held ends the body at once', async () => {
    const { body, push, cancelled } = gatedBody();
    const { client, events } = rig(() => new Response(body), { coalesceMs: 10_000 });
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    reader?.read().catch(() => undefined);
    push(bytes('a'));
    await turn();
    await turn();
    await reader?.cancel('enough');
    await cancelled;
    await turn();
    expect(events.at(-1)).toMatchObject({ type: 'stream-ended', outcome: 'cancelled' });
  });

  test('a silent stream is kept alive all the same', async () => {
    const { body, push, end } = gatedBody();
    const { client } = rig(() => new Response(body), { coalesceMs: 10_000, keepAliveMs: 20_000 });
    const response = await client.tunnel('/api')('/api/x');
    const reader = response.body?.getReader();
    const read = reader?.read();
    for (let i = 0; i < 20; i++) await passTime(10_000);
    push(bytes('at last'));
    end();
    expect((await read)?.value).toEqual(bytes('at last'));
  });
});

describe('an option that is given but wrong is a TypeError at once', () => {
  const wrong: readonly ShapingOptions[] = [
    { padding: { blockBytes: 0 } },
    { padding: { blockBytes: 65_537 } },
    { padding: 'full' as 'padme' },
    { padding: null as unknown as 'padme' },
    { coalesceMs: -1 },
    { coalesceMs: 1.5 },
    { coalesceMs: 10_001 },
    { coalesceMs: Number.NaN },
    { coalesceMs: '50' as unknown as number },
  ];
  test.each(wrong)('%j', (options) => {
    expect(() => createNen(options)).toThrow(TypeError);
    const nen = createNen();
    expect(() => nen.wrap(() => new Response(), options)).toThrow(TypeError);
    expect(() => nen.withNen(() => 1, options)).toThrow(TypeError);
    expect(() => withNen(() => 1, options)).toThrow(TypeError);
    if (options.padding === undefined) return;
    const client = { padding: options.padding } as NenClientOptions;
    expect(() => new NenClient(ORIGIN, client)).toThrow(TypeError);
    expect(() => nenLink({ url: `${ORIGIN}/api/trpc`, ...client })).toThrow(TypeError);
  });

  test('a stream must not be silent for longer than a client waits', () => {
    const silent: NenOptions = { keepAliveMs: 40_000, coalesceMs: 5_000 };
    expect(() => createNen(silent)).toThrow(TypeError);
    expect(() =>
      createNen({ keepAliveMs: 40_000 }).wrap(() => new Response(), { coalesceMs: 5_000 }),
    ).toThrow(TypeError);
    expect(() => createNen({ keepAliveMs: 40_000, coalesceMs: 4_999 })).not.toThrow();
  });

  test('padding goes to the shared client, not to the link beside it', () => {
    const client = new NenClient(ORIGIN);
    expect(() => nenLink({ url: `${ORIGIN}/api/trpc`, client, padding: 'padme' })).toThrow(TypeError);
  });
});
