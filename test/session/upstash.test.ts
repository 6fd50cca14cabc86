/** The store over Upstash's REST interface: what it sends and what it takes for an answer. Over a server: redis.contract.test.ts. */
import { describe, expect, test } from 'vitest';
import { UpstashSessionStore } from '../../src/session/index.ts';
import { SessionStoreError } from '../../src/session/store-error.ts';

const RECORD = Uint8Array.of(1, 2, 255);

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** A store whose requests are answered so, the last answer again and again. An error is a request that fails. */
function storeOver(...answers: (Response | Error)[]) {
  const sent: Sent[] = [];
  const store = new UpstashSessionStore('https://name.upstash.io', 'token', {
    commandTimeoutMs: 200,
    fetch: async (url, init) => {
      sent.push({ url, init });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      if (answer === undefined) throw new Error('no answer left');
      return answer;
    },
  });
  return { store, sent };
}

const json = (value: unknown, status = 200): Response => new Response(JSON.stringify(value), { status });
const result = (value: string): Response => json({ result: Buffer.from(value).toString('base64') });
const commandOf = ({ init }: Sent): unknown[] =>
  JSON.parse(new TextDecoder().decode(init.body as Uint8Array<ArrayBuffer>));

test('a command is one POST of a JSON array, with the token, that follows no redirect and is cached nowhere', async () => {
  const { store, sent } = storeOver(json({ result: 1 }));
  await store.create('sid', RECORD, 1000);
  const [request] = sent;
  expect(sent.length).toBe(1);
  expect(request?.url).toBe('https://name.upstash.io/');
  expect(request?.init).toMatchObject({
    method: 'POST',
    redirect: 'manual',
    cache: 'no-store',
    headers: {
      Authorization: 'Bearer token',
      'Content-Type': 'application/json',
      'Upstash-Encoding': 'base64',
    },
  });
  expect(request?.init.signal).toBeInstanceOf(AbortSignal);
  expect(request && commandOf(request)).toEqual([
    'EVAL',
    expect.any(String),
    1,
    'nen:{sid}:s',
    'AQL/',
    '1000',
  ]);
});

describe('an answer', () => {
  test('is text in base64, a number or nothing', async () => {
    expect(await storeOver(result('AQL/')).store.read('sid')).toEqual(RECORD);
    expect(await storeOver(json({ result: null })).store.read('sid')).toBe(undefined);
    expect(await storeOver(json({ result: 0 })).store.delete('sid')).toBe(false);
  });

  test.each<[string, Response, string]>([
    [
      'of another encoding',
      json({ result: 'claimed' }),
      'Upstash did not answer in base64: is it a REST endpoint?',
    ],
    ['without a result', json({}), 'Upstash refused with status 200: an error'],
    ['that is no object', json([1]), 'Upstash refused with status 200: an error'],
    ['null', json(null), 'Upstash refused with status 200: not a REST answer'],
    ['a number', json(1), 'Upstash refused with status 200: not a REST answer'],
    ['no JSON', new Response('<html>'), 'Upstash refused with status 200: not a REST answer'],
    ['a result with another status', json({ result: 1 }, 201), 'Upstash refused with status 201: an error'],
    ['an error', json({ error: 'ERR nen:{sid}' }, 400), 'Upstash refused with status 400: ERR'],
    [
      'an error in other words',
      json({ error: 'nen:{sid} ERR' }, 400),
      'Upstash refused with status 400: an error',
    ],
    ['an error of one letter', json({ error: 'E nen' }, 400), 'Upstash refused with status 400: an error'],
    ['an error that is no text', json({ error: 5 }, 400), 'Upstash refused with status 400: an error'],
    ['401', json({ error: 'WRONGPASS' }, 401), 'Upstash refused with status 401: the token is not accepted'],
    ['403', json({}, 403), 'Upstash refused with status 403: the token is not allowed to do this'],
    ['429', new Response('', { status: 429 }), 'Upstash refused with status 429: too many requests'],
    ['without end', new Response('x'.repeat(64 * 1024 + 1)), 'Upstash failed: NenError'],
  ])('%s is a failure, in words of our own', async (_, response, message) => {
    await expect(storeOver(response).store.read('sid')).rejects.toThrow(new SessionStoreError(message));
  });
});

describe('a request that breaks off', () => {
  const broken = () => new TypeError('fetch failed');

  test('is sent once more where that does no harm', async () => {
    const { store, sent } = storeOver(broken(), result('AQL/'));
    expect(await store.read('sid')).toEqual(RECORD);
    expect(sent.length).toBe(2);
    expect(sent[0]?.init.body).toEqual(sent[1]?.init.body);
  });

  test('is not sent a third time', async () => {
    const { store, sent } = storeOver(broken());
    await expect(store.read('sid')).rejects.toThrow(new SessionStoreError('Upstash failed: TypeError'));
    expect(sent.length).toBe(2);
  });

  test('is not sent again where a second one would get another answer', async () => {
    const { store, sent } = storeOver(broken());
    await expect(store.delete('sid')).rejects.toThrow(SessionStoreError);
    expect(sent.length).toBe(1);
  });

  test('is not sent again when its time was over', async () => {
    const { store, sent } = storeOver(new DOMException('too late', 'TimeoutError'));
    await expect(store.read('sid')).rejects.toThrow(SessionStoreError);
    expect(sent.length).toBe(1);
  });

  test('at its time is aborted', async () => {
    const signals: AbortSignal[] = [];
    const store = new UpstashSessionStore('https://name.upstash.io', 'token', {
      commandTimeoutMs: 5,
      fetch: (_, { signal }) => {
        if (signal) signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    await expect(store.read('sid')).rejects.toThrow('Upstash did not answer within 5 ms');
    await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('a url or token that is wrong is a TypeError at once', () => {
  test.each([
    '',
    'name.upstash.io',
    'ftp://name.upstash.io',
    'xhttps://name.upstash.io',
    'https://user@name.upstash.io',
    'https://:pass@name.upstash.io',
    'https://name.upstash.io/?a=b',
    'https://name.upstash.io/#a',
    undefined,
    new URL('https://name.upstash.io'),
  ])('%s', (url) => {
    expect(() => new UpstashSessionStore(url as string, 'token')).toThrow(/the url is https/);
  });

  test.each(['', 'two words', ' token', 'token\n', undefined])('token %j', (token) => {
    expect(() => new UpstashSessionStore('https://name.upstash.io', token as string)).toThrow(
      /the token is missing/,
    );
  });

  test('plain http is for a server beside it', () => {
    expect(() => new UpstashSessionStore('http://localhost:8080', 'token')).not.toThrow();
  });
});
