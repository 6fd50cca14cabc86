/**
 * Nobody is contacted but who was configured: an application runs in a process whose every attempt to connect,
 * to resolve a name or to start a program is written down.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { startUpstashFront, type UpstashFront } from '../support/upstash-front.ts';

const here = fileURLToPath(new URL('connections/', import.meta.url));
const seed = randomBytes(32).toString('base64');
const pin = createHash('sha256')
  .update(ml_dsa65.keygen(Buffer.from(seed, 'base64')).publicKey)
  .digest('base64url');

let folder = '';
let redis: RedisProcess;
let front: UpstashFront;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nen-connections-'));
  redis = await startRedis();
  front = await startUpstashFront(redis);
});

afterAll(async () => {
  await front.close();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Attempt {
  readonly kind: string;
  readonly target: string;
}

/** Runs the job to its end. @returns whom it tried to reach, each once, with its own port as 'itself'. */
async function attemptsWith(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const file = join(folder, randomBytes(4).toString('hex'));
  const { PATH = '', HOME = '' } = process.env;
  const secrets = { NEN_IDENTITY: seed, NEN_PIN: pin, NEN_STORE_KEYS: randomBytes(32).toString('base64') };
  const env = { PATH, HOME, NODE_ENV: 'production', NEN_CONNECTIONS: file, ...secrets, ...environment };
  const args = ['--import', join(here, 'hook.mjs'), join(here, 'job.mjs')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 });
  const { port } = JSON.parse(stdout) as { port: number };
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const attempts = lines.map((line) => JSON.parse(line) as Attempt);
  const names = attempts.map(({ kind, target }) =>
    `${kind} ${target}`.replace(`127.0.0.1:${port}`, 'itself'),
  );
  return [...new Set(names)].sort();
}

const ITSELF = ['connect itself', 'fetch http://itself'];

describe('an application contacts', () => {
  it('its own server alone, with sessions in memory', async () => {
    expect(await attemptsWith({})).toEqual(ITSELF);
  });

  it('its server and its Redis', async () => {
    const store = `127.0.0.1:${redis.port}`;
    expect(await attemptsWith({ REDIS_URL: `redis://${store}` })).toEqual(
      [`connect ${store}`, ...ITSELF].sort(),
    );
  });

  it('its server and its REST store', async () => {
    const environment = { UPSTASH_REDIS_REST_URL: front.url, UPSTASH_REDIS_REST_TOKEN: front.token };
    const store = new URL(front.url).host;
    const expected = [...ITSELF, `connect ${store}`, `fetch ${front.url}`];
    expect(await attemptsWith(environment)).toEqual(expected.sort());
  });

  it('nobody unnoticed: an address and a name that it is made to call show', async () => {
    const strays = (await attemptsWith({ NEN_STRAY: '1' })).filter((attempt) => !ITSELF.includes(attempt));
    expect(strays).toEqual([
      'connect 192.0.2.1:80',
      'connect stray.invalid:80',
      'fetch http://192.0.2.1',
      'fetch http://stray.invalid',
      'lookup stray.invalid',
    ]);
  });
});
