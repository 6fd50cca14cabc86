/** Several processes over one store while processes and servers are killed under load (T5, T6, T7, T10). */
import { afterEach, expect, test } from 'vitest';
import { type RedisProcess, startCluster, startRedis } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { openSession, plainCode, send } from '../stage.ts';
import { startApps } from './apps.ts';
import { judge, startLoad, type Verdict } from './load.ts';
import { report } from './report.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function expectHonest(verdict: Verdict): void {
  expect({ ranTwice: verdict.ranTwice, lies: verdict.lies, untyped: verdict.untyped }).toEqual({
    ranTwice: 0,
    lies: 0,
    untyped: 0,
  });
}

function tell({
  calls,
  ok,
  ranTwice,
  lies,
  untyped,
  errors,
  unknownThatRan,
  longestOutageMs,
  p99Ms,
  longestMs,
}: Verdict) {
  const codes = Object.entries(errors).map(([code, count]) => `${count} ${code}`);
  return `${calls} calls, ${ok} answered (${((100 * ok) / calls).toFixed(2)} %), ${ranTwice} ran twice, ${lies} misreported, ${untyped} untyped; errors: ${codes.join(', ') || 'none'} (${unknownThatRan} of them had run); longest time without any answer ${longestOutageMs} ms; p99 ${p99Ms} ms, longest ${longestMs} ms`;
}

/** Kills them in turn and starts them again, until `end` settles. */
async function killInTurn(
  apps: readonly { kill(): Promise<void>; start(): Promise<void> }[],
  everyMs: number,
  forMs: number,
) {
  const until_ = performance.now() + forMs;
  let kills = 0;
  for (let i = 0; performance.now() + everyMs < until_; i++) {
    await pause(everyMs);
    const app = apps[i % apps.length];
    await app?.kill();
    kills++;
    await app?.start();
  }
  await pause(Math.max(0, until_ - performance.now()));
  return kills;
}

test('four processes over a cluster, one killed every 3 s while masters are killed: nothing runs twice, nothing is lost silently', async () => {
  const cluster = await startCluster();
  closers.push(() => cluster.stop());
  const apps = await startApps(4, { cluster: cluster.nodes.map(({ port }) => port) });
  closers.push(() => apps.stop());
  const load = startLoad({
    url: apps.apps[0]?.url ?? '',
    transport: apps.transport,
    clients: 12,
    calls: 2,
    pauseMs: 5,
  });
  const masters = (async () => {
    let kills = 0;
    for (const [i, master] of cluster.masters.entries()) {
      await pause(8000);
      await master.kill();
      kills++;
      const heir = cluster.replicas[i] as RedisProcess;
      await until(
        'the replica is promoted',
        async () => /role:master/.test(String(await heir.command('INFO', 'replication'))),
        20_000,
      );
      await pause(3000);
      await master.start();
    }
    return kills;
  })();
  const kills = await killInTurn(apps.apps, 3000, 45_000);
  const masterKills = await masters;
  await pause(2000);
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  report(
    'done when, T7, T10',
    `4 processes, cluster 3+3, 45 s: ${kills} processes and ${masterKills} masters killed, ${apps.repeated.count} requests repeated on the way`,
    tell(verdict),
  );
  expectHonest(verdict);
  expect(masterKills).toBe(3);
  expect(kills).toBeGreaterThanOrEqual(8);
  expect(verdict.ok).toBeGreaterThan(1000);
});

test('T10: four processes, one killed every 3 s, the way repeats what broke off', async () => {
  const redis = await startRedis();
  closers.push(() => redis.stop());
  const apps = await startApps(4, { redis: redis.port });
  closers.push(() => apps.stop());
  const load = startLoad({
    url: apps.apps[0]?.url ?? '',
    transport: apps.transport,
    clients: 12,
    calls: 2,
    pauseMs: 5,
  });
  const kills = await killInTurn(apps.apps, 3000, 30_000);
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  report(
    'T10',
    `4 processes, one Redis, 30 s: ${kills} processes killed, ${apps.repeated.count} requests repeated on the way`,
    tell(verdict),
  );
  expectHonest(verdict);
  expect(verdict.ok / verdict.calls).toBeGreaterThanOrEqual(0.995);
});

test('T6: Redis killed six times in 40 s of load, append-only file every second', async () => {
  const redis = await startRedis({ config: { appendonly: 'yes', appendfsync: 'everysec' } });
  closers.push(() => redis.stop());
  const apps = await startApps(2, { redis: redis.port });
  closers.push(() => apps.stop());
  const load = startLoad({
    url: apps.apps[0]?.url ?? '',
    transport: apps.transport,
    clients: 12,
    calls: 2,
    pauseMs: 5,
  });
  const recoveries: number[] = [];
  for (let i = 0; i < 6; i++) {
    await pause(5000);
    await redis.kill();
    await pause(500);
    await redis.start();
    const startedAt = performance.now();
    recoveries.push(
      await until('a call succeeds again', () => {
        const first = load.fates.find(({ at, outcome }) => outcome === 'ran' && at > startedAt);
        return first === undefined ? undefined : first.at + first.ms - startedAt;
      }),
    );
  }
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  const slowest = Math.round(Math.max(...recoveries));
  report(
    'T6',
    `Redis killed 6 times in 40 s; first success after a restart within ${slowest} ms`,
    tell(verdict),
  );
  expectHonest(verdict);
  expect(slowest).toBeLessThanOrEqual(2000);
});

test.each(['Redis', 'cluster'] as const)(
  'T5: 200 requests, 100 copies of each at once, on four processes over a %s: 200 runs',
  async (kind) => {
    const started = kind === 'cluster' ? await startCluster() : await startRedis();
    closers.push(() => started.stop());
    const apps = await startApps(
      4,
      'nodes' in started ? { cluster: started.nodes.map(({ port }) => port) } : { redis: started.port },
    );
    closers.push(() => apps.stop());
    const ports = apps.apps.map(({ url }) => Number(new URL(url).port));
    const from = performance.now();
    let [answered, replayed] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const session = await openSession({ port: ports[0] ?? 0, clock: { now: Date.now } });
      const call = await session.seal({ payload: `"${i}"` });
      const codes = await Promise.all(
        Array.from({ length: 100 }, async (_, copy) =>
          plainCode(await send({ port: ports[copy % 4] ?? 0 }, call)),
        ),
      );
      answered += codes.filter((code) => code === '').length;
      replayed += codes.filter((code) => code === 'ISO-5001').length;
    }
    const runs = apps.ran().length;
    report(
      'T5',
      `200 x 100 copies, 4 processes, ${kind}`,
      `${runs} runs, ${answered} answered, ${replayed} refused as replays, in ${((performance.now() - from) / 1000).toFixed(0)} s`,
    );
    expect(runs).toBe(200);
    expect(answered).toBe(200);
  },
);
