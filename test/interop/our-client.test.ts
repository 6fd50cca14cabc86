/** Our client and the peer's server, over real HTTP: every kind of exchange, in both suites and encodings. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSigner } from '../../src/crypto/load-ml-dsa-65.ts';
import { NenClient, type NenClientOptions } from '../../src/link/client/index.ts';
import { b64url } from '../peer/bytes.ts';
import { identityOf } from '../peer/identity.ts';
import { Memory } from '../peer/memory.ts';
import { exportedKey } from '../peer/schedule.ts';
import type { Session } from '../peer/session.ts';
import { ENDPOINT, peerServer } from './stage.ts';

const SERVER = identityOf(Buffer.alloc(32, 3));
const CLIENT = identityOf(Buffer.alloc(32, 4));

describe.each([
  { suite: 'ML-KEM-768', encoding: 'json' },
  { suite: 'ML-KEM-768', encoding: 'octets' },
  { suite: 'X-Wing', encoding: 'octets', identities: true },
  { suite: 'ML-KEM-768', encoding: 'json', identities: true },
  { suite: 'ML-KEM-768', encoding: 'octets', blockBytes: 256 },
] as const)('$suite in $encoding, identities $identities, padding to $blockBytes', (row) => {
  const { suite, encoding, identities, blockBytes } = row as typeof row & {
    identities?: true;
    blockBytes?: number;
  };
  let stage: Awaited<ReturnType<typeof peerServer>>;
  let client: NenClient;
  const proved: string[] = [];

  beforeAll(async () => {
    stage = await peerServer({
      ...(identities && { identity: SERVER }),
      ...(blockBytes && { blockBytes }),
      authorize: (digest) => {
        proved.push(b64url(digest));
        return true;
      },
    });
    const signer = await loadSigner(Uint8Array.from(CLIENT.seed), 'test');
    const options: NenClientOptions = {
      ...{ suite, encoding },
      ...(identities && { identityMode: 'pqc', identity: signer, serverPins: [SERVER.pin] }),
      ...(blockBytes && { padding: { blockBytes } }),
    };
    client = new NenClient(stage.origin, options);
    await client.handshake();
  });
  afterAll(() => stage.close());

  const headers = { authorization: 'Bearer x' };
  const tunnel = (name: string, init: RequestInit = { method: 'POST', body: 'content', headers }) =>
    client.tunnel(ENDPOINT)(`${stage.origin}${ENDPOINT}/${name}?x=%20`, init);

  it('handshakes; either side knows the other', () => {
    expect(proved).toEqual([identities ? CLIENT.pin : '']);
    expect(client.security).toBe(identities ? 'pinned' : 'unauthenticated');
  });

  it('tunnels a call, answered in one envelope', async () => {
    const answer = await tunnel('echo');
    expect([answer.status, answer.headers.get('x-own')]).toEqual([203, 'sealed']);
    expect(await answer.text()).toBe('POST /api/trpc/echo?x=%20 Bearer x content');
    expect(await (await tunnel('echo', { headers })).text()).toBe('GET /api/trpc/echo?x=%20 Bearer x ');
  });

  it('opens a stream to its end, and one that its sender breaks off', async () => {
    const answer = await tunnel('stream');
    expect([answer.status, await answer.text()]).toEqual([201, 'one two three']);
    await expect((await tunnel('broken')).text()).rejects.toMatchObject({ code: 'ISO-6004' });
  });

  it('calls directly: no body, JSON, a whole message; answers with and without a body', async () => {
    const direct = async (target: string, init: RequestInit = {}) => {
      const answer = await client.fetch(stage.origin + target, init);
      return [answer.status, await answer.text()];
    };
    expect(await direct('/x?q=1')).toEqual([203, 'GET /x?q=1 null ']);
    expect(await direct('/gone', { method: 'DELETE' })).toEqual([204, '']);
    expect(await direct('/x', { method: 'HEAD' })).toEqual([203, '']);
    expect(await direct('/stream')).toEqual([201, 'one two three']);
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
    expect(await direct('/json', json)).toEqual([202, '{"text":"POST /json null {\\"a\\":1}"}']);
    const whole = { method: 'PUT', headers, body: 'content' };
    expect(await direct('/x', whole)).toEqual([203, 'PUT /x Bearer x content']);
  });

  it('is told of a failure of the handler, and under seal of a payload that does not fit', async () => {
    const failed = await tunnel('throws');
    expect([failed.status, await failed.json()]).toEqual([
      500,
      { error: { message: 'Internal server error' } },
    ]);
    const outside = client.tunnel(ENDPOINT)(`${stage.origin}/admin`, { method: 'POST', body: 'x' });
    await expect(outside).rejects.toMatchObject({ code: 'ISO-4006', outcome: 'not-run' });
  });

  it('asks for its status, rotates, and goes on under the new session', async () => {
    const { sid } = await client.status();
    const rotated = await client.rotate();
    expect(rotated.sid).not.toBe(sid);
    expect(await client.status()).toMatchObject({ sid: rotated.sid, suite });
    expect((await tunnel('echo')).status).toBe(203);
  });

  it('retries once: after sessions were forgotten the call runs, in another memory it does not', async () => {
    stage.peer.memory.forgetAll();
    const before = stage.ran.length;
    expect((await tunnel('mutation')).status).toBe(203);
    expect(stage.ran.length).toBe(before + 1);
    stage.peer.memory = new Memory();
    await expect(tunnel('mutation')).rejects.toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
    expect(stage.ran.length).toBe(before + 1);
    expect((await tunnel('mutation')).status).toBe(203);
  });

  it('corrects its clock by a new session, and is not told that what was too old did not run', async () => {
    const before = stage.ran.length;
    stage.peer.skewMs = 40_000;
    await expect(tunnel('mutation')).rejects.toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
    expect(stage.ran.length).toBe(before);
    stage.peer.skewMs = 80_000;
    expect((await tunnel('query', {})).status).toBe(203);
    stage.peer.skewMs = 0;
    await client.handshake();
  });

  it('terminates, and can begin again', async () => {
    await client.terminate();
    await expect(tunnel('echo')).rejects.toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
    await client.handshake();
    expect((await tunnel('echo')).status).toBe(203);
  });
});

it('derives the same exported keys', async () => {
  const sessions: Session[] = [];
  const stage = await peerServer();
  const memory = stage.peer.memory;
  const add = memory.add.bind(memory);
  memory.add = (session, ...rest) => {
    sessions.push(session);
    add(session, ...rest);
  };
  const client = new NenClient(stage.origin);
  await client.handshake();
  const [session] = sessions;
  expect(Buffer.from(await client.exporter('café'))).toEqual(
    exportedKey(session?.exporterSecret ?? Buffer.of(), 'café'),
  );
  await stage.close();
});

it('is not let in where the server says so', async () => {
  const stage = await peerServer({ authorize: () => false });
  const call = new NenClient(stage.origin).fetch(`${stage.origin}/x`);
  await expect(call).rejects.toMatchObject({ code: 'ISO-1005', outcome: 'not-run' });
  await stage.close();
});
