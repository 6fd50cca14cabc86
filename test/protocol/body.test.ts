/** Bodies are read whole, but never further than their limit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { type BodySource, joinBytes, readBody, readRest } from '../../src/protocol/body.ts';
import { usedBytes } from '../support/used-memory.ts';
import { bytesUpTo, codeOf, expectBytes, patterned } from './support.ts';

/** A body that tells how much of it was taken, and whether it was told to stop. */
function bodyOf(chunks: Iterable<Bytes>): BodySource & { taken: number; cancelled: boolean } {
  const iterator = chunks[Symbol.iterator]();
  const source = {
    taken: 0,
    cancelled: false,
    arrayBuffer: () => Promise.reject(new Error('not to be read whole')),
    body: new ReadableStream<Bytes>(
      {
        pull(controller) {
          const { done, value } = iterator.next();
          if (done === true) return controller.close();
          source.taken += value.length;
          controller.enqueue(value);
        },
        cancel() {
          source.cancelled = true;
        },
      },
      { highWaterMark: 0 },
    ),
  };
  return source;
}

describe('a body', () => {
  it('is read whole, in whatever chunks it comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytesUpTo(50), { maxLength: 8 }), async (chunks) => {
        expectBytes(await readBody(bodyOf(chunks), 400), concatBytes(chunks));
      }),
    );
  });

  it('may be as long as the limit, and not a byte longer', async () => {
    for (const cut of [0, 1, 50, 99, 100]) {
      const bytes = patterned(100);
      const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expectBytes(await readBody(bodyOf(chunks), 100), bytes);
      expect(await codeOf(() => readBody(bodyOf([...chunks, Uint8Array.of(1)]), 100))).toBe('ISO-4003');
    }
  });

  it('without an end is cut off at the first chunk over the limit, and its sender told to stop', async () => {
    function* endless(): Generator<Bytes> {
      for (;;) yield new Uint8Array(1000);
    }
    const source = bodyOf(endless());
    expect(await codeOf(() => readBody(source, 10_000))).toBe('ISO-4003');
    expect(source.taken).toBe(11_000);
    expect(source.cancelled).toBe(true);
  });

  it('row 113: takes little more memory than its length, however small its chunks are', async () => {
    const BYTES = 200_000;
    const before = usedBytes();
    let held = 0;
    function* drip(): Generator<Bytes> {
      for (let i = 0; i < BYTES; i++) yield Uint8Array.of(i);
      held = usedBytes() - before;
    }
    const body = await readBody(bodyOf(drip()), BYTES);
    expectBytes(
      body,
      Uint8Array.from({ length: BYTES }, (_, i) => i),
    );
    expect(held).toBeLessThan(10 * BYTES);
  });

  it('that breaks off fails with what broke it', async () => {
    const body = new ReadableStream<Bytes>({ pull: (controller) => controller.error(new Error('reset')) });
    await expect(readBody({ body, arrayBuffer: () => Promise.reject() }, 10)).rejects.toThrow('reset');
  });

  it('whose cancel fails is too large all the same', async () => {
    const body = new ReadableStream<Bytes>({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => Promise.reject(new Error('no')),
    });
    expect(await codeOf(() => readBody({ body, arrayBuffer: () => Promise.reject() }, 5))).toBe('ISO-4003');
  });

  it('that was begun elsewhere counts from its beginning', async () => {
    const rest = (): ReadableStreamDefaultReader<Bytes> => {
      const { body } = bodyOf([patterned(10)]);
      if (body === null) throw new Error('no body');
      return body.getReader();
    };
    expectBytes(await readRest(rest(), [patterned(5)], 15), concatBytes([patterned(5), patterned(10)]));
    expect(await codeOf(() => readRest(rest(), [patterned(5)], 14))).toBe('ISO-4003');
    expect(await codeOf(() => readRest(rest(), [patterned(20)], 14))).toBe('ISO-4003');
  });

  it('is limited too in a runtime that has no streams', async () => {
    const whole: BodySource = { body: null, arrayBuffer: async () => patterned(100).buffer };
    expectBytes(await readBody(whole, 100), patterned(100));
    expect(await codeOf(() => readBody(whole, 99))).toBe('ISO-4003');
  });

  it('of one chunk is not copied', () => {
    const chunk = patterned(5);
    expect(joinBytes([chunk])).toBe(chunk);
    expect(joinBytes([]).length).toBe(0);
    expectBytes(joinBytes([chunk, chunk]), concatBytes([chunk, chunk]));
  });
});
