/** Sealed calls to the example's routes, by the client of the package that is installed in its folder. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createTRPCUntypedClient } from '@trpc/client';
import superjson from 'superjson';

const EVENTS = 3;

/** @typedef {{ folder: string, origin: string, pins: readonly string[] }} Served */

/**
 * Every one must pass; the name says where it stopped.
 * @param {Served} served
 * @returns {Promise<{ name: string, check: () => Promise<void> }[]>}
 */
export async function sealedCalls({ folder, origin, pins }) {
  const entry = join(folder, 'node_modules', 'trpc-nen', 'dist', 'link', 'index.js');
  /** @type {typeof import('../../src/link/index.ts')} */
  const { NenClient, nenLink } = await import(pathToFileURL(entry).href);
  const client = new NenClient(origin, { serverPins: pins });
  let token = '';
  const headers = () => (token ? { authorization: `Bearer ${token}` } : {});
  const link = nenLink({ url: `${origin}/api/trpc`, transformer: superjson, headers, client });
  const trpc = createTRPCUntypedClient({ links: [link] });

  return [
    { name: 'the page', check: async () => assert.equal((await fetch(origin)).status, 200) },
    {
      name: 'a sealed mutation',
      check: async () => {
        const account = { user: 'dr.okafor', password: 'linden-garden' };
        ({ token } = /** @type {{ token: string }} */ (await trpc.mutation('auth.signIn', account)));
        assert.equal(client.security, 'pinned');
      },
    },
    {
      name: 'a sealed query',
      check: async () => {
        const added = await trpc.mutation('notes.add', { patient: 'Ines Moreau', text: 'Fever is down.' });
        const [newest] = /** @type {{ writtenAt: unknown }[]} */ (await trpc.query('notes.list'));
        assert.deepEqual(newest, added);
        assert(newest?.writtenAt instanceof Date);
      },
    },
    {
      name: 'a subscription',
      check: async () => assert.equal((await firstEvents(trpc)).length, EVENTS),
    },
    {
      name: "withNen's params",
      check: async () => {
        const init = { method: 'POST', body: JSON.stringify({ amount: 1840 }) };
        assert.deepEqual(await client.nenFetch('/api/items/a%20b', init), {
          atOnce: 'a b',
          awaited: 'a b',
          body: { amount: 1840 },
        });
      },
    },
    {
      name: 'a plain call, refused',
      check: async () => {
        const init = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
        const answer = await fetch(`${origin}/api/items/1`, init);
        assert.match(await answer.text(), /ISO-3001/);
      },
    },
  ];
}

/**
 * The first of the assistant's answer, which then is left.
 * @param {import('@trpc/client').TRPCUntypedClient<import('@trpc/server').AnyRouter>} trpc
 * @returns {Promise<unknown[]>}
 */
function firstEvents(trpc) {
  return new Promise((resolve, reject) => {
    /** @type {unknown[]} */
    const events = [];
    const subscription = trpc.subscription(
      'assistant.answer',
      { question: 'Who has a fever?' },
      {
        onData: (event) => {
          if (events.push(event) < EVENTS) return;
          resolve(events);
          subscription.unsubscribe();
        },
        onError: reject,
        onComplete: () => reject(new Error(`it ended after ${events.length} events`)),
      },
    );
  });
}
