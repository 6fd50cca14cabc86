/**
 * Our server and clients that misbehave, each in one way: it refuses each with the code that PROTOCOL.md names, runs
 * nothing, and serves the same client's next good call.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bugs } from '../peer/bugs/index.ts';
import type { Before, ClientScene } from '../peer/bugs/misbehaviour.ts';
import { PeerClient, type PeerClientOptions, wholeOf } from '../peer/client.ts';
import { identityOf } from '../peer/identity.ts';
import { ourServer, type Stage } from './stage.ts';

const AUD = 'https://app.example';
const CLIENT = identityOf(Buffer.alloc(32, 5));
const NO_BODY = new Uint8Array(0);

interface Act {
  readonly options?: Partial<PeerClientOptions>;
  /** Needs an identity, so that it is missed where it is left out. */
  readonly closed?: true;
  run(client: PeerClient): Promise<unknown>;
}

const tunnel = async (client: PeerClient) =>
  wholeOf(
    await client.call({
      ...{ method: 'POST', target: '/api/trpc/x', headers: [] },
      content: Buffer.from('{}'),
    }),
  );
const direct =
  (method: string, target: string, name = '', content = '') =>
  async (client: PeerClient) => {
    const headers = name === '' ? [] : [[name, 'application/json'] as const];
    return wholeOf(await client.direct({ method, target, headers, content: Buffer.from(content) }));
  };
const handshake = (client: PeerClient) => client.handshake();

const ACTS: Readonly<Record<ClientScene, Act>> = {
  handshake: { run: handshake },
  'handshake in X-Wing': { options: { suite: 'X-Wing' }, run: handshake },
  'handshake with an identity': { options: { identity: CLIENT }, closed: true, run: handshake },
  rotation: { run: (client) => client.rotate() },
  termination: { run: (client) => client.terminate() },
  tunnel: { run: tunnel },
  'tunnel in octets': { options: { encoding: 'octets' }, run: tunnel },
  'direct, http': { run: direct('PUT', '/x?q=1', 'x-own', 'content') },
  'direct, json': { run: direct('POST', '/json?q=1&r=2', 'content-type', '{"a":1}') },
  'direct, none': { run: direct('DELETE', '/x?q=1') },
};

let open: Stage;
let closed: Stage;
const clients = new Map<ClientScene, PeerClient>();

beforeAll(async () => {
  const origins = [AUD, 'https://also.example'];
  open = await ourServer({ origins });
  closed = await ourServer({ origins, authorize: ({ identity }) => identity !== undefined });
});
afterAll(() => Promise.all([open.close(), closed.close()]));

const stageOf = (scene: ClientScene): Stage => (ACTS[scene].closed ? closed : open);

function clientOf(scene: ClientScene): PeerClient {
  const { origin } = stageOf(scene);
  const client = clients.get(scene) ?? new PeerClient({ origin, aud: AUD, ...ACTS[scene].options });
  clients.set(scene, client);
  client.retries = false;
  return client;
}

/** A good exchange, which is what a bug repeats or mixes up. */
async function good(scene: ClientScene, stage: Stage): Promise<Before> {
  const client = clientOf(scene);
  let request: Before['request'] = { method: '', target: '', headers: [] };
  client.misbehave({
    request: (right) => {
      request = right;
      return right;
    },
  });
  const before = stage.ran.length;
  await ACTS[scene].run(client);
  // One that only handshakes or rotates has its call here.
  if (stage.ran.length === before) await direct('GET', '/x')(client);
  expect(stage.ran.length).toBe(before + 1);
  client.behave();
  return { request, response: { status: 0, headers: [], body: NO_BODY } };
}

it.each(Object.entries(bugs.client))('%s', async (_title, { scene, code, form, bend }) => {
  const stage = stageOf(scene);
  const client = clientOf(scene);
  const before = await good(scene, stage);
  const ran = stage.ran.length;
  client.misbehave(bend(before));
  await expect(ACTS[scene].run(client)).rejects.toMatchObject({ code, form });
  client.behave();
  expect(stage.ran.length).toBe(ran);
  await good(scene, stage);
});
