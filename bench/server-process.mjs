/** Starts the measured server, asks it what it has used, and ends it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('server.mjs', import.meta.url));

/**
 * @param {'noble' | 'native'} [crypto] what it seals with
 * @returns {Promise<MeasuredServer>}
 *
 * @typedef {object} MeasuredServer
 * @property {string} url
 * @property {() => Promise<Usage>} usage since it started
 * @property {() => Promise<void>} end
 *
 * @typedef {{ cpuUs: number, bytes: number }} Usage
 */
export async function startServer(crypto = 'native') {
  const child = fork(file, [crypto]);
  const [{ port }] = await once(child, 'message');
  return {
    url: `http://127.0.0.1:${port}`,
    async usage() {
      child.send('usage');
      const [usage] = await once(child, 'message');
      return usage;
    },
    async end() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/**
 * Runs `work` and says what one call (or event) of it cost.
 * @param {MeasuredServer} server
 * @param {() => Promise<number>} work resolves to the number of calls made
 * @returns {Promise<import('./rounds.mjs').Sample>}
 */
export async function measure(server, work) {
  const before = await server.usage();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const calls = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const after = await server.usage();
  return {
    rate: calls / seconds,
    clientUs: (cpu.user + cpu.system) / calls,
    serverUs: (after.cpuUs - before.cpuUs) / calls,
    bytes: (after.bytes - before.bytes) / calls,
  };
}

/**
 * Keeps `inFlight` calls going for a time.
 * @param {number} inFlight
 * @param {number} ms
 * @param {() => Promise<number>} call resolves to how many calls it was
 * @returns {Promise<number>} how many were made
 */
export async function keepCalling(inFlight, ms, call) {
  const deadline = performance.now() + ms;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < deadline) {
      const made = await call();
      calls += made;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return calls;
}
