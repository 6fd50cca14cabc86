/** The client's session: one handshake for all, its time limit, its failures and what follows them. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite, type Suite } from '../../src/crypto/suite.ts';
import { SessionManager, type SessionManagerOptions } from '../../src/link/client/session-manager.ts';
import { SESSION_TTL_MS } from '../../src/protocol/constants.ts';
import { isWiped } from '../faults/interleavings/watched-sessions.ts';
import { gate } from '../support/gate.ts';
import { type Channel, HANDSHAKE, ORIGIN, openChannel, refusal } from './channel.ts';

afterEach(() => vi.useRealTimers());

function manager(channel: Channel, options: Partial<SessionManagerOptions> = {}): SessionManager {
  return new SessionManager({
    suite: async () => mlKem768Suite(primitives()),
    audience: () => ORIGIN,
    handshakeUrl: () => ORIGIN + HANDSHAKE,
    transport: channel.transport,
    device: channel.clocks,
    credentials: undefined,
    ...options,
  });
}

describe('a handshake', () => {
  it('is made by the first call and shared by all that wait', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    const acquired = await Promise.all(Array.from({ length: 20 }, () => sessions.acquire(null)));
    expect(new Set(acquired).size).toBe(1);
    expect(channel.count(HANDSHAKE)).toBe(1);
  });

  it('that fails fails all that wait, and the next call tries again', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    channel.way = () => Promise.reject(new TypeError('fetch failed'));
    const failed = await Promise.allSettled([sessions.acquire(null), sessions.acquire(null)]);
    for (const one of failed) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'ISO-1007', outcome: 'not-run' } });
    }
    expect(channel.count(HANDSHAKE)).toBe(1);
    channel.way = (_sent, forward) => forward();
    await sessions.acquire(null);
    expect(channel.count(HANDSHAKE)).toBe(2);
  });

  it('whose cryptography could not be loaded fails, and the next call tries again', async () => {
    const channel = openChannel();
    let missing = true;
    const suite = async (): Promise<Suite> => {
      if (missing) throw new TypeError('Failed to fetch dynamically imported module');
      return mlKem768Suite(primitives());
    };
    const sessions = manager(channel, { suite });
    const failure = { code: 'ISO-1007', outcome: 'not-run', cause: expect.any(TypeError) };
    await expect(sessions.acquire(null)).rejects.toMatchObject(failure);
    expect(channel.sent).toEqual([]);
    missing = false;
    await sessions.acquire(null);
  });

  it.each([
    ['a refusal', () => refusal('ISO-1008', 429), { code: 'ISO-1008', status: 429 }],
    ['a page of the proxy', () => new Response('<html>', { status: 502 }), { code: 'ISO-1007', status: 502 }],
    ['a redirect', () => Response.redirect('https://other.test/'), { code: 'ISO-1007', status: 302 }],
    ['nothing', () => new Response(null, { status: 204 }), { code: 'ISO-1007', status: 204 }],
    ['an object', () => Response.json({}), { code: 'ISO-1007' }],
    ['what is too long', () => new Response('x'.repeat(16_385)), { code: 'ISO-1007' }],
  ] as const)('that is answered with %s fails, and nothing is sent', async (_name, answer, error) => {
    const channel = openChannel();
    channel.way = async () => answer();
    const call = channel.client.fetch('/api/notes');
    await expect(call).rejects.toMatchObject({ ...error, outcome: 'not-run' });
    expect(channel.sent.map(({ path }) => path)).toEqual([HANDSHAKE]);
  });

  it.each(['before its headers', 'during its body'])('that stalls %s is dropped after 10 s', async (when) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const channel = openChannel();
    let signal: AbortSignal | null = null;
    // A transport that pays no heed to its signal: the limit must hold all the same.
    const deaf = manager(channel, {
      transport: (_url, init) => {
        signal = init.signal;
        if (when === 'before its headers') return new Promise(() => undefined);
        return Promise.resolve(new Response(new ReadableStream(), { status: 200 }));
      },
    });
    let failure: unknown;
    const waiting = deaf.acquire(null).catch((error: unknown) => {
      failure = error;
    });
    await vi.advanceTimersByTimeAsync(9_999);
    expect(failure).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(failure).toMatchObject({ code: 'ISO-1007', outcome: 'not-run' });
    expect(signal).toMatchObject({ aborted: true });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes on for the others when one of the calls that wait for it aborts', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    const hold = gate();
    channel.way = async (_sent, forward) => {
      await hold.opened;
      return forward();
    };
    const controller = new AbortController();
    const aborted = expect(sessions.acquire(controller.signal)).rejects.toThrow('enough');
    const other = sessions.acquire(null);
    controller.abort(new Error('enough'));
    await aborted;
    hold.open();
    await other;
    expect(channel.count(HANDSHAKE)).toBe(1);
  });

  it('whose every waiting call has aborted fails silently', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    const hold = gate();
    channel.way = async () => {
      await hold.opened;
      throw new TypeError('fetch failed');
    };
    const controller = new AbortController();
    const aborted = expect(sessions.acquire(controller.signal)).rejects.toThrow();
    controller.abort();
    await aborted;
    hold.open();
    channel.way = (_sent, forward) => forward();
    await vi.waitFor(() => sessions.acquire(null), 15_000);
  });
});

describe('a session', () => {
  it('that ends between its handshake and the call that waited for it is replaced, not used', async () => {
    const endedBetween: boolean[] = [];
    for (let steps = 0; steps < 8; steps++) {
      const channel = openChannel();
      const made = gate();
      // A new session starts its clock.
      const wall = (): number => {
        made.open();
        return channel.clocks.wall();
      };
      const device = { wall, monotonic: () => channel.clocks.monotonic() };
      const sessions = manager(channel, { device });
      const call = sessions.acquire(null);
      await made.opened;
      for (let step = 0; step < steps; step++) await Promise.resolve();
      const again = sessions.handshake();
      const session = await call;
      expect(isWiped(session), `${steps} steps`).toBe(false);
      endedBetween.push(!session.retired && channel.count(HANDSHAKE) === 2);
      session.release();
      await again;
    }
    expect(endedBetween).toContain(true);
  });

  it('is replaced once by all the calls that find it stale', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    const stale = await sessions.acquire(null);
    const fresh = await Promise.all(Array.from({ length: 20 }, () => sessions.replace(stale, null)));
    expect(new Set(fresh).size).toBe(1);
    expect(fresh[0]).not.toBe(stale);
    expect(channel.count(HANDSHAKE)).toBe(2);
    // A call that is late finds the new one.
    expect(await sessions.replace(stale, null)).toBe(fresh[0]);
    expect(channel.count(HANDSHAKE)).toBe(2);
  });

  it('is replaced when it has expired', async () => {
    const channel = openChannel({ nen: { sessionTtlMs: 60_000 } });
    await channel.client.status();
    channel.clocks.pass(59_999);
    await channel.client.status().catch(() => undefined);
    expect(channel.count(HANDSHAKE)).toBe(1);
    channel.clocks.pass(1);
    await channel.client.status();
    expect(channel.count(HANDSHAKE)).toBe(2);
  });

  it.each([
    ['it has expired', SESSION_TTL_MS],
    ['the device has slept', 0],
  ])('leaves no keys once %s, though no other can be made', async (_name, awakeMs) => {
    const channel = openChannel();
    const sessions = manager(channel);
    const session = await sessions.acquire(null);
    session.release();
    channel.clocks.wallMs += SESSION_TTL_MS;
    channel.clocks.monotonicMs += awakeMs;
    channel.way = () => Promise.reject(new TypeError('fetch failed'));
    expect(isWiped(session)).toBe(false);
    await expect(sessions.acquire(null)).rejects.toMatchObject({ code: 'ISO-1007' });
    expect(isWiped(session)).toBe(true);
  });

  it('is replaced before it has 2^20 requests', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    const first = await sessions.acquire(null);
    first.requests = 2 ** 20 - 1;
    expect(await sessions.acquire(null)).toBe(first);
    expect(await sessions.acquire(null)).not.toBe(first);
  });

  it('keeps its keys until nothing is in flight under it', async () => {
    const channel = openChannel();
    const sessions = manager(channel);
    const session = await sessions.acquire(null);
    sessions.terminate()?.release();
    expect(() => session.keys.hmacKey.mac(new Uint8Array(1))).not.toThrow();
    session.release();
    expect(() => session.keys.hmacKey.mac(new Uint8Array(1))).toThrow();
    expect(session.keys.exporterSecret).toEqual(new Uint8Array(32));
  });
});

describe('a server identity that was seen once', () => {
  it('is required, even of a handshake that was under way when it was seen', async () => {
    const identity = (fill: number): string => Buffer.alloc(32, fill).toString('base64');
    for (let steps = 0; steps < 40; steps += 3) {
      const first = openChannel({ nen: { identity: identity(1) } });
      const second = openChannel({ nen: { identity: identity(2) } });
      const gates = [gate(), gate()];
      const asked = [gate(), gate()];
      let number = 0;
      first.way = async ({ url, init }, forward) => {
        const mine = number++;
        const response = await (mine === 0 ? forward() : second.transport(url, init));
        asked[mine]?.open();
        await gates[mine]?.opened;
        return response;
      };
      // The first is dropped, but what it showed was seen.
      const dropped = first.client.handshake().catch((error: unknown) => error);
      await asked[0]?.opened;
      await first.client.terminate();
      const taken = first.client.handshake().then(
        () => true,
        () => false,
      );
      await asked[1]?.opened;
      gates[0]?.open();
      for (let step = 0; step < steps; step++) await Promise.resolve();
      gates[1]?.open();
      await dropped;
      const secondIsTrusted = await taken;
      first.way = (_sent, forward) => forward();
      const firstIsTrusted = await first.client.handshake().then(
        () => true,
        () => false,
      );
      expect([firstIsTrusted, secondIsTrusted].filter(Boolean), `${steps} steps`).toHaveLength(1);
    }
  });
});
