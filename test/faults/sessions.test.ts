/** Rotation, termination, expiry and clocks that differ, over instances that share a Redis (rows 100 to 105, 111, 112). */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { InMemorySessionStore, RedisSessionStore } from '../../src/session/index.ts';
import { AUDIENCE } from '../attack/harness.ts';
import { gate } from '../support/gate.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import {
  allRan,
  call,
  clientOf,
  type Instance,
  type InstanceOptions,
  openSession,
  plainCode,
  send,
  startInstance,
} from './stage.ts';

let redis: RedisProcess;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

async function instance(options: InstanceOptions = {}): Promise<Instance> {
  const store = new RedisSessionStore(client, { commandTimeoutMs: 5000 });
  const started = await startInstance({ store, ...options });
  onTestFinished(() => started.close());
  return started;
}

describe('row 100: instance clocks', () => {
  test.each([25_000, -25_000])('%i ms apart: every call succeeds', async (offsetMs) => {
    const instances = [await instance(), await instance({ clock: () => Date.now() + offsetMs })];
    const victim = clientOf(instances);
    for (let i = 0; i < 20; i++) expect(await call(victim, instances[0]?.url ?? '', `${i}`)).toBe(`${i}`);
    expect(allRan(instances).length).toBe(20);
    expect(instances.flatMap(({ hints }) => hints('ISO-3003'))).toEqual([]);
  });

  test.each([45_000, -45_000])(
    '%i ms apart: recovered within one retry, or told; nothing twice',
    async (offsetMs) => {
      const instances = [await instance(), await instance({ clock: () => Date.now() + offsetMs })];
      // A way that goes to the other one from the second request on.
      const [honest, skewed] = instances as [Instance, Instance];
      let sent = 0;
      const victim = clientOf([honest], {
        fetch: (url, init) =>
          fetch(sent++ === 0 ? url : url.replace(honest.url, skewed.url), init as RequestInit),
      });
      const result = await call(victim, honest.url, 'pay').catch(
        (error: { code: string; outcome: string }) => error,
      );
      if (typeof result === 'object')
        expect(result).toMatchObject({
          code: expect.stringMatching(/ISO-3003|ISO-5002/),
          outcome: 'unknown',
        });
      else expect(result).toBe('pay');
      expect(allRan(instances).length).toBeLessThanOrEqual(1);
      expect(await call(victim, honest.url, 'again')).toBe('again');
    },
  );
});

test('row 100: a clock that jumps back and forth by 25 s: every call succeeds, and no copy does', async () => {
  let offsetMs = 0;
  const app = await instance({ clock: () => Date.now() + offsetMs });
  const victim = clientOf([app]);
  const session = await openSession(app);
  const copies: Awaited<ReturnType<typeof session.seal>>[] = [];
  for (const jumpMs of [0, -25_000, 25_000, 0, 25_000, -25_000]) {
    offsetMs = jumpMs;
    expect(await call(victim, app.url, `${jumpMs}`)).toBe(`${jumpMs}`);
    const request = await session.seal({ payload: '"pay"', timestamp: Date.now() });
    expect(plainCode(await send(app, request))).toBe('');
    copies.push(request);
    for (const copy of copies) expect(plainCode(await send(app, copy))).toBe('ISO-5001');
  }
  expect(app.ran.filter((body) => body === '"pay"').length).toBe(6);
});

test('row 101: 20 rotations under 32 calls at once: every call is answered, none runs twice', async () => {
  const instances = [await instance(), await instance(), await instance()];
  const victim = clientOf(instances);
  const names: string[] = [];
  let rotating = true;
  const loops = Array.from({ length: 32 }, async (_, k) => {
    for (let i = 0; rotating; i++) {
      const name = `${k}-${i}`;
      names.push(name);
      expect(await call(victim, instances[0]?.url ?? '', name)).toBe(name);
    }
  });
  const sids = new Set<string>();
  for (let i = 0; i < 20; i++) sids.add((await victim.rotate()).sid);
  rotating = false;
  await Promise.all(loops);
  expect(sids.size).toBe(20);
  expect(names.length).toBeGreaterThan(32);
  expect(allRan(instances).toSorted()).toEqual(names.map((name) => JSON.stringify(name)).toSorted());
});

describe('row 102: rotations that collide', () => {
  test('two of one client are one', async () => {
    const app = await instance();
    const victim = clientOf([app]);
    await call(victim, app.url, 'first');
    const [one, other] = await Promise.all([victim.rotate(), victim.rotate()]);
    expect(one.sid).toBe(other.sid);
    expect(await call(victim, app.url, 'after')).toBe('after');
  });

  test('of two at two instances one wins, and the other is told', async () => {
    const [first, second] = [await instance(), await instance()];
    const session = await openSession(first);
    expect(plainCode(await send(second, await session.seal()))).toBe('');
    const rotation = async () => {
      const pending = await startHandshake(mlKem768Suite(primitives()), AUDIENCE);
      return session.seal({ target: '/api/nen/rotate', payload: encodeClientHello(pending.hello) });
    };
    const [one, other] = [await rotation(), await rotation()];
    const answers = await Promise.all([send(first, one), send(second, other)]);
    // The loser is refused before its claim, in clear, or after it, sealed.
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401]);
    // One child is left, with an end of its own.
    const keys = await client.keys('nen:*:s');
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
  });

  test('one whose answer is lost leaves no way back: the next call handshakes and runs once', async () => {
    const app = await instance();
    const victim = clientOf([app], {
      fetch: async (url, init) => {
        const response = await fetch(url, init as RequestInit);
        if (url.endsWith('/rotate')) throw new TypeError('the answer is lost');
        return response;
      },
    });
    await call(victim, app.url, 'first');
    await expect(victim.rotate()).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await call(victim, app.url, 'after')).toBe('after');
    expect(app.ran).toEqual(['"first"', '"after"']);
  });
});

describe('row 103: termination', () => {
  test('lets the call in flight finish, ends the session everywhere, and may be said twice', async () => {
    const [running, finish] = [gate(), gate()];
    const app = await instance({
      during: async (body) => {
        if (body !== '"slow"') return;
        running.open();
        await finish.opened;
      },
    });
    const other = await instance();
    const session = await openSession(app);
    expect(plainCode(await send(other, await session.seal({ payload: '"warm"' })))).toBe('');
    const slow = await session.seal({ payload: '"slow"' });
    const answer = send(app, slow);
    await running.opened;
    const terminate = () => session.seal({ target: '/api/nen/terminate', kind: 'none' });
    const [one, two] = [await terminate(), await terminate()];
    expect(plainCode(await send(other, one))).toBe('');
    expect(plainCode(await send(app, two))).toBe('ISO-2002');
    finish.open();
    expect((await answer).status).toBe(200);
    expect(plainCode(await answer)).toBe('');
    for (const at of [app, other]) {
      expect(plainCode(await send(at, slow))).toBe('ISO-2002');
      expect(plainCode(await send(at, await session.seal()))).toBe('ISO-2002');
    }
    expect(allRan([app, other])).toEqual(['"slow"', '"warm"']);
  });
});

test('a warm request is one command of Redis', async () => {
  const app = await instance();
  const session = await openSession(app);
  expect(plainCode(await send(app, await session.seal()))).toBe('');
  await redis.command('CONFIG', 'RESETSTAT');
  for (let i = 0; i < 10; i++) expect(plainCode(await send(app, await session.seal()))).toBe('');
  const stats = String(await redis.command('INFO', 'commandstats'));
  // Sent by clients are EVAL and what this test asks for; the rest is what the script calls.
  expect(stats).toMatch(/cmdstat_eval:calls=10,/);
  expect(stats).not.toMatch(/cmdstat_(evalsha|multi|exec|time|ping):/);
});

test('row 105: a session that expires while its call runs still brings the answer', async () => {
  let offsetMs = 0;
  const clock = (): number => Date.now() + offsetMs;
  const app = await instance({
    clock,
    during: () => {
      offsetMs = 3_600_001;
    },
  });
  const session = await openSession(app);
  const answer = await send(app, await session.seal({ payload: '"late"' }));
  expect([answer.status, plainCode(answer)]).toEqual([200, '']);
  expect(plainCode(await send(app, await session.seal({ timestamp: clock() })))).toBe('ISO-2002');
});

test('row 111: a second instance with a memory of its own knows no session of the first', async () => {
  const [one, other] = [
    await instance({ store: new InMemorySessionStore() }),
    await instance({ store: new InMemorySessionStore() }),
  ];
  const session = await openSession(one);
  expect(plainCode(await send(other, await session.seal()))).toBe('ISO-2002');
  expect(plainCode(await send(one, await session.seal()))).toBe('');
});

test('row 112: a flood of handshakes pushes out half-open sessions only', async () => {
  const app = await instance({ store: new InMemorySessionStore({ maxSessions: 5, maxUnconfirmed: 5 }) });
  const confirmed = await openSession(app);
  expect(plainCode(await send(app, await confirmed.seal()))).toBe('');
  const halfOpen = await openSession(app);
  for (let i = 0; i < 20; i++) await openSession(app);
  expect(plainCode(await send(app, await halfOpen.seal()))).toBe('ISO-2002');
  expect(plainCode(await send(app, await confirmed.seal()))).toBe('');
});
