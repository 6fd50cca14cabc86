/** The URL of a call is what the platform's parser makes of it, whether that is asked or not. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CallUrl, readCallUrl } from '../../src/link/client/call-url.ts';

const ORIGIN = 'https://api.example:8443';

type Parts = [origin: string, pathname: string, search: string, href: string];

function partsOf(read: () => CallUrl): Parts | 'refused' {
  try {
    const { origin, pathname, search, href } = read();
    return [origin, pathname, search, href];
  } catch {
    return 'refused';
  }
}

const READINGS = [
  '/api/trpc/user.byId,post.list?batch=1&input=%7B%220%22%3A%22a%22%7D',
  '/a/../b',
  '/a/%2e%2E/b',
  '/a/.%2e/b',
  '/a//b',
  '/a/b/',
  '/a?',
  "/a'?b'c",
  '/a?b/../c',
  '/a\tb',
  '/a b',
  '/a\\b',
  '/a#b',
  '/{a}|^`',
  '/ä',
  '//other.example/a',
  '/\\other.example/a',
  '?a',
  '.example/a',
  '@other.example/a',
  '0/a',
  '',
];

it('reads what needs no parsing as the parser would, and what does by way of it', () => {
  const piece = fc.constantFrom(
    ...['/', '//', '.', '..', '%', '%2e', '%2E', '%41', '?', '#', '\\', ':', '@', '&', '=', "'", '"', '|'],
    ...[
      ' ',
      '\t',
      '\n',
      '\0',
      '\u007f',
      'ä',
      '\ud800',
      'a',
      'Z',
      '0',
      '_',
      '-',
      '~',
      '!',
      '$',
      '(',
      ')',
      '*',
    ],
    ...['+', ',', ';', '<', '>', '[', ']', '^', '`', '{', '}', ORIGIN],
  );
  const target = fc.oneof(
    fc.constantFrom(...READINGS),
    fc.string(),
    fc.array(piece).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(fc.constantFrom('', '/', ORIGIN, `${ORIGIN}/`), target, (start, rest) => {
      const input = start + rest;
      const asParsed = partsOf(() => {
        const url = new URL(input, ORIGIN);
        if (url.username !== '' || url.password !== '') throw new TypeError('credentials');
        return url;
      });
      expect(partsOf(() => readCallUrl(input, ORIGIN))).toEqual(asParsed);
    }),
    { numRuns: 3000, examples: READINGS.map((reading): [string, string] => ['', reading]) },
  );
});

it('reads a URL object, and refuses a relative path in a page that has no origin', () => {
  expect(readCallUrl(new URL('/a?b#c', ORIGIN), ORIGIN).href).toBe(`${ORIGIN}/a?b#c`);
  expect(() => readCallUrl('/a', 'null')).toThrow(TypeError);
});
