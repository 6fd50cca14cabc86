/** The server of the leak tests, in a process of its own: what it prints is one of the captures. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { createNen, type Kek, type Nen, type NenEvent, RedisSessionStore } from '../../src/adapter/server.ts';
import { base64Decode } from '../../src/crypto/bytes.ts';
import { createMlDsa65Signer } from '../../src/crypto/ml-dsa-65.ts';
import type { SessionStore } from '../../src/session/types.ts';
import { note, noteSecrets } from './noted-secrets.ts';
import { show, takeOrders } from './orders.ts';
import { createApp, type Witness } from './server-app.ts';
import { readSettings, type Settings } from './settings.ts';

noteSecrets();

const settings = readSettings();
const events: NenEvent[] = [];
const looked: unknown[] = [];

/** Everything from options: a store, keys of a KMS, a signer, and a log that tells all events. */
function fromOptions({ redisUrl = '', serverSeed = '' }: Settings): Nen {
  const store: SessionStore = new RedisSessionStore(new Redis(redisUrl), { commandTimeoutMs: 1000 });
  const identity = createMlDsa65Signer(base64Decode(serverSeed) ?? new Uint8Array(0), 'in a KMS');
  looked.push(store, identity);
  return createNen({
    store,
    storeKeys: [kms()],
    identity,
    rateLimit: () => 0,
    onEvent: (event) => {
      events.push(event);
      console.log(new Date().toISOString(), event);
    },
  });
}

/** It wraps no worse than a KMS: what it gives tells nothing of the data key. */
function kms(): Kek {
  const dataKeys = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    keyId: 'kms-key',
    wrap(dataKey) {
      note(dataKey, 'store');
      const name = crypto.randomUUID();
      dataKeys.set(name, dataKey.slice());
      return new TextEncoder().encode(name);
    },
    unwrap(wrapped) {
      const dataKey = dataKeys.get(new TextDecoder().decode(wrapped));
      if (dataKey === undefined) throw new Error('not wrapped here');
      return dataKey.slice();
    },
  };
}

/** Everything from the environment, and the log that one gets. */
const nen = settings.redisUrl === undefined ? createNen() : fromOptions(settings);

const witness: Witness = { sessions: [], messages: [] };
const server = createServer(createApp(nen, settings, witness));
takeOrders({
  show() {
    // What was looked at is let go: nothing but the library is to hold on to it.
    const told = withoutNames(events.splice(0));
    const sessions = witness.sessions.splice(0);
    return show([nen, ...looked, ...sessions, ...told], witness.messages.splice(0));
  },
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ answer: (server.address() as AddressInfo).port });
});

/** Of events: the inner path, and what a handler threw, are there for the application's log. */
function withoutNames(all: readonly NenEvent[]): readonly object[] {
  return all.map((event) => ({ ...event, path: '', error: '' }));
}
