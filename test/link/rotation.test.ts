/** Rotation by the client itself: by age and by count, in the background, without harm when it fails. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ROTATE_AFTER_REQUESTS, SESSION_TTL_MS } from '../../src/protocol/constants.ts';
import { isWiped } from '../faults/interleavings/watched-sessions.ts';
import { gate } from '../support/gate.ts';
import { until } from '../support/until.ts';
import { type Channel, HANDSHAKE, openChannel, refusal } from './channel.ts';
import { heldSessions } from './held-sessions.ts';

const ROTATE = '/api/nen/rotate';
const TERMINATE = '/api/nen/terminate';

afterEach(() => void vi.restoreAllMocks());

async function call(channel: Channel): Promise<number> {
  const response = await channel.client.fetch('/api/notes', { method: 'POST', body: 'x' });
  await response.arrayBuffer();
  return response.status;
}

/** The session ids of the calls so far. */
function sids(channel: Channel): string[] {
  return channel.sent.flatMap(({ path, init }) =>
    path === '/api/notes' ? [init.headers['X-Nen-Session'] ?? ''] : [],
  );
}

/** A client whose session has come to the age at which it is rotated, but for one millisecond. */
async function nearlyWorn(): Promise<Channel> {
  const channel = openChannel({ nen: { sessionIdleMs: SESSION_TTL_MS } });
  await call(channel);
  channel.clocks.pass(SESSION_TTL_MS * 0.8 - 1);
  await call(channel);
  expect(channel.count(ROTATE)).toBe(0);
  return channel;
}

describe('a session', () => {
  it('at 80 % of its life is rotated in the background: no call waits, none handshakes', async () => {
    const channel = await nearlyWorn();
    const held = gate();
    channel.way = async (sent, forward) => {
      if (sent.path === ROTATE) await held.opened;
      return forward();
    };
    channel.clocks.pass(1);
    await call(channel);
    await call(channel);
    expect(channel.count(ROTATE)).toBe(1);
    expect(new Set(sids(channel)).size).toBe(1);
    held.open();
    await until('the new session is used', async () => {
      await call(channel);
      return new Set(sids(channel)).size === 2;
    });
    expect([channel.count(ROTATE), channel.count(HANDSHAKE)]).toEqual([1, 1]);
  });

  it('is rotated after 2^19 requests', async () => {
    const channel = openChannel();
    expect(ROTATE_AFTER_REQUESTS).toBe(2 ** 19);
    const { SessionManager } = await import('../../src/link/client/session-manager.ts');
    let rotations = 0;
    const { primitives } = await import('../../src/crypto/select.ts');
    const { mlKem768Suite } = await import('../../src/crypto/suite.ts');
    const sessions = new SessionManager({
      suite: async () => mlKem768Suite(primitives()),
      audience: () => 'https://nen.test',
      handshakeUrl: () => `https://nen.test${HANDSHAKE}`,
      transport: channel.transport,
      device: channel.clocks,
      credentials: undefined,
      send: () => {
        rotations++;
        return Promise.reject(new Error('refused'));
      },
    });
    const session = await sessions.acquire(null);
    session.requests = ROTATE_AFTER_REQUESTS - 2;
    await sessions.acquire(null);
    expect(rotations).toBe(0);
    await sessions.acquire(null);
    await until('the rotation began', () => rotations === 1);
    // One that failed is not tried again: the session is used to its end.
    await sessions.acquire(null);
    expect(rotations).toBe(1);
  });

  it.each([
    ['refused', () => Promise.resolve(refusal('ISO-2003', 503))],
    ['lost', () => Promise.reject(new TypeError('fetch failed'))],
  ])('whose rotation is %s goes on as it is', async (_, answer) => {
    const channel = await nearlyWorn();
    channel.way = (sent, forward) => (sent.path === ROTATE ? answer() : forward());
    channel.clocks.pass(1);
    for (let i = 0; i < 5; i++) expect(await call(channel)).toBe(200);
    expect([channel.count(ROTATE), channel.count(HANDSHAKE)]).toEqual([1, 1]);
    expect(new Set(sids(channel)).size).toBe(1);
  });
});

describe('a call that the rotation overtakes', () => {
  it('waits for the new session and is sent once more in it: one run, no handshake', async () => {
    const channel = openChannel();
    await call(channel);
    const [rotated, heldAnswer] = [gate(), gate()];
    channel.way = async (sent, forward) => {
      if (sent.path === ROTATE) {
        const answer = await forward();
        rotated.open();
        await heldAnswer.opened;
        return answer;
      }
      return forward();
    };
    const rotation = channel.client.rotate();
    await rotated.opened;
    const overtaken = call(channel);
    await until('it was refused', () => sids(channel).length === 2);
    heldAnswer.open();
    expect(await overtaken).toBe(200);
    const { sid } = await rotation;
    expect(sids(channel).at(-1)).toBe(sid);
    expect(channel.ran.length).toBe(2);
    expect(channel.count(HANDSHAKE)).toBe(1);
  });

  it('does not bring back a session that was terminated and replaced meanwhile', async () => {
    const channel = openChannel();
    await call(channel);
    const [arrived, held] = [gate(), gate()];
    channel.way = async (sent, forward) => {
      const answer = await forward();
      if (sent.path === ROTATE) {
        arrived.open();
        await held.opened;
      }
      return answer;
    };
    const rotation = channel.client.rotate().catch((error: unknown) => error);
    await arrived.opened;
    await channel.client.terminate().catch(() => undefined);
    expect(channel.count(TERMINATE)).toBe(1);
    await channel.client.handshake();
    await call(channel);
    held.open();
    expect(await rotation).toMatchObject({ code: 'ISO-2001', outcome: 'unknown' });
    await call(channel);
    expect(new Set(sids(channel).slice(-2)).size).toBe(1);
  });
});

describe('a rotation that the server has done, and whose answer comes late', () => {
  /** Asked for, and done by the server; its answer arrives when the gate opens. */
  async function lateRotation(channel: Channel) {
    const [arrived, late] = [gate(), gate()];
    /** What terminations were answered with. */
    const terminations: number[] = [];
    await call(channel);
    channel.way = async (sent, forward) => {
      const answer = await forward();
      if (sent.path === TERMINATE) terminations.push(answer.status);
      if (sent.path !== ROTATE) return answer;
      arrived.open();
      await late.opened;
      return answer;
    };
    const rotation = channel.client.rotate();
    await arrived.opened;
    return { rotation, late, terminations };
  }

  it('does not take the place of a session that was made meanwhile', async () => {
    const channel = openChannel();
    const { rotation, late, terminations } = await lateRotation(channel);
    await channel.client.handshake();
    const { sid } = await channel.client.status();
    late.open();
    expect(await rotation).toEqual({ sid });
    await call(channel);
    expect(sids(channel).at(-1)).toBe(sid);
    await until('the server is told that its own is not needed', () => terminations.includes(200));
  });

  it('is ended on the server too, if the client was terminated meanwhile', async () => {
    const channel = openChannel();
    const held = heldSessions();
    const { rotation, late, terminations } = await lateRotation(channel);
    // The server has no such session any more.
    await expect(channel.client.terminate()).rejects.toMatchObject({ code: 'ISO-2002' });
    late.open();
    await expect(rotation).rejects.toMatchObject({ code: 'ISO-2001', outcome: 'unknown' });
    await until('the server is told', () => terminations.includes(200));
    expect(terminations).toEqual([401, 200]);
    await until('its keys are gone', () => held.size === 2 && [...held].every(isWiped));
  });

  it('of a client that was terminated holds no keys for a server that is silent', async () => {
    const channel = openChannel();
    const held = heldSessions();
    const stray = vi.fn();
    process.on('unhandledRejection', stray);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { rotation, late } = await lateRotation(channel);
      await channel.client.terminate().catch(() => undefined);
      const told = gate();
      const { way } = channel;
      channel.way = (sent, forward) => {
        if (sent.path !== TERMINATE) return way(sent, forward);
        told.open();
        return new Promise(() => undefined);
      };
      late.open();
      await expect(rotation).rejects.toMatchObject({ code: 'ISO-2001' });
      await told.opened;
      expect([...held].map(isWiped)).toEqual([true, false]);
      await vi.advanceTimersByTimeAsync(10_000);
      expect([...held].map(isWiped)).toEqual([true, true]);
      expect(vi.getTimerCount()).toBe(0);
      expect(stray).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
      process.off('unhandledRejection', stray);
    }
  });
});

describe('a rotation that is asked for while one is under way', () => {
  /** A rotation that the server has done, whose answer is lost when the gate opens. */
  async function underWay(channel: Channel) {
    const [arrived, held] = [gate(), gate()];
    await call(channel);
    channel.way = async (sent, forward) => {
      const answer = await forward();
      if (sent.path !== ROTATE) return answer;
      arrived.open();
      await held.opened;
      throw new TypeError('fetch failed');
    };
    const rotation = channel.client.rotate().catch((error: unknown) => error);
    await arrived.opened;
    return { rotation, lose: () => held.open() };
  }

  it('is the same one', async () => {
    const channel = openChannel();
    await call(channel);
    const [first, second] = await Promise.all([channel.client.rotate(), channel.client.rotate()]);
    expect(second).toEqual(first);
    expect(channel.count(ROTATE)).toBe(1);
  });

  it('is refused in a client that was terminated, however the other ends', async () => {
    const channel = openChannel();
    const { rotation, lose } = await underWay(channel);
    await channel.client.terminate().catch(() => undefined);
    const late = channel.client.rotate().catch((error: unknown) => error);
    lose();
    expect(await late).toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
    expect(await rotation).toMatchObject({ code: 'ISO-4005', outcome: 'unknown' });
  });

  it('is another, if the client was terminated and has a new session', async () => {
    const channel = openChannel();
    const { rotation, lose } = await underWay(channel);
    await channel.client.terminate().catch(() => undefined);
    await channel.client.handshake();
    channel.way = (_sent, forward) => forward();
    const { sid } = await channel.client.rotate();
    lose();
    expect(await rotation).toMatchObject({ code: 'ISO-4005' });
    await call(channel);
    expect(sids(channel).at(-1)).toBe(sid);
    expect([channel.count(ROTATE), channel.count(HANDSHAKE)]).toEqual([2, 2]);
  });

  it('leaves a new session alone, if it was asked for before the client was terminated', async () => {
    const channel = openChannel();
    await call(channel);
    const [retried, answered] = [gate(), gate()];
    channel.way = async (sent, forward) => {
      if (sent.path !== '/api/notes') return forward();
      if (channel.count('/api/notes') === 2) return refusal('ISO-2002');
      retried.open();
      await answered.opened;
      return forward();
    };
    const retry = call(channel).catch((error: unknown) => error);
    await retried.opened;
    // It waits for the second attempt.
    const rotation = channel.client.rotate().catch((error: unknown) => error);
    await channel.client.terminate().catch(() => undefined);
    await channel.client.handshake();
    answered.open();
    await retry;
    expect(await rotation).toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
    expect(channel.count(ROTATE)).toBe(0);
  });
});
