/**
 * The default instance behind withNen, handleHandshake and the like: made at the first request, one for the
 * whole process, over the store that setSessionStore gave.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createNen,
  handleHandshake,
  handleRotate,
  handleStatus,
  handleTerminate,
  InMemorySessionStore,
  type SessionStore,
  setSessionStore,
  withNen,
  withNenStream,
} from '../../src/adapter/server.ts';
import { NenClient, NenError, NenHttpError } from '../../src/link/client/index.ts';

const INSTANCE = Symbol.for('trpc-nen');
const STORE = Symbol.for('trpc-nen.store');

afterEach(() => {
  Reflect.deleteProperty(globalThis, INSTANCE);
  Reflect.deleteProperty(globalThis, STORE);
});

const route = withNen((req, body, { session }) => ({
  method: req.method,
  body: body ?? null,
  sid: session?.sid,
}));

function client(base = 'https://app.example'): NenClient {
  const actions = new Map<string, (req: Request) => Promise<Response>>([
    ['handshake', handleHandshake],
    ['rotate', handleRotate],
    ['terminate', handleTerminate],
    ['status', handleStatus],
  ]);
  return new NenClient(base, {
    nenUrl: '/keys',
    fetch: async (url, init) => {
      const req = new Request(url, init);
      return (actions.get(/\/keys\/(\w+)$/.exec(url)?.[1] ?? '') ?? route)(req);
    },
  });
}

/** A store outside of this process, never asked here. */
function shared(): SessionStore {
  const never = (): Promise<never> => Promise.reject(new Error('not asked'));
  return { epoch: never, create: never, read: never, claim: never, rotate: never, delete: never };
}

describe('the default instance', () => {
  it('answers all four session routes, under any path, and the wrapped route', async () => {
    const nen = client();
    const first = await nen.nenFetch<{ sid: string }>('/api/x', { method: 'PUT', body: '[1]' });
    expect(first).toEqual({ method: 'PUT', body: [1], sid: expect.any(String) });
    expect((await nen.status()).sid).toBe(first.sid);
    const { sid } = await nen.rotate();
    expect(await nen.nenFetch('/api/x')).toEqual({ method: 'GET', body: null, sid });
    await nen.terminate();
    await expect(nen.nenFetch('/api/x')).rejects.toThrow(NenError);
  });

  it('is made when a request comes, and not when a route is', async () => {
    withNen(() => 1);
    withNenStream(async function* () {});
    expect(Reflect.get(globalThis, INSTANCE)).toBeUndefined();
    await client().handshake();
    expect(Reflect.get(globalThis, INSTANCE)).toMatchObject({ withNen: expect.any(Function) });
  });

  it('is the same for every module instance of the package', async () => {
    const nen = client();
    await nen.handshake();
    vi.resetModules();
    const twin = await import('../../src/adapter/server.ts');
    expect(twin.NenHttpError).not.toBe(NenHttpError);
    const other = twin.withNen(() => {
      throw new twin.NenHttpError(404, 'of the twin');
    });
    const viaTwin = new NenClient('https://app.example', {
      fetch: async (url, init) =>
        (url.endsWith('/handshake') ? handleHandshake : other)(new Request(url, init)),
    });
    await expect(viaTwin.nenFetch('/api/x')).rejects.toMatchObject({ status: 404, data: 'of the twin' });
  });

  it.each([
    ['GET', handleHandshake],
    ['GET', handleRotate],
    ['GET', handleTerminate],
    ['POST', handleStatus],
  ])('refuses a %s where it is none', async (method, handle) => {
    const response = await handle(new Request('https://app.example/any', { method }));
    expect([response.status, response.headers.get('allow')]).toEqual([
      405,
      method === 'GET' ? 'POST' : 'GET',
    ]);
  });

  it('refuses wrong options when the route is made', () => {
    expect(() => withNen(undefined as never)).toThrow(TypeError);
    expect(() => withNenStream(async function* () {}, { strict: 1 } as never)).toThrow(TypeError);
  });
});

describe('setSessionStore', () => {
  it('sets the store of the default instance, and of every createNen without one', async () => {
    const store = new InMemorySessionStore();
    const create = vi.spyOn(store, 'create');
    setSessionStore(store);
    await client().handshake();
    const nen = createNen();
    const own = new NenClient('https://app.example', {
      fetch: (url, init) => nen.routes.POST(new Request(url, init)),
    });
    await own.handshake();
    expect(create).toHaveBeenCalledTimes(2);
  });

  it('a second store in memory does not make the first forgotten', async () => {
    setSessionStore(new InMemorySessionStore());
    const nen = client();
    const { sid } = await nen.nenFetch<{ sid: string }>('/api/x');
    setSessionStore(new InMemorySessionStore());
    expect(await nen.nenFetch('/api/x', { method: 'POST', body: '1' })).toMatchObject({ sid });
  });

  it('a store in memory takes the place of the one that nobody set', async () => {
    const nen = client();
    const { sid } = await nen.nenFetch<{ sid: string }>('/api/x');
    setSessionStore(new InMemorySessionStore());
    const after = await nen.nenFetch<{ sid: string }>('/api/x');
    expect(after.sid).not.toBe(sid);
  });

  it('a shared store takes the place of one in memory, and of another shared one', () => {
    for (const store of [new InMemorySessionStore(), shared(), shared(), new InMemorySessionStore()]) {
      setSessionStore(store);
      expect(Reflect.get(globalThis, STORE)).toMatchObject({ store });
    }
  });

  it.each([undefined, null, {}, 'redis', { epoch: () => '' }])('%o is a TypeError', (store) => {
    expect(() => setSessionStore(store as never)).toThrow(TypeError);
  });
});
