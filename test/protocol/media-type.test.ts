/** What a Content-Type says. */
import { describe, expect, it } from 'vitest';
import { isJsonType, mediaType } from '../../src/protocol/media-type.ts';

describe('a media type', () => {
  it.each([
    ['application/json', 'application/json'],
    ['Application/JSON; charset=utf-8', 'application/json'],
    [' text/plain ;a=b;c=d', 'text/plain'],
    [';', ''],
    ['', ''],
    [null, ''],
  ])('of %j is %j', (contentType, type) => {
    expect(mediaType(contentType)).toBe(type);
  });

  it.each(['application/json', 'application/problem+json', 'application/vnd.a+b+json'])(
    '%s is JSON',
    (type) => {
      expect(isJsonType(type)).toBe(true);
    },
  );

  it.each([
    '',
    'json',
    'text/json',
    'xapplication/json',
    'application/jsonl',
    'application/json-seq',
    'application/+json',
    'application/xjson',
    'application/a/b+json',
    'text/plain+json',
  ])('%s is not JSON', (type) => {
    expect(isJsonType(type)).toBe(false);
  });
});
