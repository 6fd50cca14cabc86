/** Calls: plain tRPC, sealed JSON and sealed octets, like against like, by size of what is echoed. */
import { createTRPCClient, httpBatchLink, httpBatchStreamLink } from '@trpc/client';
import { nenLink } from 'trpc-nen/link';
import { pairedRounds } from './rounds.mjs';
import { keepCalling, measure } from './server-process.mjs';
import { figure, table } from './table.mjs';

const IN_FLIGHT = 8;
const BATCH = 8;
/** Optimised code is what is measured: this many times a measurement beforehand. */
const WARM_UP = 3;
/** @type {[name: string, bytes: number][]} */
const SIZES = [
  ['100 B', 100],
  ['1 KB', 1_000],
  ['10 KB', 10_000],
  ['100 KB', 100_000],
  ['1 MB', 1_000_000],
];
const WAYS = /** @type {const} */ (['plain', 'sealed JSON', 'sealed octets']);

/**
 * @typedef {import('./run.mjs').Effort} Effort
 * @typedef {import('./server-process.mjs').MeasuredServer} MeasuredServer
 * @typedef {(typeof WAYS)[number]} Way
 */

/**
 * @param {MeasuredServer} server
 * @param {Effort} effort
 */
export async function benchCalls(server, effort) {
  const head = ['one call', 'way', 'calls/s', 'ratio', 'client us', 'server us', 'bytes', 'bytes ratio'];
  for (const stream of [false, true]) {
    const kinds = stream ? 'httpBatchStreamLink, stream: true' : 'httpBatchLink, stream: false';
    console.log(`\n### Calls (${kinds}, maxItems: 1, ${IN_FLIGHT} in flight)\n`);
    const rows = [];
    for (const [name, bytes] of SIZES) rows.push(...(await row(server, effort, name, { bytes, stream })));
    console.log(table(head, rows));
  }
  console.log(`\n### Batches of ${BATCH} calls (maxItems: ${BATCH}, ${IN_FLIGHT} batches in flight)\n`);
  console.log(table(head, await row(server, effort, '1 KB', { bytes: 1_000, stream: false, batch: BATCH })));
}

/**
 * @param {MeasuredServer} server
 * @param {Effort} effort
 * @param {string} name
 * @param {{ bytes: number, stream: boolean, batch?: number }} call
 */
async function row(server, { rounds, ms }, name, { bytes, stream, batch = 1 }) {
  const text = 'It was a bright cold day in April. '.repeat(Math.ceil(bytes / 35)).slice(0, bytes);
  const callers = new Map(
    WAYS.map((way) => [way, caller(clientFor(server.url, way, stream, batch), text, batch)]),
  );
  /** @param {Way} way @param {number} forMs */
  const sample = (way, forMs) =>
    measure(server, () => keepCalling(IN_FLIGHT, forMs, callers.get(way) ?? (() => Promise.resolve(0))));
  for (const way of WAYS) await sample(way, WARM_UP * ms);
  const results = await pairedRounds(rounds, WAYS, (way) => sample(way, ms));
  return [...results].map(([way, { rate, ratio, clientUs, serverUs, bytes: wire, bytesRatio }]) => [
    way === 'plain' ? name : '',
    way,
    figure(rate),
    ratio.toFixed(2),
    figure(clientUs),
    figure(serverUs),
    figure(wire),
    bytesRatio.toFixed(2),
  ]);
}

/**
 * @param {ReturnType<typeof clientFor>} client
 * @param {string} text
 * @param {number} batch
 */
function caller(client, text, batch) {
  return async () => {
    const answers = await Promise.all(Array.from({ length: batch }, () => client.echo.mutate(text)));
    if (answers.some((answer) => answer.length !== text.length)) throw new Error('the echo is wrong');
    return batch;
  };
}

/**
 * @param {string} server
 * @param {Way} way
 * @param {boolean} stream
 * @param {number} maxItems
 */
function clientFor(server, way, stream, maxItems) {
  const plain = { url: `${server}/plain/trpc`, maxItems };
  /** @type {'json' | 'octets'} */
  const encoding = way === 'sealed octets' ? 'octets' : 'json';
  const sealed = { url: `${server}/sealed/trpc`, maxItems, stream, encoding };
  const plainLink = stream ? httpBatchStreamLink : httpBatchLink;
  /** @type {import('@trpc/client').TRPCLink<import('./router.mjs').Router>} */
  const link = way === 'plain' ? plainLink(plain) : nenLink(sealed);
  return createTRPCClient({ links: [link] });
}
