/**
 * Handshakes over HTTP, and what one costs the server. The clients' messages are made beforehand, so
 * that the server is the bottleneck; what the same exchange costs without a handshake stands beside it.
 */
import { NenClient } from 'trpc-nen/client';
import { pairedRounds } from './rounds.mjs';
import { keepCalling, measure, startServer } from './server-process.mjs';
import { figure, table } from './table.mjs';

const IN_FLIGHT = 8;
const HELLOS = 64;
const WAYS = /** @type {const} */ (['HTTP alone', 'noble', 'native']);

/** @param {import('./run.mjs').Effort} effort */
export async function benchHandshakes({ rounds, ms }) {
  console.log(`\n### Handshakes (${IN_FLIGHT} in flight)\n`);
  const hellos = await makeHellos();
  const noble = await startServer('noble');
  const native = await startServer('native');
  const nothing = `${native.url}/nothing/`;
  const targets = {
    'HTTP alone': { server: native, url: nothing },
    noble: { server: noble, url: `${noble.url}/sealed/nen/handshake` },
    native: { server: native, url: `${native.url}/sealed/nen/handshake` },
  };
  /** @param {(typeof WAYS)[number]} way */
  const sample = (way) => {
    const { server, url } = targets[way];
    let next = 0;
    return measure(server, () => keepCalling(IN_FLIGHT, ms, () => post(url, hellos[next++ % HELLOS])));
  };
  for (const way of WAYS) await sample(way);
  const results = await pairedRounds(rounds, WAYS, sample);
  await Promise.all([noble.end(), native.end()]);
  const rows = [...results].map(([way, { rate, serverUs }]) => [way, figure(rate), figure(serverUs)]);
  console.log(table(['server', 'handshakes/s', 'server us'], rows));
}

/** What clients send first, kept instead of sent. */
async function makeHellos() {
  /** @type {(Uint8Array<ArrayBuffer> | null)[]} */
  const hellos = [];
  /** @type {import('trpc-nen/client').Transport} */
  const keep = async (_url, { body }) => {
    hellos.push(body);
    throw new Error('kept');
  };
  while (hellos.length < HELLOS) {
    await new NenClient('https://bench.invalid', { fetch: keep }).handshake().catch(() => undefined);
  }
  return hellos;
}

/**
 * @param {string} url
 * @param {Uint8Array<ArrayBuffer> | null | undefined} body
 */
async function post(url, body) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: body ?? null });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`the handshake was answered with ${response.status}`);
  return 1;
}
