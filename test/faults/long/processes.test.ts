/** Several processes over one store while processes and servers are killed under load (T5, T6, T7, T10). */
import { afterEach, expect, test } from 'vitest';
import { NGINX_MISSING } from '../../../scripts/lib/nginx.mjs';
import { report } from '../../support/figures.ts';
import { hasNginx, startNginx } from '../../support/nginx.ts';
import { type RedisProcess, startCluster, startRedis } from '../../support/redis.ts';
import { lasting, times } from '../../support/share.ts';
import { until } from '../../support/until.ts';
import { openSession, plainCode, send } from '../stage.ts';
import { type Apps, startApps } from './apps.ts';
import { judge, type Load, startLoad, type Verdict } from './load.ts';

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

const [CLIENTS, CALLS_EACH] = [12, 2];

/** 24 calls at once without end. */
const underLoad = ({ apps, transport }: Apps, url = apps[0]?.url ?? '', way = transport): Load =>
  startLoad({ url, transport: way, clients: CLIENTS, calls: CALLS_EACH, pauseMs: 5 });

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

const HONEST = '0 run twice, 0 misreported, 0 untyped';

/** Kills them in turn and starts them again, for this long. */
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
  const load = underLoad(apps);
  const [forMs, everyMs] = [lasting(45_000), 3000];
  const doomed = cluster.masters.slice(0, times(3));
  const masters = (async () => {
    for (const [i, master] of doomed.entries()) {
      await pause(lasting(8000));
      await master.kill();
      await promoted(cluster.replicas[i] as RedisProcess);
      await pause(lasting(3000));
      await master.start();
    }
  })();
  const kills = await killInTurn(apps.apps, everyMs, forMs);
  await masters;
  await pause(2000);
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  report({
    target: 'done when, T7, T10',
    done: `4 processes, cluster 3+3, ${seconds(forMs)}: ${kills} processes and ${doomed.length} masters killed, ${apps.repeated.count} requests repeated on the way`,
    aim: HONEST,
    figures: tell(verdict),
  });
  expectHonest(verdict);
  // Each kill takes the pause and a start, which a busy machine draws out.
  expect(kills).toBeGreaterThanOrEqual(Math.floor(forMs / 10_000));
  expect(verdict.ok).toBeGreaterThan(lasting(1000));
});

async function promoted(replica: RedisProcess): Promise<void> {
  await until(
    'the replica is promoted',
    async () => /role:master/.test(String(await replica.command('INFO', 'replication'))),
    20_000,
  );
}

/** How long after a master's death calls may still fail, in milliseconds. */
const CLUSTER_OUTAGE_MS = 3000;

test('T7, row 95: a master of a cluster is killed under load: only its sessions fail, and not for long', async () => {
  const cluster = await startCluster();
  closers.push(() => cluster.stop());
  const apps = await startApps(2, { cluster: cluster.nodes.map(({ port }) => port) });
  closers.push(() => apps.stop());
  const load = underLoad(apps);
  await pause(lasting(5000));
  const [master, replica] = [cluster.masters[0] as RedisProcess, cluster.replicas[0] as RedisProcess];
  await master.kill();
  const killedAt = performance.now();
  await promoted(replica);
  const promotedMs = performance.now() - killedAt;
  await pause(lasting(10_000));
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  const failed = load.fates.filter(({ outcome }) => outcome !== 'ran');
  const outageMs = Math.max(0, ...failed.map(({ at, ms }) => at + ms - killedAt));
  report({
    target: 'T7',
    done: 'a master of a cluster 3+3 killed under load, 2 processes',
    aim: `last failed call ${CLUSTER_OUTAGE_MS} ms after the kill, ${HONEST}`,
    figures: `last failed call ${Math.round(outageMs)} ms after the kill (promotion by Redis itself: ${Math.round(promotedMs)} ms); ${tell(verdict)}`,
  });
  expectHonest(verdict);
  // What the promotion takes is Redis's; a busy machine makes it wait.
  expect(outageMs - promotedMs).toBeLessThan(CLUSTER_OUTAGE_MS);
});

const AVAILABLE = 0.995;
const T10_AIM = `${HONEST}, ${100 * AVAILABLE} % answered`;

/** A kill may cost what was in flight and no more: on a machine too slow for many calls that is a larger share. */
function expectAvailable({ calls, ok }: Verdict, kills: number): void {
  const inFlight = kills * CLIENTS * CALLS_EACH;
  expect(calls - ok).toBeLessThanOrEqual(Math.max((1 - AVAILABLE) * calls, inFlight));
}

test('T10: four processes, one killed every 3 s, the way repeats what broke off', async () => {
  const redis = await startRedis();
  closers.push(() => redis.stop());
  const apps = await startApps(4, { redis: redis.port });
  closers.push(() => apps.stop());
  const load = underLoad(apps);
  const forMs = lasting(30_000);
  const kills = await killInTurn(apps.apps, 3000, forMs);
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  report({
    target: 'T10',
    done: `4 processes, one Redis, ${seconds(forMs)}: ${kills} processes killed, ${apps.repeated.count} requests repeated on the way`,
    aim: T10_AIM,
    figures: tell(verdict),
  });
  expectHonest(verdict);
  expectAvailable(verdict, kills);
});

test.skipIf(!hasNginx)(
  `T10: four processes behind nginx that repeats even a POST, one killed every 3 s${hasNginx ? '' : ` (${NGINX_MISSING})`}`,
  async () => {
    const redis = await startRedis();
    closers.push(() => redis.stop());
    const apps = await startApps(4, { redis: redis.port });
    closers.push(() => apps.stop());
    const nginx = await startNginx({
      upstreams: apps.apps.map(({ url }) => Number(new URL(url).port)),
      location: 'proxy_next_upstream error timeout http_502 non_idempotent;',
    });
    closers.push(() => nginx.stop());
    const load = underLoad(apps, nginx.url, (url, init) => fetch(url, init as RequestInit));
    const forMs = lasting(45_000);
    const kills = await killInTurn(apps.apps, 3000, forMs);
    await load.stop();
    const verdict = judge(load.fates, apps.ran());
    // The last field of a line names the status of each attempt: '502, 200'.
    const repeated = nginx.read('access.log').match(/\d{3}, \d{3}$/gm)?.length ?? 0;
    report({
      target: 'T10',
      done: `4 processes behind nginx with non_idempotent, one Redis, ${seconds(forMs)}: ${kills} processes killed, ${repeated} requests repeated by nginx`,
      aim: T10_AIM,
      figures: tell(verdict),
    });
    expectHonest(verdict);
    expect(repeated).toBeGreaterThan(0);
    expectAvailable(verdict, kills);
  },
);

/** From Redis's start to the first call that succeeds, in milliseconds. */
const RECOVERY_MS = 2000;

test('T6, row 94: Redis killed again and again under load, append-only file every second', async () => {
  const redis = await startRedis({ config: { appendonly: 'yes', appendfsync: 'everysec' } });
  closers.push(() => redis.stop());
  const apps = await startApps(2, { redis: redis.port });
  closers.push(() => apps.stop());
  const load = underLoad(apps);
  const begunAt = performance.now();
  const recoveries: number[] = [];
  for (let i = 0; i < times(6); i++) {
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
  const tookMs = performance.now() - begunAt;
  await load.stop();
  const verdict = judge(load.fates, apps.ran());
  const slowest = Math.round(Math.max(...recoveries));
  report({
    target: 'T6',
    done: `Redis killed ${recoveries.length} times in ${seconds(tookMs)} of load, append-only file every second, 2 processes`,
    aim: `first success within ${RECOVERY_MS} ms of a start, ${HONEST}`,
    figures: `first success within ${slowest} ms of a start; ${tell(verdict)}`,
  });
  expectHonest(verdict);
  expect(slowest).toBeLessThanOrEqual(RECOVERY_MS);
});

test.each(['Redis', 'cluster'] as const)(
  'T5, row 38: 100 copies of each request at once, on four processes over a %s: each runs once',
  async (kind) => {
    const started = kind === 'cluster' ? await startCluster() : await startRedis();
    closers.push(() => started.stop());
    const apps = await startApps(
      4,
      'nodes' in started ? { cluster: started.nodes.map(({ port }) => port) } : { redis: started.port },
    );
    closers.push(() => apps.stop());
    await expectRunOnce(apps, kind);
  },
);

test('T5: the same in the memory of one process', async () => {
  const apps = await startApps(1, {});
  closers.push(() => apps.stop());
  await expectRunOnce(apps, 'memory');
});

async function expectRunOnce(apps: Apps, kind: string): Promise<void> {
  const ports = apps.apps.map(({ url }) => Number(new URL(url).port));
  const requests = times(200);
  const from = performance.now();
  let [answered, replayed] = [0, 0];
  for (let i = 0; i < requests; i++) {
    const session = await openSession({ port: ports[0] ?? 0, clock: { now: Date.now } });
    const call = await session.seal({ payload: `"${i}"` });
    const codes = await Promise.all(
      Array.from({ length: 100 }, async (_, copy) =>
        plainCode(await send({ port: ports[copy % ports.length] ?? 0 }, call)),
      ),
    );
    answered += codes.filter((code) => code === '').length;
    replayed += codes.filter((code) => code === 'ISO-5001').length;
  }
  const runs = apps.ran().length;
  report({
    target: 'T5',
    done: `${requests} requests x 100 copies at once, processes: ${ports.length}, ${kind}`,
    aim: `${requests} runs`,
    figures: `${runs} runs, ${answered} answered, ${replayed} refused as replays, in ${seconds(performance.now() - from)}`,
  });
  expect([runs, answered]).toEqual([requests, requests]);
}
