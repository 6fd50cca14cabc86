/** Batch streaming: answers, promises in them and generators arrive as they come, not before and not late. */
import { describe, expect, it } from 'vitest';
import { BATCH_WAYS, STREAM_WAYS, startApp } from './support/app.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';

failOnStrayErrors();

describe.each(STREAM_WAYS)('$name', (way) => {
  it('hands out each answer of a batch as soon as it is there', async () => {
    const app = await startApp(way);
    const client = app.client();
    const settled: string[] = [];
    const slow = client.wait.query('slow').then((value) => settled.push(value));
    const quick = client.nested.deep.query().then((value) => settled.push(value));
    await quick;
    expect(settled).toEqual(['deep']);
    app.stage.open('slow');
    await slow;
    expect(settled).toEqual(['deep', 'slow']);
    expect(app.requests).toEqual(['GET /api/trpc/wait,nested.deep']);
  });

  it('resolves promises in an answer, nested ones too, one after another', async () => {
    const app = await startApp(way);
    const answer = await app.client().later.query();
    expect(answer.now).toBe('now');
    app.stage.open('soon');
    expect(await answer.soon).toBe('soon');
    app.stage.open('outer');
    const outer = await answer.nested;
    app.stage.open('inner');
    expect(await outer.inner).toEqual(new Date(0));
    app.stage.open('broken');
    await expect(answer.broken).rejects.toMatchObject({
      message: 'broke later',
      data: { code: 'CONFLICT', httpStatus: 409 },
    });
  });

  it('yields each step of a generator when the server yields it, and its return value', async () => {
    const app = await startApp(way);
    const steps = await app.client().steps.query({ count: 3 });
    const iterator = steps[Symbol.asyncIterator]();
    for (let step = 0; step < 3; step++) {
      app.stage.open(`step ${step}`);
      expect(await iterator.next()).toEqual({ done: false, value: { step, at: new Date(step) } });
      expect(app.stage.count(`at step ${step + 2}`)).toBe(0);
    }
    expect(await iterator.next()).toEqual({ done: true, value: 'done' });
    expect(app.stage.notes).toContain('steps over');
  });

  it('throws where a generator throws, after what it yielded', async () => {
    const errors: string[] = [];
    const app = await startApp(way, {
      trpc: { onError: ({ error }) => errors.push(error.code) },
    });
    const steps = await app.client().steps.query({ count: 3, failAt: 1 });
    app.stage.open('step 0');
    app.stage.open('step 1');
    const seen: unknown[] = [];
    const failure = await (async () => {
      for await (const { step } of steps) seen.push(step);
    })().catch((error: unknown) => error);
    expect(seen).toEqual([0]);
    expect(failure).toMatchObject({ message: 'failed at 1', data: { code: 'CONFLICT', path: 'steps' } });
    expect(errors).toEqual(['CONFLICT']);
  });

  it('ends the generator on the server when the reader breaks off', async () => {
    const app = await startApp(way);
    const abort = new AbortController();
    const steps = await app.client().steps.query({ count: 3 }, { signal: abort.signal });
    app.stage.open('step 0');
    for await (const { step } of steps) {
      expect(step).toBe(0);
      break;
    }
    abort.abort();
    await app.stage.until('steps over');
  });

  it('streams two generators of one batch side by side', async () => {
    const app = await startApp(way);
    const client = app.client();
    const both = await Promise.all([client.steps.query({ count: 2 }), client.steps.query({ count: 2 })]);
    expect(app.requests).toEqual(['GET /api/trpc/steps,steps']);
    const [first, second] = both.map((steps) => steps[Symbol.asyncIterator]());
    app.stage.open('step 0');
    expect(await first?.next()).toMatchObject({ value: { step: 0 } });
    expect(await second?.next()).toMatchObject({ value: { step: 0 } });
    app.stage.open('step 1');
    expect(await second?.next()).toMatchObject({ value: { step: 1 } });
    expect(await first?.next()).toMatchObject({ value: { step: 1 } });
  });

  it.each(['trpc-accept', 'accept'] as const)(
    'asks for the stream with the header %s',
    async (streamHeader) => {
      const app = await startApp(way);
      const seen = await app.client({ streamHeader }).seen.query(['trpc-accept', 'accept']);
      const other = way.sealed ? null : '*/*';
      expect(seen.headers).toEqual(
        streamHeader === 'accept' ? [null, 'application/jsonl'] : ['application/jsonl', other],
      );
    },
  );

  it('errors what has not arrived when the connection breaks', async () => {
    const app = await startApp(way);
    const answer = await app.client().later.query();
    app.stage.open('soon');
    await answer.soon;
    app.tap.cut();
    await expect(answer.nested).rejects.toThrow();
    await expect(answer.broken).rejects.toThrow();
  });

  it('errors a generator when the connection breaks, after what arrived', async () => {
    const app = await startApp(way);
    const steps = await app.client().steps.query({ count: 3 });
    const iterator = steps[Symbol.asyncIterator]();
    app.stage.open('step 0');
    expect(await iterator.next()).toMatchObject({ value: { step: 0 } });
    app.tap.cut();
    await expect(iterator.next()).rejects.toThrow();
    await app.stage.until('steps over');
  });

  it('carries a large streamed answer whole', async () => {
    const app = await startApp(way);
    const sized = await app.client().sized.query(3_000_000);
    expect(sized).toBe('y'.repeat(3_000_000));
  });
});

describe.each(BATCH_WAYS)('$name, not streaming', (way) => {
  it('refuses a generator as a batch link does', async () => {
    const app = await startApp(way);
    await expect(app.client().steps.query({ count: 1 })).rejects.toMatchObject({
      data: { code: 'UNSUPPORTED_MEDIA_TYPE' },
    });
  });

  it('carries a large answer whole', async () => {
    const app = await startApp(way);
    expect(await app.client().sized.query(3_000_000)).toBe('y'.repeat(3_000_000));
  });
});
