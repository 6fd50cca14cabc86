/** BurstReader: what is ready together comes together, and nothing waits for more to come. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Burst, BurstReader } from '../../src/adapter/burst.ts';
import { bytes, gatedBody, turn } from './bodies.ts';

function textOf({ chunks }: Burst): string {
  return chunks.map((chunk) => new TextDecoder().decode(chunk)).join('');
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('BurstReader', () => {
  test.each([
    ['setImmediate', []],
    ['MessageChannel', ['setImmediate']],
    ['setTimeout', ['setImmediate', 'MessageChannel']],
  ])('knows a turn by %s', async (_, missing) => {
    for (const name of missing) vi.stubGlobal(name, undefined);
    const { body, push } = gatedBody();
    const reader = new BurstReader(body);
    expect(await reader.ready(100)).toEqual({ chunks: [], length: 0, done: false });
    push(bytes('a'));
    queueMicrotask(() => push(bytes('b')));
    expect(textOf(await reader.ready(100))).toBe('ab');
  });

  test('joins what is ready within one turn', async () => {
    const { body, push } = gatedBody();
    const reader = new BurstReader(body);
    push(bytes('a'));
    push(bytes('b'));
    queueMicrotask(() => push(bytes('c')));
    const burst = await reader.ready(100);
    expect([textOf(burst), burst.length, burst.done]).toEqual(['abc', 3, false]);
  });

  test('does not wait: nothing is ready, so it says so within a turn', async () => {
    const { body, push } = gatedBody();
    const reader = new BurstReader(body);
    expect(await reader.ready(100)).toEqual({ chunks: [], length: 0, done: false });
    push(bytes('late'));
    expect(textOf(await reader.ready(100))).toBe('late');
  });

  test('a chunk that comes a turn later is a burst of its own', async () => {
    const { body, push } = gatedBody();
    const reader = new BurstReader(body);
    push(bytes('a'));
    expect(textOf(await reader.ready(100))).toBe('a');
    await turn();
    push(bytes('b'));
    expect(textOf(await reader.ready(100))).toBe('b');
  });

  test('tells the end with the last bytes, if they come together', async () => {
    const { body, push, end } = gatedBody();
    push(bytes('a'));
    end();
    const burst = await new BurstReader(body).ready(100);
    expect([textOf(burst), burst.done]).toEqual(['a', true]);
  });

  test('stops above maxBytes and leaves the rest in its place', async () => {
    const { body, push, end } = gatedBody();
    const reader = new BurstReader(body);
    for (const text of ['aa', 'bb', 'cc', 'dd']) push(bytes(text));
    end();
    const burst = await reader.ready(3);
    expect([textOf(burst), burst.length, burst.done]).toEqual(['aabb', 4, false]);
    const rest = await reader.ready(3);
    expect([textOf(rest), rest.done]).toEqual(['ccdd', false]);
    expect(await reader.ready(3)).toEqual({ chunks: [], length: 0, done: true });
  });

  test('exactly maxBytes and the end are one burst', async () => {
    const { body, push, end } = gatedBody();
    push(bytes('aaa'));
    end();
    expect((await new BurstReader(body).ready(3)).done).toBe(true);
  });

  test('wait() ends with a chunk, with the end, with an error, or with the time', async () => {
    const one = gatedBody();
    const reader = new BurstReader(one.body);
    const waited = reader.wait(60_000);
    one.push(bytes('a'));
    await waited;
    expect(textOf(await reader.ready(100))).toBe('a');
    await reader.wait(1);
    expect(await reader.ready(100)).toMatchObject({ done: false, length: 0 });
    const ended = reader.wait(60_000);
    one.end();
    await ended;
    expect((await reader.ready(100)).done).toBe(true);

    const two = gatedBody();
    const failing = new BurstReader(two.body);
    const failed = failing.wait(60_000);
    two.fail(new Error('broken'));
    await failed;
    await expect(failing.ready(100)).rejects.toThrow('broken');
  });

  test('an error after bytes in one burst: the bytes first, then the error, each time', async () => {
    const { body, push, fail } = gatedBody();
    const reader = new BurstReader(body);
    push(bytes('a'));
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => fail(new Error('broken')))));
    const text = textOf(await reader.ready(100));
    expect(text).toBe('a');
    await expect(reader.ready(100)).rejects.toThrow('broken');
    await expect(reader.ready(100)).rejects.toThrow('broken');
  });

  test('a body that gives a byte at each turn is not held back until it ends', async () => {
    const { body, push, end } = gatedBody();
    let given = 0;
    // Always a moment before the reader's own turn.
    const give = (): void => {
      push(bytes('x'));
      if (++given < 1000) setImmediate(give);
      else end();
    };
    setImmediate(give);
    push(bytes('x'));
    const burst = await new BurstReader(body).ready(1_000_000);
    expect(burst.done).toBe(false);
    expect(burst.length).toBeLessThan(100);
  });

  test('cancel() cancels the body with its reason, also while a read is pending', async () => {
    const { body, cancelled } = gatedBody();
    const reader = new BurstReader(body);
    await reader.ready(100);
    await reader.cancel('enough');
    expect(await cancelled).toBe('enough');
    expect((await reader.ready(100)).done).toBe(true);
  });

  test('chunks that are no bytes are an error', async () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue('text') });
    await expect(new BurstReader(body).ready(100)).rejects.toThrow(TypeError);
  });

  test('a chunk among others that is no bytes is not left out: what is before it, then the error, each time', async () => {
    const chunks: unknown[] = [bytes('a'), 'text', bytes('b')];
    let cancelled = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(chunks.shift()),
      cancel: () => {
        cancelled = true;
      },
    });
    const reader = new BurstReader(body);
    expect(textOf(await reader.ready(100))).toBe('a');
    await expect(reader.ready(100)).rejects.toThrow(TypeError);
    await expect(reader.ready(100)).rejects.toThrow(TypeError);
    expect(cancelled).toBe(true);
  });
});
