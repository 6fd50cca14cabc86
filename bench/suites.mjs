/**
 * What a handshake costs either side in each suite, in microseconds of its own work, without HTTP: the least of
 * many runs, since a busy machine can only add to it. With a server identity, whose signature the client verifies.
 */
import { force } from '../dist/crypto/choice.js';
import { loadSigner, loadVerifier } from '../dist/crypto/load-ml-dsa-65.js';
import { primitives } from '../dist/crypto/select.js';
import { loadSuite } from '../dist/crypto/suite.js';
import { answerHandshake, finishHandshake, startHandshake } from '../dist/protocol/handshake.js';
import { encodePin, identityDigest } from '../dist/protocol/identity.js';
import { figure, table } from './table.mjs';

const AUDIENCE = 'https://bench.invalid';
const TERMS = { now: 1_790_000_000_000, expiresAt: 1_790_003_600_000, epoch: 'bench' };

/** @param {import('./run.mjs').Effort} effort */
export async function benchSuites({ rounds, ms }) {
  console.log('\n### Suites (microseconds a handshake: client, server)\n');
  const rows = [];
  for (const choice of /** @type {const} */ (['noble', undefined])) {
    force(choice);
    for (const pinned of [false, true]) {
      for (const name of /** @type {const} */ (['ML-KEM-768', 'X-Wing'])) {
        const { client, server } = await leastOf(name, pinned, rounds * ms);
        const by = choice ?? primitives().name;
        rows.push([name, by, pinned ? 'pinned' : 'none', figure(client), figure(server)]);
      }
    }
  }
  force(undefined);
  console.log(table(['suite', 'by', 'identity', 'client', 'server'], rows));
}

/**
 * @param {import('../dist/crypto/suite.js').SuiteName} name
 * @param {boolean} pinned
 * @param {number} ms
 */
async function leastOf(name, pinned, ms) {
  const p = primitives();
  const suite = await loadSuite(p, name);
  const identity = pinned ? await loadSigner(new Uint8Array(32).fill(1), 'bench') : undefined;
  const pins = identity && new Set([encodePin(identityDigest(p, identity.publicKey))]);
  let [client, server] = [Infinity, Infinity];
  for (const until = performance.now() + ms; performance.now() < until; ) {
    const t0 = performance.now();
    const pending = await startHandshake(suite, AUDIENCE);
    const t1 = performance.now();
    const { answer } = await answerHandshake(p, pending.hello, { terms: TERMS, identity });
    const t2 = performance.now();
    await finishHandshake(p, pending, answer, { pins, loadVerifier });
    const t3 = performance.now();
    client = Math.min(client, (t1 - t0 + t3 - t2) * 1000);
    server = Math.min(server, (t2 - t1) * 1000);
  }
  return { client, server };
}
