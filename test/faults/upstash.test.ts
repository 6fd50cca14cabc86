/** A REST store that fails in each of its ways (row 110), and what stands in for it in these tests. */
import { Redis as UpstashSdk } from '@upstash/redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { UpstashSessionStore } from '../../src/session/index.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { startUpstashFront, type UpstashFront } from '../support/upstash-front.ts';
import { type Instance, openSession, plainCode, send, startInstance } from './stage.ts';

let redis: RedisProcess;
let front: UpstashFront;
let app: Instance;
beforeAll(async () => {
  redis = await startRedis();
  front = await startUpstashFront(redis);
  app = await startInstance({
    store: new UpstashSessionStore(front.url, front.token, { commandTimeoutMs: 2000 }),
  });
});
afterEach(() => {
  front.answer = undefined;
  front.executes = false;
});
afterAll(async () => {
  await app.close();
  await front.close();
  await redis.stop();
});

test('the stand-in serves the real SDK: values of every kind, pipelines, transactions, scripts, refusals', async () => {
  const sdk = new UpstashSdk({ url: front.url, token: front.token, enableTelemetry: false });
  expect(await sdk.set('k', 'wört "1"')).toBe('OK');
  expect(await sdk.get('k')).toBe('wört "1"');
  expect(await sdk.get('nothing')).toBe(null);
  await sdk.hset('h', { a: 1, b: 'two' });
  expect(await sdk.hgetall('h')).toEqual({ a: 1, b: 'two' });
  const pipeline = sdk.pipeline();
  pipeline.incr('n');
  pipeline.get('k');
  expect(await pipeline.exec()).toEqual([1, 'wört "1"']);
  const multi = sdk.multi();
  multi.incr('n');
  multi.incr('n');
  expect(await multi.exec()).toEqual([2, 3]);
  expect(await sdk.eval('return {KEYS[1], ARGV[1], 7}', ['k'], ['v'])).toEqual(['k', 'v', 7]);
  await expect(sdk.eval('return redis.call("NOSUCH")', [], [])).rejects.toThrow(/Unknown Redis command/);
  await expect(new UpstashSdk({ url: front.url, token: 'wrong' }).get('k')).rejects.toThrow(/WRONGPASS/);
});

describe('row 110: each failure is a 503, nothing runs, and the log holds no command', () => {
  test.each<[string, { status: number; body: string; afterMs?: number; drop?: boolean }, RegExp]>([
    [
      'too many requests',
      { status: 429, body: '{"error":"ERR max requests limit exceeded"}' },
      /429: too many requests/,
    ],
    ['a server error', { status: 500, body: 'oops EVAL nen:{' }, /500: not a REST answer/],
    ['a page in HTML', { status: 200, body: '<html>EVAL nen:{</html>' }, /200: not a REST answer/],
    [
      'an error with status 200',
      { status: 200, body: '{"error":"OOM command not allowed, EVAL nen:{"}' },
      /200: OOM/,
    ],
    ['an error with status 400', { status: 400, body: '{"error":"ERR bad EVAL nen:{ here"}' }, /400: ERR/],
    ['a refused token', { status: 401, body: '{"error":"WRONGPASS"}' }, /401: the token is not accepted/],
    ['a redirect', { status: 302, body: '' }, /302: not a REST answer/],
    [
      'an answer that is not in base64',
      { status: 200, body: '{"result":"claimed"}' },
      /did not answer in base64/,
    ],
    [
      'an answer of no script of ours',
      { status: 200, body: '{"result":"bm9uc2Vuc2U="}' },
      /no script of ours gives/,
    ],
    [
      'no answer in time',
      { status: 200, body: '{"result":1}', afterMs: 3000 },
      /did not answer within 2000 ms/,
    ],
    ['a connection that breaks, twice', { status: 200, body: '', drop: true }, /Upstash failed: /],
    ['an answer without end', { status: 200, body: 'x'.repeat(100_000) }, /Upstash failed: /],
  ])('%s', async (_, answer, hint) => {
    const session = await openSession(app);
    expect(plainCode(await send(app, await session.seal()))).toBe('');
    const ranBefore = app.ran.length;
    const hintsBefore = app.hints('ISO-2003').length;
    front.answer = () => answer;
    expect(plainCode(await send(app, await session.seal()))).toBe('ISO-2003');
    front.answer = undefined;
    expect(app.ran.length).toBe(ranBefore);
    const hints = app.hints('ISO-2003').slice(hintsBefore).join();
    expect(hints).toMatch(hint);
    expect(hints).not.toMatch(/EVAL|nen:|front-token/);
    expect(plainCode(await send(app, await session.seal()))).toBe('');
  });

  test('a claim whose answer was lost is sent once more and is no replay', async () => {
    const session = await openSession(app);
    expect(plainCode(await send(app, await session.seal()))).toBe('');
    const call = await session.seal({ payload: '"once"' });
    const sentBefore = front.requests.length;
    front.executes = true;
    front.answer = () => {
      front.answer = undefined;
      return { status: 200, body: '', drop: true };
    };
    expect(plainCode(await send(app, call))).toBe('');
    expect(front.requests.length - sentBefore).toBe(2);
    expect(plainCode(await send(app, call))).toBe('ISO-5001');
    expect(app.ran.filter((body) => body === '"once"').length).toBe(1);
  });
});

test.each([
  ['', 'token'],
  ['not a url', 'token'],
  ['ftp://a.invalid', 'token'],
  ['https://user:pass@a.invalid', 'token'],
  ['https://a.invalid', ''],
  ['https://a.invalid', 'two words'],
])('a wrong url or token is a TypeError at once: %s %s', (url, token) => {
  expect(() => new UpstashSessionStore(url, token)).toThrow(TypeError);
});
