/** A store that loses replication, freezes or swallows replies; rotations under load (T8, T9, T12). */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { RedisSessionStore } from '../../../src/session/index.ts';
import { report } from '../../support/figures.ts';
import { type RedisProcess, replicate, startRedis } from '../../support/redis.ts';
import { times } from '../../support/share.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import { allRan, call, clientOf, openSession, plainCode, send, startInstance } from '../stage.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function redis(): Promise<RedisProcess> {
  const started = await startRedis();
  closers.push(() => started.stop());
  return started;
}

function connect(port: number): Redis {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 10, maxRetriesPerRequest: 20 });
  client.on('error', () => undefined);
  closers.push(() => client.disconnect());
  return client;
}

test.each([0, 1])(
  'T8, row 42: replication cut, promotion, replicas: %i: every request from before is replayed at the new master',
  async (replicas) => {
    const [master, replica] = await Promise.all([redis(), redis()]);
    const link = await startProxy(master.port);
    closers.push(() => link.close());
    await replicate(replica, master, link.port);
    const before = await startInstance({ store: new RedisSessionStore(connect(master.port), { replicas }) });
    closers.push(() => before.close());
    const sessions = await Promise.all(Array.from({ length: 50 }, () => openSession(before)));
    for (const session of sessions) await send(before, await session.seal());
    await until('the replica has them', async () => (await replica.command('DBSIZE')) === 100);
    link.swallowReplies();
    const calls = await Promise.all(
      sessions.flatMap((session) =>
        Array.from({ length: 20 }, (_, i) => session.seal({ payload: `"${session.sid} ${i}"` })),
      ),
    );
    const answers = await Promise.all(calls.map((one) => send(before, one)));
    const acknowledged = answers.filter((answer) => plainCode(answer) === '').length;
    await replica.command('REPLICAOF', 'NO', 'ONE');
    const after = await startInstance({
      store: new RedisSessionStore(connect(replica.port), { replicas: 0 }),
    });
    closers.push(() => after.close());
    const replays = await Promise.all(calls.map((one) => send(after, one)));
    const accepted = replays.filter((answer) => plainCode(answer) === '').length;
    report({
      target: 'T8',
      done: `replication cut for 1000 claims, then promotion; replicas: ${replicas}`,
      aim: '0 replays accepted',
      figures: `${acknowledged} had been acknowledged, ${after.ran.length} of 1000 replays ran, ${accepted} accepted`,
    });
    expect([accepted, after.ran.length]).toEqual([0, 0]);
    if (replicas === 1) expect(acknowledged).toBe(0);
  },
);

/** The time of a command; what the process itself is held up comes on top. */
const ANSWER_MS = 500;
const TIMER_SLACK_MS = 100;

test('T9, row 92: Redis frozen for 5 s under load', async () => {
  const at = await redis();
  const app = await startInstance({ store: new RedisSessionStore(connect(at.port)) });
  closers.push(() => app.close());
  const session = await openSession(app);
  await send(app, await session.seal());
  at.freeze();
  const eventLoop = monitorEventLoopDelay({ resolution: 10 });
  eventLoop.enable();
  const took: number[] = [];
  let wrong = 0;
  const end = performance.now() + 5000;
  await Promise.all(
    Array.from({ length: 8 }, async (_, k) => {
      for (let i = 0; performance.now() < end - 600; i++) {
        const one = await session.seal({ payload: `"${k}-${i}"` });
        const from = performance.now();
        const code = plainCode(await send(app, one));
        took.push(performance.now() - from);
        if (code !== 'ISO-2003') wrong++;
      }
    }),
  );
  eventLoop.disable();
  const heldUpMs = eventLoop.max / 1e6;
  at.thaw();
  await until('it serves again', async () => plainCode(await send(app, await session.seal())) === '');
  const late = app.ran.filter((body) => body !== '{"honest":true}').length;
  took.sort((a, b) => a - b);
  const slowestMs = took.at(-1) ?? 0;
  report({
    target: 'T9',
    done: 'Redis frozen for 5 s, 8 callers',
    aim: `all answered with 503 within ${ANSWER_MS} ms, 0 run late`,
    figures: `${took.length} calls, ${wrong} not answered by a 503, slowest ${Math.round(slowestMs)} ms (median ${Math.round(took[took.length >> 1] ?? 0)} ms; the process was held up for ${Math.round(heldUpMs)} ms at most), ${late} ran late`,
  });
  expect([wrong, late]).toEqual([0, 0]);
  expect(slowestMs).toBeLessThan(ANSWER_MS + TIMER_SLACK_MS + heldUpMs);
});

test('T9, row 93: replies swallowed and the connection reset', async () => {
  const at = await redis();
  const proxy = await startProxy(at.port);
  closers.push(() => proxy.close());
  const app = await startInstance({
    store: new RedisSessionStore(connect(proxy.port), { commandTimeoutMs: 5000 }),
  });
  closers.push(() => app.close());
  const session = await openSession(app);
  await send(app, await session.seal());
  const claims = times(500);
  let [falseReplays, copies] = [0, 0];
  for (let i = 0; i < claims; i++) {
    const one = await session.seal({ payload: `"${i}"` });
    proxy.swallowReplies();
    const answer = send(app, one);
    await until(
      'the claim is in Redis',
      async () => (await at.command('EXISTS', `nen:{${session.sid}}:n:${one.sealed.nonce}`)) === 1,
    );
    proxy.behave();
    proxy.reset();
    if (plainCode(await answer) !== '') falseReplays++;
    if (plainCode(await send(app, one)) === 'ISO-5001') copies++;
  }
  report({
    target: 'T9',
    done: `${claims} claims whose reply was swallowed and the connection reset`,
    aim: `0 false replays, ${claims} runs`,
    figures: `${falseReplays} false replays, ${copies} of ${claims} real copies refused, ${app.ran.length - 1} runs`,
  });
  expect([falseReplays, copies, app.ran.length]).toEqual([0, claims, claims + 1]);
});

test('T12, row 101: rotations and terminations under 64 calls at once', async () => {
  const [rotations, terminations] = [times(100), times(20)];
  const at = await redis();
  const instances = await Promise.all(
    Array.from({ length: 3 }, () =>
      startInstance({ store: new RedisSessionStore(connect(at.port), { commandTimeoutMs: 5000 }) }),
    ),
  );
  closers.push(...instances.map((one) => () => one.close()));
  const url = instances[0]?.url ?? '';
  const victim = clientOf(instances);
  const names: string[] = [];
  const failed: string[] = [];
  const codes: Record<string, number> = {};
  let phase: 'rotate' | 'terminate' | 'over' = 'rotate';
  const loops = Array.from({ length: 64 }, async (_, k) => {
    for (let i = 0; phase !== 'over'; i++) {
      const name = `${k}-${i}`;
      const during = phase;
      try {
        await call(victim, url, name);
        names.push(name);
      } catch (error) {
        const { code, outcome } = error as { code?: string; outcome?: string };
        const label = `${during} ${code} ${outcome}`;
        codes[label] = (codes[label] ?? 0) + 1;
        if (during === 'rotate' && phase === 'rotate') failed.push(name);
        await pause(1);
      }
    }
  });
  for (let i = 0; i < rotations; i++) await victim.rotate();
  phase = 'terminate';
  for (let i = 0; i < terminations; i++) {
    await victim.terminate().catch(() => undefined);
    await victim.handshake();
    await pause(50);
  }
  phase = 'over';
  await Promise.all(loops);
  const ran = allRan(instances);
  const twice = ran.length - new Set(ran).size;
  const missing = names.filter((name) => !ran.includes(JSON.stringify(name))).length;
  report({
    target: 'T12',
    done: `${rotations} rotations and ${terminations} terminations under 64 calls at once, 3 instances`,
    aim: '0 failed by a rotation, 0 ran twice, 0 stuck',
    figures: `${names.length} calls answered, ${failed.length} failed by a rotation, ${twice} ran twice, ${missing} answered without a run; while terminating: ${JSON.stringify(codes)}`,
  });
  expect([failed.length, twice, missing]).toEqual([0, 0, 0]);
});
