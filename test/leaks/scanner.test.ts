/** The search itself: what it finds in which spelling and view, and that it finds nothing where nothing is. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { NenError } from '../../src/protocol/errors.ts';
import { show } from './orders.ts';
import { Scanner } from './scanner.ts';
import { spellingsOf } from './spellings.ts';

const SECRET = randomBytes(32);
const CANARY = Buffer.from('c0123456789abcdef01234567');
const scanner = new Scanner([
  { kind: 'secret', bytes: SECRET },
  { kind: 'canary', bytes: CANARY },
]);

const found = (captured: Buffer | string): string[] => [
  ...new Set(scanner.scan(Buffer.from(captured)).map(({ kind }) => kind)),
];

describe('finds', () => {
  test.each([
    ['a secret', 'secret', SECRET],
    ['a canary', 'canary', CANARY],
  ])('%s in every spelling, wherever it lies', (_, kind, bytes) => {
    for (const { name, bytes: spelled } of spellingsOf(bytes)) {
      for (const before of [0, 1, 7, 1000]) {
        const captured = Buffer.concat([Buffer.alloc(before, 'x'), spelled, Buffer.from('x')]);
        expect([name, ...found(captured)]).toEqual([name, kind]);
      }
    }
  });

  test('base64 and base64url of it among other bytes', () => {
    for (const before of [0, 1, 2, 3]) {
      const around = Buffer.concat([randomBytes(before), SECRET, randomBytes(5)]);
      expect(found(around.toString('base64'))).toEqual(['secret']);
      expect(found(around.toString('base64url'))).toEqual(['secret']);
    }
  });

  test.each([
    ['inspected', inspect(SECRET)],
    ['inspected as a plain array of bytes', inspect(Uint8Array.from(SECRET))],
    ['as JSON', JSON.stringify({ key: Uint8Array.from(SECRET) })],
    ['as JSON of a Buffer', JSON.stringify(SECRET, null, 2)],
    ['as JSON of a string', JSON.stringify(SECRET.toString('latin1'))],
    ['in a URL', [...SECRET].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')],
    ['as nginx logs it', [...SECRET].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')],
    ['by its first half', SECRET.subarray(0, 16).toString('hex')],
    ['by its second half', SECRET.subarray(16).toString('base64')],
  ])('a secret %s', (_, captured) => {
    expect(found(captured)).toEqual(['secret']);
  });

  test('what inspecting an object would give away, in its parts and in hidden ones', () => {
    const hidden = Object.defineProperty({}, 'key', { value: SECRET, enumerable: false });
    const error = new NenError('ISO-4004', { cause: new Error(CANARY.toString()) });
    const { objects, messages } = show([hidden, error], [{ body: CANARY.toString() }]);
    expect(found(objects).toSorted()).toEqual(['canary', 'secret']);
    expect(found(messages)).toEqual(['canary']);
  });
});

test('finds nothing in what holds none of it', () => {
  const others = new Scanner(
    Array.from({ length: 1000 }, () => ({ kind: 'secret', bytes: randomBytes(32) })),
  );
  const noise = randomBytes(1_000_000);
  for (const captured of [noise, Buffer.from(noise.toString('hex')), Buffer.from(noise.join(', '))])
    expect(others.scan(captured)).toEqual([]);
});
