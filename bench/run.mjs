/**
 * npm run bench: what sealing costs, against plain tRPC over the same real HTTP server, as Markdown.
 * `npm run bench -- --quick` takes about a minute, the whole about five; names choose parts:
 * `npm run bench -- calls handshakes`.
 */
import { cpus } from 'node:os';
import { benchCalls } from './calls.mjs';
import { benchHandshakes } from './handshakes.mjs';
import { benchMemory } from './memory.mjs';
import { benchPrimitives } from './primitives.mjs';
import { startServer } from './server-process.mjs';
import { benchSubscriptions } from './subscriptions.mjs';
import { benchSuites } from './suites.mjs';

/**
 * @typedef {object} Effort
 * @property {number} rounds paired rounds, of which the median is taken
 * @property {number} ms how long one measurement lasts
 */

const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
/** @type {Effort} */
const effort = process.argv.includes('--quick') ? { rounds: 3, ms: 150 } : { rounds: 9, ms: 600 };

/** @type {Record<string, (server: import('./server-process.mjs').MeasuredServer) => Promise<void> | void>} */
const parts = {
  calls: (server) => benchCalls(server, effort),
  subscriptions: (server) => benchSubscriptions(server, effort),
  handshakes: () => benchHandshakes(effort),
  suites: () => benchSuites(effort),
  memory: benchMemory,
  primitives: () => benchPrimitives(effort),
};

const unknown = chosen.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}`);
  process.exit(1);
}

const [cpu] = cpus();
console.log(`Node ${process.version}, ${cpus().length} x ${cpu?.model.trim() ?? 'unknown CPU'}.`);
console.log(`Medians of ${effort.rounds} paired rounds of ${effort.ms} ms each, in alternating order;`);
console.log('ratios to plain within a round; CPU time and bytes (both ways, headers included) per call.');
const server = await startServer();
for (const [name, part] of Object.entries(parts)) {
  if (chosen.length === 0 || chosen.includes(name)) await part(server);
}
await server.end();
// The clients' connections are kept alive and would hold the process.
process.exit();
