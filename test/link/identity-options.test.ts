/** Who a client trusts and who it is: options that are wrong never come down to trusting anybody, and no signer holds a call for ever. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMlDsa65Signer } from '../../src/crypto/ml-dsa-65.ts';
import type { Signer } from '../../src/crypto/signature.ts';
import type { NenClientOptions } from '../../src/link/client/client-options.ts';
import { readIdentity, readPins } from '../../src/link/client/identity-options.ts';
import { NenClient } from '../../src/link/client/nen-client.ts';
import { nenLink } from '../../src/link/index.ts';
import { HANDSHAKE, ORIGIN, openChannel } from './channel.ts';

const LOADING = '../../src/crypto/load-ml-dsa-65.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.doUnmock(LOADING);
  vi.resetModules();
});

const signer = createMlDsa65Signer(new Uint8Array(32).fill(3), 'mine');
const PIN = 'A'.repeat(43);

describe('serverPins', () => {
  it('is a list of pins, copied', () => {
    const list = [PIN, `${'B'.repeat(42)}A`];
    const pins = readPins({ serverPins: list });
    list.pop();
    expect([...(pins ?? [])]).toEqual([PIN, `${'B'.repeat(42)}A`]);
    expect(readPins({})).toBeUndefined();
  });

  const wrong: readonly (readonly [string, unknown])[] = [
    ['undefined', undefined],
    ['null', null],
    ['empty', []],
    ['a string', PIN],
    ['a set', new Set([PIN])],
    ['a list with undefined', [PIN, undefined]],
    ['a list with a hole', Object.assign([PIN], { length: 2 })],
    ['a list of holes', new Array(1)],
    ['a list with an empty pin', ['']],
    ['a list with a pin too long', [`${PIN}A`]],
    ['a list with a pin in base64', [`${PIN}=`]],
    ['a list with a pin in hex', ['0'.repeat(64)]],
    ['a list with a pin of another spelling', [`${'A'.repeat(42)}B`]],
    ['a list with white space', [` ${PIN.slice(1)}`]],
    ['a list of lists', [[PIN]]],
  ];
  it.each(wrong)('that is %s is a TypeError at construction, for NenClient and nenLink', (_, serverPins) => {
    const transport = vi.fn();
    const options = { serverPins, fetch: transport } as unknown as NenClientOptions;
    expect(() => new NenClient(ORIGIN, options)).toThrow(TypeError);
    expect(() => nenLink({ url: `${ORIGIN}/api/trpc`, ...options })).toThrow(/serverPins/);
    expect(() => nenLink({ url: '/api/trpc', ...options })).toThrow(TypeError);
    expect(transport).not.toHaveBeenCalled();
  });

  it('beside a shared client is a TypeError: it would go unheard', () => {
    const client = new NenClient(ORIGIN);
    for (const options of [{ serverPins: [PIN] }, { serverPins: undefined }, { identityMode: 'pqc' }]) {
      const both = { url: `${ORIGIN}/api/trpc`, client, ...options } as Parameters<typeof nenLink>[0];
      expect(() => nenLink(both)).toThrow(TypeError);
    }
  });

  it('decides what security says', () => {
    expect(new NenClient(ORIGIN, { serverPins: [PIN] }).security).toBe('pinned');
    expect(new NenClient(ORIGIN).security).toBe('unauthenticated');
  });
});

describe('identityMode and identity', () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ['another mode', { identityMode: 'mtls' }],
    ['no mode', { identityMode: null }],
    ['an identity without the mode', { identity: signer }],
    ['an identity in mode tls', { identityMode: 'tls', identity: signer }],
    ['null for an identity', { identityMode: 'pqc', identity: null }],
    ['a seed for an identity', { identityMode: 'pqc', identity: 'A'.repeat(44) }],
    ['an identity without sign', { identityMode: 'pqc', identity: { ...signer, sign: undefined } }],
    ['an identity without a key', { identityMode: 'pqc', identity: { sign: signer.sign } }],
    [
      'an identity whose key is no ML-DSA-65 key',
      { identityMode: 'pqc', identity: { ...signer, publicKey: new Uint8Array(1312) } },
    ],
    [
      'an identity whose key is a text',
      { identityMode: 'pqc', identity: { ...signer, publicKey: 'A'.repeat(1952) } },
    ],
  ];
  it.each(wrong)('%s is a TypeError at construction', (_, options) => {
    expect(() => new NenClient(ORIGIN, options as NenClientOptions)).toThrow(TypeError);
  });

  it("gives one fresh key for the client's life, or the application's own", async () => {
    const fresh = readIdentity({ identityMode: 'pqc' });
    const first = await fresh?.();
    expect(await fresh?.()).toBe(first);
    expect(await readIdentity({ identityMode: 'pqc' })?.()).not.toEqual(first);
    expect(await readIdentity({ identityMode: 'pqc', identity: signer })?.()).toBe(signer);
    expect(readIdentity({})).toBeUndefined();
    expect(readIdentity({ identityMode: 'tls' })).toBeUndefined();
  });

  it('that could not be loaded is loaded by the next handshake, and then kept', async () => {
    // Modules of its own: other files share theirs.
    vi.resetModules();
    vi.doMock(LOADING, { spy: true });
    const loading = await import(LOADING);
    const options = await import('../../src/link/client/identity-options.ts');
    const identity = options.readIdentity({ identityMode: 'pqc' });
    vi.mocked(loading.loadSigner).mockRejectedValueOnce(new Error('the chunk is gone'));
    await expect(identity?.()).rejects.toThrow('the chunk is gone');
    const own = await identity?.();
    expect(own?.publicKey).toHaveLength(1952);
    expect(await identity?.()).toBe(own);
  });
});

describe('a signer that lies elsewhere', () => {
  const clientWith = (identity: Signer) => openChannel({ client: { identityMode: 'pqc', identity } });

  it('may take its time', async () => {
    const slow: Signer = {
      ...signer,
      sign: async (message, context) => {
        await new Promise((resolve) => setImmediate(resolve));
        return signer.sign(message, context);
      },
    };
    const { client, count } = clientWith(slow);
    expect((await client.fetch('/api/notes')).status).toBe(200);
    expect(count(HANDSHAKE)).toBe(1);
  });

  it('and fails is a typed error, nothing is sent, and the next call asks again', async () => {
    let works = false;
    const failing: Signer = {
      ...signer,
      sign: (message, context) => {
        if (works) return signer.sign(message, context);
        throw new Error('AccessDenied');
      },
    };
    const { client, sent } = clientWith(failing);
    const failure = client.fetch('/api/notes');
    await expect(failure).rejects.toMatchObject({ code: 'ISO-1004', outcome: 'not-run' });
    await expect(failure).rejects.toMatchObject({ cause: new Error('AccessDenied') });
    expect(sent).toEqual([]);
    works = true;
    expect((await client.fetch('/api/notes')).status).toBe(200);
  });

  it('and never answers holds no call for longer than a handshake may take', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let asked = (): void => undefined;
    const asking = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const hung: Signer = {
      ...signer,
      sign: () => {
        asked();
        return new Promise(() => undefined);
      },
    };
    const { client, sent } = clientWith(hung);
    const failure = client.fetch('/api/notes').catch((error: unknown) => error);
    await asking;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await failure).toMatchObject({ code: 'ISO-1007', outcome: 'not-run' });
    expect(sent).toEqual([]);
  });

  it('and signs too late sends nothing any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let sign = (): void => undefined;
    let asked = (): void => undefined;
    const asking = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const late: Signer = {
      ...signer,
      sign: (message, context) =>
        new Promise((resolve) => {
          sign = () => resolve(signer.sign(message, context));
          asked();
        }),
    };
    const { client, sent } = clientWith(late);
    const failure = client.fetch('/api/notes').catch((error: unknown) => error);
    await asking;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await failure).toMatchObject({ code: 'ISO-1007' });
    sign();
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual([]);
  });
});

describe('the warning of a client without pins', () => {
  async function warnings(
    mode: string | undefined,
    clients: readonly NenClientOptions[],
  ): Promise<unknown[]> {
    vi.resetModules();
    vi.stubEnv('NODE_ENV', mode);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { NenClient: Fresh } = await import('../../src/link/client/nen-client.ts');
    for (const options of clients) new Fresh(ORIGIN, options);
    return warn.mock.calls.flat();
  }

  it('comes once, in production', async () => {
    const given = await warnings('production', [{}, {}, {}]);
    expect(given).toHaveLength(1);
    expect(given[0]).toMatch(/serverPins.*unauthenticated/);
  });

  it('never comes with pins, or elsewhere', async () => {
    expect(await warnings('production', [{ serverPins: [PIN] }])).toEqual([]);
    expect(await warnings('development', [{}])).toEqual([]);
    expect(await warnings(undefined, [{}])).toEqual([]);
  });
});
