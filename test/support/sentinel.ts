/** One Sentinel that watches one master by the name `nen`. */
import { type RedisProcess, startRedis } from './redis.ts';
import { until } from './until.ts';

export async function startSentinel(master: RedisProcess): Promise<RedisProcess> {
  const sentinel = await startRedis({
    sentinel: [
      `sentinel monitor nen ${master.host} ${master.port} 1`,
      'sentinel down-after-milliseconds nen 1000',
      'sentinel failover-timeout nen 5000',
      '',
    ].join('\n'),
  });
  await until('Sentinel knows the replica', async () => {
    const replicas = await sentinel.command('SENTINEL', 'REPLICAS', 'nen');
    return Array.isArray(replicas) && replicas.length > 0;
  });
  return sentinel;
}
