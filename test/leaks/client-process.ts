/** The client of the leak tests, in a process of its own: what it prints is one of the captures. */
import { base64Decode } from '../../src/crypto/bytes.ts';
import { createMlDsa65Signer } from '../../src/crypto/ml-dsa-65.ts';
import { NenClient, type NenClientOptions, nenLink } from '../../src/link/index.ts';
import { type Caller, Mint, makeCalls, trpcOf } from './client-calls.ts';
import { callWithoutStore, failingCalls } from './client-failures.ts';
import { noteSecrets } from './noted-secrets.ts';
import { show, takeOrders } from './orders.ts';
import { readSettings } from './settings.ts';

noteSecrets();

const settings = readSettings();
const { url, serverPin, encoding, suite, clientSeed } = settings;
const identity = clientSeed === undefined ? undefined : signerOf(clientSeed);
const options: NenClientOptions = {
  serverPins: [serverPin],
  encoding,
  suite,
  ...(identity !== undefined && { identityMode: 'pqc' as const, identity }),
};
const client = new NenClient(url, options);
const caller: Caller = { client, mint: new Mint(settings.seed), settings, messages: [] };

function signerOf(seed: string) {
  return createMlDsa65Signer(base64Decode(seed) ?? new Uint8Array(0), 'of the application');
}

takeOrders({
  work: () => makeCalls(caller),
  used: () => caller.mint.used,
  fail: () => failingCalls(caller, options),
  failWithoutStore: () => callWithoutStore(caller),
  show() {
    const link = nenLink({ url: `${url}/api/trpc`, client });
    const objects = [
      client,
      client.fetch,
      client.nenFetch,
      client.nenStream,
      client.tunnel('/api/echo'),
      identity,
      link,
      trpcOf(caller),
    ];
    return show(objects, caller.messages.splice(0));
  },
  terminate: async () => {
    await client.terminate();
    return null;
  },
});
process.send?.({ answer: null });
