/** Handlers that fail: whatever they do, the caller gets one sealed answer that tells nothing, and the next call works. */
import { describe, expect, test } from 'vitest';
import { NenError } from '../../src/link/client/index.ts';
import { bytes, gatedBody } from './bodies.ts';
import { type Rig, rig } from './rig.ts';

/** A handler that fails once, in this way, and is good then. */
function failing(fail: () => unknown): Rig {
  let failed = false;
  return rig(() => {
    if (failed) return Response.json('good');
    failed = true;
    return fail() as Response;
  });
}

const WAYS: readonly (readonly [string, (rig: Rig) => Promise<Response>])[] = [
  ['a direct call', ({ client }) => client.fetch('/api/x', { method: 'POST' })],
  ['a tunnelled call', ({ client }) => client.tunnel('/api')('/api/x', { method: 'POST' })],
];

for (const [name, call] of WAYS) {
  describe(name, () => {
    const faults: readonly (readonly [string, () => unknown])[] = [
      [
        'throws',
        () => {
          throw new Error('canary');
        },
      ],
      ['rejects', () => Promise.reject(new Error('canary'))],
      [
        'throws what is no error',
        () => {
          throw 'canary';
        },
      ],
      ['returns nothing', () => undefined],
      ['returns what is no Response', () => ({ status: 200 })],
      ['returns Response.error()', () => Response.error()],
      [
        'returns a body that was read',
        async () => {
          const response = new Response('canary');
          await response.text();
          return response;
        },
      ],
      [
        'returns a body that errors at once',
        () =>
          new Response(new ReadableStream({ start: (controller) => controller.error(new Error('canary')) })),
      ],
      [
        'returns a body of strings',
        () =>
          new Response(
            new ReadableStream({
              start: (controller) => {
                controller.enqueue('canary');
                controller.close();
              },
            }),
          ),
      ],
      // A handler that calls another sealed server may fail with that server's codes: they are not ours.
      [
        'throws a NenError of its own',
        () => {
          throw new NenError('ISO-4006', { outcome: 'not-run' });
        },
      ],
      [
        'throws an error caused by a NenError',
        () => {
          throw new Error('canary', { cause: new NenError('ISO-2002') });
        },
      ],
      [
        'returns a body that errors with a NenError',
        () =>
          new Response(
            new ReadableStream({ start: (controller) => controller.error(new NenError('ISO-4006')) }),
          ),
      ],
    ];

    for (const [fault, fail] of faults) {
      test(`a handler that ${fault}: a sealed 500 without a word of it`, async () => {
        const one = failing(fail);
        const response = await call(one);
        expect(response.status).toBe(500);
        expect(await response.json()).toEqual({ error: { message: 'Internal server error' } });
        expect(one.events.filter(({ type }) => type === 'handler-error')).toHaveLength(1);
        expect(one.events.map(({ type }) => type)).not.toContain('refused');
        const again = await call(one);
        expect(await again.json()).toBe('good');
        // The session's keys were released as often as they were held: it can be rotated and used.
        await one.client.rotate();
        expect(await (await call(one)).json()).toBe('good');
      });
    }

    test('a body that errors mid-stream: what came before arrives, then ISO-6004', async () => {
      const { body, push, fail } = gatedBody();
      const one = failing(() => new Response(body));
      const response = await call(one);
      const reader = response.body?.getReader();
      push(bytes('first'));
      expect((await reader?.read())?.value).toEqual(bytes('first'));
      push(bytes('second'));
      fail(new Error('canary'));
      expect((await reader?.read())?.value).toEqual(bytes('second'));
      await expect(reader?.read()).rejects.toMatchObject({ code: 'ISO-6004' });
      expect(one.events.map(({ type }) => type)).toContain('handler-error');
      expect(one.events.at(-1)).toMatchObject({ type: 'stream-ended', outcome: 'failed', bytes: 11 });
      expect(await (await call(one)).json()).toBe('good');
    });

    test('a body that errors right after its first bytes: they arrive, then ISO-6004', async () => {
      const one = failing(() => {
        const { body, push, fail } = gatedBody();
        push(bytes('first'));
        setImmediate(() => fail(new Error('canary')));
        return new Response(body);
      });
      const reader = (await call(one)).body?.getReader();
      expect((await reader?.read())?.value).toEqual(bytes('first'));
      await expect(reader?.read()).rejects.toMatchObject({ code: 'ISO-6004' });
      expect(await (await call(one)).json()).toBe('good');
    });
  });
}

test('a HEAD whose handler gives an endless body cancels it', async () => {
  for (const way of ['fetch', 'tunnel'] as const) {
    const { body, cancelled } = gatedBody();
    const { client } = rig(() => new Response(body));
    const call = way === 'fetch' ? client.fetch : client.tunnel('/api');
    expect((await call('/api/x', { method: 'HEAD' })).status).toBe(200);
    await cancelled;
  }
});
