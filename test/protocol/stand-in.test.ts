/** Stand-ins answer for the platform's classes whatever these are made of. */
import { expect, it } from 'vitest';
import { standIn } from '../../src/protocol/stand-in.ts';

/** As workerd has it: what a Request has of its body is inherited. */
class Body {
  readonly #text = 'the real one';
  get body(): string {
    return this.#text;
  }
  text(): string {
    return this.#text;
  }
}
class Real extends Body {
  get url(): string {
    return 'real';
  }
}

it('asks the real one for what it has inherited too', () => {
  const real = new Real();
  class Own {
    get url(): string {
      return 'own';
    }
  }
  standIn(Own.prototype, Real.prototype, () => real);
  const own = new Own() as unknown as Real;
  expect([own.url, own.body, own.text()]).toEqual(['own', 'the real one', 'the real one']);
  expect([own instanceof Real, own instanceof Body]).toEqual([true, true]);
  // Another one is made of the real class, as libraries do that copy what they are given.
  expect(own.constructor).toBe(Real);
  expect(Object.keys(Own.prototype)).toEqual([]);
});
