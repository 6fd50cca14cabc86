/** What a store's failure is called in the log: a code, a kind of error, and nothing of what failed. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SessionStoreError, within } from '../../src/session/store-error.ts';

const failing = (error: unknown): Promise<never> =>
  within(1000, 'Redis', async () => {
    throw error;
  });

const coded = (code: unknown, message = 'nen:{sid}:s'): Error => Object.assign(new Error(message), { code });

describe('a client library’s failure', () => {
  test.each<[string, unknown, string]>([
    ['a system’s code', coded('ECONNREFUSED', 'connect 10.0.0.1:6379'), 'ECONNREFUSED'],
    ['a system’s code with digits', coded('ERR_SSL_3', 'key'), 'ERR_SSL_3'],
    ['a server’s code', new Error('NOAUTH Authentication required.'), 'NOAUTH'],
    ['a server’s code behind a dash', new Error('-OOM command not allowed'), 'OOM'],
    ['a server’s code behind its kind', new Error('ReplyError: CLUSTERDOWN nen:{sid}'), 'CLUSTERDOWN'],
    ['both', coded('ECONNRESET', 'ERR nen:{sid}'), 'ECONNRESET'],
    ['a code that is a sentence', coded('the key nen:{sid}'), 'Error'],
    ['a code with something before it', coded('key EPIPE'), 'Error'],
    ['a code with something behind it', coded('EPIPE key'), 'Error'],
    ['a code that is a number', coded(-111), 'Error'],
    ['a code too short', coded('EX'), 'Error'],
    ['a code too long', coded(`E${'X'.repeat(31)}`), 'Error'],
    ['a word that begins like a code', new Error('EVAl nen:{sid}'), 'Error'],
    ['a code in the middle', new Error('nen:{sid} OOM'), 'Error'],
    ['no code', new TypeError('nen:{sid}'), 'TypeError'],
    ['text', 'nen:{sid}', 'string'],
    ['nothing', undefined, 'undefined'],
  ])('is told by %s', async (_, error, told) => {
    await expect(failing(error)).rejects.toThrow(new SessionStoreError(`Redis failed: ${told}`));
  });

  test('that is a store’s own word is left as it is', async () => {
    const own = new SessionStoreError('the policy');
    expect(await failing(own).catch((error: unknown) => error)).toBe(own);
    expect(own.name).toBe('SessionStoreError');
  });

  test('is the same for one that throws at once', async () => {
    const throws = (): Promise<never> => {
      throw new TypeError('nen:{sid}');
    };
    await expect(within(1000, 'Redis', throws)).rejects.toThrow(
      new SessionStoreError('Redis failed: TypeError'),
    );
  });
});

describe('the time of an operation', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is over when it says, not before', async () => {
    vi.useFakeTimers();
    let failure: unknown;
    within(500, 'Redis', () => new Promise(() => undefined)).catch((error: unknown) => {
      failure = error;
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(failure).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(failure).toEqual(new SessionStoreError('Redis did not answer within 500 ms'));
  });

  test('leaves no timer behind that would keep a process alive', async () => {
    vi.useFakeTimers();
    expect(await within(500, 'Redis', async () => 'answer')).toBe('answer');
    await failing(new Error('no')).catch(() => undefined);
    expect(vi.getTimerCount()).toBe(0);
  });
});
