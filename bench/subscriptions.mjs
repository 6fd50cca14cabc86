/** Subscriptions: events a second and bytes an event, plain and sealed, through the same EventSource. */
import { createTRPCClient, httpSubscriptionLink } from '@trpc/client';
import { nenLink } from 'trpc-nen/link';
import { createEventSource } from '../dist/link/client/event-source.js';
import { pairedRounds } from './rounds.mjs';
import { measure } from './server-process.mjs';
import { figure, table } from './table.mjs';

const EVENTS = 5000;
const WAYS = /** @type {const} */ (['plain', 'sealed JSON', 'sealed octets']);
/** @typedef {'burst' | 'turns' | 'apart'} Procedure */
/** @type {[name: string, procedure: Procedure][]} */
const KINDS = [
  [`a burst of ${EVENTS}`, 'burst'],
  ['one per turn', 'turns'],
  ['one every third turn', 'apart'],
];

/**
 * @param {import('./server-process.mjs').MeasuredServer} server
 * @param {import('./run.mjs').Effort} effort
 */
export async function benchSubscriptions(server, { rounds }) {
  console.log(`\n### Subscriptions (${EVENTS} events)\n`);
  const rows = [];
  for (const [name, procedure] of KINDS) {
    const clients = new Map(WAYS.map((way) => [way, clientFor(server.url, way)]));
    /** @param {(typeof WAYS)[number]} way */
    const sample = (way) => measure(server, () => receive(clients.get(way), procedure));
    for (const way of WAYS) await sample(way);
    for (const [way, result] of await pairedRounds(rounds, WAYS, sample)) {
      const { rate, ratio, clientUs, serverUs, bytes } = result;
      const figures = [figure(rate), ratio.toFixed(2), figure(clientUs), figure(serverUs), figure(bytes)];
      rows.push([way === 'plain' ? name : '', way, ...figures]);
    }
  }
  console.log(table(['events', 'way', 'events/s', 'ratio', 'client us', 'server us', 'bytes/event'], rows));
}

/**
 * @param {ReturnType<typeof clientFor> | undefined} client
 * @param {Procedure} procedure
 * @returns {Promise<number>} the number of events
 */
function receive(client, procedure) {
  return new Promise((resolve, reject) => {
    let events = 0;
    client?.[procedure].subscribe(EVENTS, {
      onData: () => events++,
      onComplete: () => (events === EVENTS ? resolve(events) : reject(new Error(`${events} events`))),
      onError: reject,
    });
  });
}

/**
 * @param {string} server
 * @param {(typeof WAYS)[number]} way
 */
function clientFor(server, way) {
  /** @type {'json' | 'octets'} */
  const encoding = way === 'sealed octets' ? 'octets' : 'json';
  /** @type {import('@trpc/client').TRPCLink<import('./router.mjs').Router>} */
  const link =
    way === 'plain'
      ? httpSubscriptionLink({
          url: `${server}/plain/trpc`,
          EventSource: createEventSource({ fetch: globalThis.fetch }),
        })
      : nenLink({ url: `${server}/sealed/trpc`, encoding });
  return createTRPCClient({ links: [link] });
}
