/** The codes: stable, with a constant message and one status each. */
import { describe, expect, it } from 'vitest';
import {
  isNenErrorCode,
  NenError,
  type NenErrorCode,
  statusOf,
  WIRE_ERRORS,
} from '../../src/protocol/errors.ts';

const CODES = Object.keys(WIRE_ERRORS) as NenErrorCode[];

describe('the codes', () => {
  it('are those of the protocol, none more, none less', () => {
    const ranges = { 1: 8, 2: 4, 3: 7, 4: 7, 5: 2, 6: 4 };
    const expected = Object.entries(ranges).flatMap(([class_, count]) =>
      Array.from({ length: count }, (_, i) => `ISO-${class_}00${i + 1}`),
    );
    expect(CODES).toEqual(expected);
  });

  it.each([
    ['ISO-1001', 400],
    ['ISO-1002', 400],
    ['ISO-1003', 400],
    ['ISO-1004', 401],
    ['ISO-1005', 403],
    ['ISO-1008', 429],
    ['ISO-2001', 401],
    ['ISO-2002', 401],
    ['ISO-2003', 503],
    ['ISO-2004', 401],
    ['ISO-3001', 401],
    ['ISO-3002', 401],
    ['ISO-3003', 401],
    ['ISO-3004', 400],
    ['ISO-3005', 400],
    ['ISO-3006', 400],
    ['ISO-3007', 403],
    ['ISO-4001', 400],
    ['ISO-4002', 400],
    ['ISO-4003', 413],
    ['ISO-4006', 400],
    ['ISO-4007', 400],
    ['ISO-5001', 409],
    ['ISO-5002', 409],
    ['ISO-6004', 500],
  ] as const)('%s is answered with status %i', (code, status) => {
    expect(statusOf(code)).toBe(status);
  });

  it('have messages that are constant, different and harmless in JSON', () => {
    const messages = CODES.map((code) => WIRE_ERRORS[code].message);
    expect(new Set(messages).size).toBe(messages.length);
    for (const message of messages) expect(message).toMatch(/^[A-Z][A-Za-z,' -]+\.$/);
  });

  it('are told from everything else', () => {
    for (const code of CODES) expect(isNenErrorCode(code)).toBe(true);
    for (const value of [
      '',
      'ISO-9999',
      'iso-1001',
      'toString',
      '__proto__',
      'constructor',
      1001,
      null,
      undefined,
      ['ISO-1001'],
    ]) {
      expect(isNenErrorCode(value)).toBe(false);
    }
  });
});

describe('a NenError', () => {
  it('says its code and, unless somebody knows better, that the outcome is unknown', () => {
    const error = new NenError('ISO-2002');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'NenError',
      code: 'ISO-2002',
      outcome: 'unknown',
      status: undefined,
    });
    expect(error.message).toBe('Session expired or unknown.');
    expect('cause' in error).toBe(false);
  });

  it('keeps the diagnosis out of its message', () => {
    const error = new NenError('ISO-4001', {
      hint: 'secret diagnosis',
      status: 400,
      cause: new Error('inner'),
    });
    expect(String(error)).toBe('NenError: The request cannot be opened.');
    expect(error.hint).toBe('secret diagnosis');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('is found through any chain of causes, and no circle of them is followed for ever', () => {
    const inner = new NenError('ISO-5002');
    const wrapped = new Error('outer', { cause: new TypeError('middle', { cause: inner }) });
    expect(NenError.from(wrapped)).toBe(inner);
    expect(NenError.from(inner)).toBe(inner);
    const circle = new Error('circle');
    circle.cause = circle;
    expect(NenError.from(circle)).toBeUndefined();
    const [a, b] = [new Error('a'), new Error('b')];
    a.cause = b;
    b.cause = a;
    expect(NenError.from(a)).toBeUndefined();
    for (const other of [undefined, null, 'ISO-5002', { code: 'ISO-5002' }, new Error('x')]) {
      expect(NenError.from(other)).toBeUndefined();
    }
  });
});
