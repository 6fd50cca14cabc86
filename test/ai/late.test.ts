/** What can be asked of something that is still being loaded, and what becomes of the questions. */
import { describe, expect, it, vi } from 'vitest';
import { late } from '../../src/ai/late.ts';

/** As SDKs are made: resources with methods, promises with methods of their own, iterables. */
class Thing {
  readonly log: string[] = [];
  readonly #secret = 'kept';
  readonly inner = {
    outer: this as Thing,
    greet(name: string): Promise<string> & { loud(): Promise<string> } {
      const promise = Promise.resolve(`Hello ${name}`);
      return Object.assign(promise, { loud: async () => (await promise).toUpperCase() });
    },
  };

  async secret(): Promise<string> {
    return this.#secret;
  }
  note(text: string): this {
    this.log.push(text);
    return this;
  }
  async *items(): AsyncGenerator<number> {
    try {
      yield 1;
      yield 2;
    } finally {
      this.log.push('left');
    }
  }
  fail(): never {
    throw new RangeError('at once');
  }
}

describe('late', () => {
  it('loads at the first question, and once', async () => {
    const load = vi.fn(async () => new Thing());
    const thing = late(load);
    const { inner } = thing;
    expect(load).not.toHaveBeenCalled();
    await inner.greet('you');
    await thing.secret();
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('calls methods on their own objects, private fields included', async () => {
    const thing = late(async () => new Thing());
    expect(await thing.secret()).toBe('kept');
    expect(await thing.inner.outer.inner.greet('you')).toBe('Hello you');
  });

  it('keeps the methods that a promise has of its own', async () => {
    expect(
      await late(async () => new Thing())
        .inner.greet('you')
        .loud(),
    ).toBe('HELLO YOU');
  });

  it('asks each object in the order of the questions', async () => {
    const thing = late(async () => new Thing());
    const chained = thing.note('first').note('after the first');
    thing.note('second');
    thing.note('third');
    const { log } = await chained;
    expect(log.filter((text) => text !== 'after the first')).toEqual(['first', 'second', 'third']);
    expect(log).toContain('after the first');
  });

  it('iterates, and leaves where the loop leaves', async () => {
    const thing = late(async () => new Thing());
    for await (const item of thing.items()) {
      expect(item).toBe(1);
      break;
    }
    expect((await thing).log).toEqual(['left']);
  });

  it('awaited, is the thing itself', async () => {
    const real = new Thing();
    expect(await late(async () => real)).toBe(real);
  });

  it('what is thrown at once arrives where the outcome is awaited, and nowhere else', async () => {
    const thing = late(async () => new Thing());
    await expect((async () => thing.fail())()).rejects.toThrow(RangeError);
    // Nobody asks: this must not end the process.
    void thing.inner.greet;
    (thing as unknown as { fail(): { on(): void } }).fail().on();
    await thing;
  });

  it('what can not be loaded fails every question', async () => {
    const thing = late<Thing>(() => Promise.reject(new TypeError('not there')));
    await expect((async () => thing.inner.greet('you'))()).rejects.toThrow('not there');
    await expect((async () => thing.inner.greet('you').loud())()).rejects.toThrow('not there');
    const read = async (): Promise<void> => {
      for await (const _ of thing.items());
    };
    await expect(read()).rejects.toThrow('not there');
  });

  it('who looks whether it is a promise has asked nothing', async () => {
    const load = vi.fn(() => Promise.reject<Thing>(new TypeError('not there')));
    const thing = late(load);
    expect(typeof thing.then).toBe('function');
    expect(load).not.toHaveBeenCalled();
    await expect(thing.then(String)).rejects.toThrow('not there');
  });

  it('what could not be loaded is loaded at a later question', async () => {
    const load = vi.fn(async () => new Thing()).mockRejectedValueOnce(new TypeError('offline'));
    const thing = late(load);
    await expect((async () => thing.secret())()).rejects.toThrow('offline');
    expect(await thing.secret()).toBe('kept');
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('a value that is not there yet is no text', () => {
    const thing = late(async () => new Thing());
    expect(() => String(thing.log)).toThrow('await it');
  });
});
