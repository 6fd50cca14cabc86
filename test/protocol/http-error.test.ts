/** An answer that says no, as the application makes it and as it is met at the other end. */
import { describe, expect, it } from 'vitest';
import { NenHttpError } from '../../src/protocol/http-error.ts';

const RESPONSE = new Response(null, { status: 500 });

describe('an error of a status', () => {
  it('tells its status and data, and has no answer where a handler made it', () => {
    const error = new NenHttpError(404, { message: 'No such note.' });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'NenHttpError', status: 404, data: { message: 'No such note.' } });
    expect(error.message).toBe('The handler answered with status 404.');
    expect(error.response).toBeUndefined();
    expect(new NenHttpError(300, undefined, RESPONSE).response).toBe(RESPONSE);
  });

  it.each([400, 404, 599])('may be %i', (status) => {
    expect(new NenHttpError(status).status).toBe(status);
  });

  it.each([300, 399, 400, 599])('may be %i where it was answered', (status) => {
    expect(new NenHttpError(status, undefined, RESPONSE).status).toBe(status);
  });

  it.each([0, 200, 399, 600, 404.5, Number.NaN, Number.POSITIVE_INFINITY, '404' as never])(
    'is not %s',
    (status) => {
      expect(() => new NenHttpError(status)).toThrow(
        new RangeError('status: a whole number from 400 to 599'),
      );
    },
  );

  it.each([0, 200, 299, 600])('is not %i where it was answered', (status) => {
    expect(() => new NenHttpError(status, undefined, RESPONSE)).toThrow(
      new RangeError('status: a whole number from 300 to 599'),
    );
  });

  it('is known in another instance of the module, by a mark that nothing else shows', async () => {
    const error = new NenHttpError(404);
    expect(NenHttpError.is(error)).toBe(true);
    expect(Object.keys(error)).not.toContain('trpc-nen.http-error');
    const mark = Symbol.for('trpc-nen.http-error');
    expect(NenHttpError.is(Object.assign(new Error(), { [mark]: true }))).toBe(true);
    for (const other of [new Error(), { [mark]: true }, { status: 404 }, 404, undefined, null])
      expect(NenHttpError.is(other)).toBe(false);
    expect(JSON.stringify(error)).not.toContain('http-error');
    expect(Reflect.ownKeys(error)).toContain(mark);
    expect(Object.getOwnPropertyDescriptor(error, mark)).toMatchObject({ value: true, enumerable: false });
  });
});
