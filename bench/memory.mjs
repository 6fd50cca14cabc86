/** What a session and a claimed nonce take in memory. A process of its own, with the collector at hand. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { InMemorySessionStore } from 'trpc-nen/session';
import { Sessions } from '../dist/adapter/sessions.js';
import { base64Encode, base64UrlEncode } from '../dist/crypto/bytes.js';
import { randomBytes } from '../dist/crypto/random.js';
import { primitives } from '../dist/crypto/select.js';
import { figure, table } from './table.mjs';

const file = fileURLToPath(import.meta.url);
const SESSIONS = 10_000;
const NONCES = 200_000;
const HOUR_MS = 3_600_000;

export async function benchMemory() {
  const child = fork(file, { execArgv: ['--expose-gc'] });
  /** @type {[[string, number][]]} */
  const [sizes] = /** @type {any} */ (await once(child, 'message'));
  console.log('\n### Memory\n');
  console.log(
    table(
      ['one', 'bytes'],
      sizes.map(([what, bytes]) => [what, figure(bytes)]),
    ),
  );
}

if (process.argv[1] === file) process.send?.(await measureAll());

/** @returns {Promise<[string, number][]>} */
async function measureAll() {
  const store = new InMemorySessionStore();
  const options = { store, primitives: primitives(), now: Date.now, idleMs: HOUR_MS, origins: undefined };
  const sessions = new Sessions(options);
  const ids = Array.from({ length: SESSIONS }, () => base64UrlEncode(randomBytes(16)));
  const epoch = await store.epoch('sid');
  const stored = await growth(SESSIONS, async (i) =>
    sessions.create(newSession(ids[i] ?? '', epoch), 'ML-KEM-768', 'https://bench.invalid'),
  );
  const opened = await growth(SESSIONS, async (i) => {
    await sessions.open(ids[i] ?? '');
  });
  const claimed = await growth(NONCES, async (i) => {
    const claim = { claimMs: 120_000, idleMs: HOUR_MS, requireSession: true };
    await store.claim(ids[i % SESSIONS] ?? '', base64Encode(randomBytes(12)), `attempt ${i}`, claim);
  });
  return [
    ['session in the store', stored],
    ['session opened (its keys imported), on top', opened],
    ['claimed nonce', claimed],
  ];
}

/**
 * @param {string} sid
 * @param {string} epoch
 */
function newSession(sid, epoch) {
  const secrets = {
    requestKey: randomBytes(32),
    responseSecret: randomBytes(32),
    exporterSecret: randomBytes(32),
    hmacKey: randomBytes(32),
  };
  const now = Date.now();
  return { sid, secrets, terms: { now, expiresAt: now + HOUR_MS, epoch } };
}

/**
 * @param {number} count
 * @param {(i: number) => Promise<void>} add
 * @returns {Promise<number>} bytes for each, on and off the heap
 */
async function growth(count, add) {
  const before = inUse();
  for (let i = 0; i < count; i++) await add(i);
  return (inUse() - before) / count;
}

function inUse() {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
