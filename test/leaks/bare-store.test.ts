/**
 * Row 108 the other way round: a store in Redis that says it is in the process gets records that nobody sealed, and
 * the same search finds their keys in all that Redis writes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNen, RedisSessionStore } from '../../src/adapter/server.ts';
import { NenClient } from '../../src/link/client/index.ts';
import { decodeSessionRecord } from '../../src/session/record.ts';
import type { SessionStore } from '../../src/session/types.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { Scanner } from './scanner.ts';

const ORIGIN = 'http://bare.test';

let redis: RedisProcess;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis({
    config: { appendonly: 'yes', appendfsync: 'always', rdbcompression: 'no' },
  });
  client = new Redis(redis.url);
});
afterAll(async () => {
  client?.disconnect();
  await redis?.stop();
});

test('row 108: records in clear are found in log, dump and monitor', async () => {
  const monitor = await client.duplicate().monitor();
  const seen: string[] = [];
  monitor.on('monitor', (_, args: string[]) => seen.push(args.join(' ')));
  const store: SessionStore = Object.assign(new RedisSessionStore(client, { commandTimeoutMs: 10_000 }), {
    local: true as const,
  });
  const nen = createNen({ store });
  const caller = new NenClient(ORIGIN, {
    fetch: (url, init) => nen.routes.POST(new Request(url, init as RequestInit)),
  });
  await caller.handshake();
  const [key = ''] = await client.keys('nen:*:s');
  const sid = /\{(.+)\}/.exec(key)?.[1] ?? '';
  const record = decodeSessionRecord((await store.read(sid)) ?? new Uint8Array(0));
  if (record === undefined) throw new Error('no record');
  await redis.command('SAVE');
  monitor.disconnect();

  const secrets = [record.requestKey, record.responseSecret, record.exporterSecret, record.hmacKey];
  const folder = join(redis.folder, 'appendonlydir');
  const log = Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
  const places = [log, readFileSync(join(redis.folder, 'dump.rdb')), Buffer.from(seen.join('\n'))];
  for (const place of places) {
    for (const secret of secrets) {
      const scanner = new Scanner([{ kind: 'key', bytes: Buffer.from(secret) }]);
      // Both halves of it.
      expect(new Set(scanner.scan(place).map(({ context }) => context)).size).toBeGreaterThanOrEqual(2);
    }
  }
});
