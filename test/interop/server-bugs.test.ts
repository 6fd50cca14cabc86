/**
 * Our client and servers that misbehave, each in one way: it refuses each with the code that PROTOCOL.md names, hands on
 * nothing that was not good, sends no call under a handshake that failed, and its next good call works.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadSigner } from '../../src/crypto/load-ml-dsa-65.ts';
import { NenClient, type NenClientOptions, NenError } from '../../src/link/client/index.ts';
import { bugs } from '../peer/bugs/index.ts';
import type { Before, ServerScene } from '../peer/bugs/misbehaviour.ts';
import { identityOf } from '../peer/identity.ts';
import { ENDPOINT, peerServer } from './stage.ts';

const SERVER = identityOf(Buffer.alloc(32, 6));
const CLIENT = identityOf(Buffer.alloc(32, 7));
const STREAMED = 'one two three';

type PeerStage = Awaited<ReturnType<typeof peerServer>>;

interface Act {
  readonly on?: 'named' | 'padding';
  readonly options?: NenClientOptions;
  /** Each bug needs a client that has no session yet. */
  readonly fresh?: true;
  /** @returns what the application got before it failed */
  run(client: NenClient, origin: string, got: (text: string) => void): Promise<unknown>;
}

const call: Act['run'] = (client, origin) => client.fetch(`${origin}/x`);
const tunnel =
  (name: string): Act['run'] =>
  async (client, origin, got) => {
    const answer = await client.tunnel(ENDPOINT)(`${origin}${ENDPOINT}/${name}`, {
      method: 'POST',
      body: 'x',
    });
    await read(answer, got);
  };
const direct =
  (path: string, init: RequestInit): Act['run'] =>
  async (client, origin, got) =>
    read(await client.fetch(origin + path, init), got);

async function read(answer: Response, got: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) got(decoder.decode(chunk));
}

const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
/** A call that an honest server refuses under seal. */
const outside: Act['run'] = async (client, origin) => {
  try {
    await client.tunnel(ENDPOINT)(`${origin}/admin`, { method: 'POST', body: 'x' });
  } catch (error) {
    if (NenError.from(error)?.code !== 'ISO-4006') throw error;
  }
};
const octets = { encoding: 'octets' } as const;
const pinned = { serverPins: [SERVER.pin] };

const ACTS: Readonly<Record<ServerScene, Act>> = {
  handshake: { fresh: true, run: call },
  'handshake in X-Wing': { fresh: true, options: { suite: 'X-Wing' }, run: call },
  'handshake with an identity': { fresh: true, on: 'named', options: pinned, run: call },
  'second handshake': { on: 'named', run: (client) => client.handshake() },
  rotation: { run: (client) => client.rotate() },
  'rotation with an identity': { on: 'named', options: pinned, run: (client) => client.rotate() },
  status: { run: (client) => client.status() },
  tunnel: { run: tunnel('echo') },
  'tunnel in octets': { options: octets, run: tunnel('echo') },
  'direct, json': { run: direct('/json', json) },
  'direct, none': { run: direct('/gone', { method: 'DELETE' }) },
  refused: { run: outside },
  stream: { run: tunnel('stream') },
  'stream in octets': { options: octets, run: tunnel('stream') },
  'padded stream': { on: 'padding', run: tunnel('stream') },
};

const stages: Partial<Record<'anonymous' | 'named' | 'padding', PeerStage>> = {};
const clients = new Map<ServerScene, NenClient>();
let proving: NenClientOptions = {};

beforeAll(async () => {
  proving = { identityMode: 'pqc', identity: await loadSigner(Uint8Array.from(CLIENT.seed), 'test') };
  stages.anonymous = await peerServer();
  stages.named = await peerServer({ identity: SERVER });
  stages.padding = await peerServer({ blockBytes: 64 });
});
afterAll(() => Promise.all(Object.values(stages).map((stage) => stage.close())));

function stageOf(scene: ServerScene): PeerStage {
  const stage = stages[ACTS[scene].on ?? 'anonymous'];
  if (stage === undefined) throw new Error('not yet');
  return stage;
}

function clientOf(scene: ServerScene): NenClient {
  const { on, options, fresh } = ACTS[scene];
  const { origin } = stageOf(scene);
  const known = fresh ? undefined : clients.get(scene);
  const client = known ?? new NenClient(origin, { ...(on === 'named' && proving), ...options });
  clients.set(scene, client);
  return client;
}

/** A good exchange, whose answer a bug may serve again. */
async function good(scene: ServerScene, client: NenClient): Promise<Before> {
  const { peer, origin, ran } = stageOf(scene);
  let response: Before['response'] = { status: 0, headers: [], body: new Uint8Array(0) };
  peer.misbehave({
    response: (right) => {
      response = right;
      return right;
    },
  });
  const before = ran.length;
  // First, since it renews a session that the server has rotated away; a rotation does not.
  await call(client, origin, () => undefined);
  expect(ran.length).toBe(before + 1);
  await ACTS[scene].run(client, origin, () => undefined);
  peer.behave();
  return { response, request: { method: '', target: '', headers: [] } };
}

it('has many of them', () => {
  expect(Object.keys(bugs.client).length).toBeGreaterThan(300);
  expect(Object.keys(bugs.server).length).toBeGreaterThan(450);
});

const NO_EXCHANGE: Before = {
  response: { status: 0, headers: [], body: new Uint8Array(0) },
  request: { method: '', target: '', headers: [] },
};

it.each(Object.entries(bugs.server))('%s', async (_title, { scene, code, bend }) => {
  const { peer, origin, ran } = stageOf(scene);
  const { run, fresh } = ACTS[scene];
  const client = clientOf(scene);
  const before = fresh ? NO_EXCHANGE : await good(scene, client);
  const ranBefore = ran.length;
  peer.misbehave(bend(before));
  let delivered = '';
  const got = (text: string): void => {
    delivered += text;
  };
  await expect(run(client, origin, got)).rejects.toMatchObject({ code });
  peer.behave();
  if (scene.includes('stream')) expect(STREAMED.startsWith(delivered), delivered).toBe(true);
  else expect(delivered).toBe('');
  if (scene.includes('handshake') || scene.includes('rotation')) expect(ran.length).toBe(ranBefore);
  await good(scene, client);
});
