/** The peer's client and our server, over real HTTP: every kind of exchange, in both suites and encodings. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { b64 } from '../peer/bytes.ts';
import { PeerClient, type PeerClientOptions, wholeOf } from '../peer/client.ts';
import { identityOf } from '../peer/identity.ts';
import { Refusal } from '../peer/refusal.ts';
import { ourServer, type Stage } from './stage.ts';

const SERVER = identityOf(Buffer.alloc(32, 1));
const CLIENT = identityOf(Buffer.alloc(32, 2));
const NO_BODY = new Uint8Array(0);

describe.each([
  { suite: 'ML-KEM-768', encoding: 'json' },
  { suite: 'ML-KEM-768', encoding: 'octets' },
  { suite: 'X-Wing', encoding: 'json', identities: true },
  { suite: 'ML-KEM-768', encoding: 'octets', identities: true },
  { suite: 'ML-KEM-768', encoding: 'json', blockBytes: 256 },
] as const)('$suite in $encoding, identities $identities, padding to $blockBytes', (row) => {
  const { suite, encoding, identities, blockBytes } = row as typeof row & {
    identities?: true;
    blockBytes?: number;
  };
  let stage: Stage;
  let options: PeerClientOptions;
  let client: PeerClient;
  const proved: (string | undefined)[] = [];

  beforeAll(async () => {
    stage = await ourServer({
      ...(identities && { identity: b64(SERVER.seed) }),
      ...(blockBytes && { padding: { blockBytes } }),
      authorize: ({ identity }) => {
        proved.push(identity?.pin);
        return true;
      },
    });
    options = {
      ...{ origin: stage.origin, suite, encoding },
      ...(identities && { identity: CLIENT, pins: [SERVER.pin] }),
      ...(blockBytes && { blockBytes }),
    };
    client = new PeerClient(options);
    await client.handshake();
  });
  afterAll(() => stage.close());

  const tunnel = (name: string, method = 'POST') =>
    client.call({
      ...{ method, target: `/api/trpc/${name}?x=%20`, headers: [['authorization', 'Bearer x']] },
      content: method === 'GET' ? NO_BODY : Buffer.from('content'),
    });

  it('handshakes; either side knows the other', () => {
    expect(proved).toEqual([identities && CLIENT.pin]);
    expect(client.session?.suite).toBe(suite);
  });

  it('tunnels a call, answered in one envelope', async () => {
    const answer = await tunnel('echo');
    expect([answer.status, answer.streamed]).toEqual([203, false]);
    expect(answer.headers).toContainEqual(['x-own', 'sealed']);
    expect(String(await wholeOf(answer))).toBe('POST /api/trpc/echo?x=%20 Bearer x content');
    expect(String(await wholeOf(await tunnel('echo', 'GET')))).toBe('GET /api/trpc/echo?x=%20 Bearer x ');
  });

  it('opens a stream to its end, and one that its sender breaks off', async () => {
    const answer = await tunnel('stream');
    expect([answer.status, answer.streamed]).toEqual([201, true]);
    expect(String(await wholeOf(answer))).toBe('one two three');
    const broken = await tunnel('broken');
    await expect(wholeOf(broken)).rejects.toMatchObject({ code: 'ISO-6004', form: 'sealed' });
  });

  it('calls directly: no body, JSON, a whole message; answers with and without a body', async () => {
    const direct = async (method: string, target: string, headers: [string, string][] = [], content = '') => {
      const answer = await client.direct({ method, target, headers, content: Buffer.from(content) });
      return [answer.status, String(await wholeOf(answer))];
    };
    const json: [string, string] = ['content-type', 'application/json'];
    expect(await direct('GET', '/x?q=1')).toEqual([203, 'GET /x?q=1 null ']);
    expect(await direct('DELETE', '/gone')).toEqual([204, '']);
    expect(await direct('HEAD', '/x')).toEqual([203, '']);
    expect(await direct('GET', '/stream')).toEqual([201, 'one two three']);
    expect(await direct('POST', '/json', [json], '{"a":1}')).toEqual([
      202,
      '{"text":"POST /json null {\\"a\\":1}"}',
    ]);
    const whole = await direct('PUT', '/x', [['authorization', 'Bearer x']], 'content');
    expect(whole).toEqual([203, 'PUT /x Bearer x content']);
  });

  it('is told of a failure of the handler, and under seal of a payload that does not fit', async () => {
    const failed = await tunnel('throws');
    expect([failed.status, String(await wholeOf(failed))]).toEqual([
      500,
      '{"error":{"message":"Internal server error"}}',
    ]);
    const outside = client.call({ method: 'POST', target: '/admin', headers: [], content: NO_BODY });
    await expect(outside).rejects.toMatchObject({ code: 'ISO-4006', form: 'sealed' });
  });

  it('asks for its status, rotates, and goes on under the new session', async () => {
    const old = await client.handshake();
    expect(await client.status()).toMatchObject({ sid: old.sid, suite, expiresAt: old.expiresAtMs });
    const session = await client.rotate();
    expect(session.sid).not.toBe(old.sid);
    expect(await client.status()).toMatchObject({ sid: session.sid });
    expect((await tunnel('echo')).status).toBe(203);
    client.retries = false;
    client.session = old;
    await expect(tunnel('echo')).rejects.toMatchObject({ code: 'ISO-2002', form: 'plain' });
    client.retries = true;
    client.session = session;
  });

  it('retries once under a new session: the call runs, a copy of what ran does not', async () => {
    const gone = await client.handshake();
    expect(await client.terminate()).toEqual({ terminated: true });
    const before = stage.ran.length;
    client.session = gone;
    expect((await tunnel('mutation')).status).toBe(203);
    expect(stage.ran.length).toBe(before + 1);
    expect(client.session?.sid).not.toBe(gone.sid);
  });
});

it('refuses to run a retry whose first attempt ran', async () => {
  const stage = await ourServer();
  const client = new PeerClient({ origin: stage.origin });
  const { sid, epoch } = await client.handshake();
  let first = '';
  client.misbehave({
    request: (sent) => {
      const value = (wanted: string) => sent.headers.find(([name]) => name === wanted)?.[1];
      first = [sid, value('X-Nen-Timestamp'), value('X-Nen-Nonce'), epoch].join(' ');
      return sent;
    },
  });
  const call = () =>
    client.call({ method: 'POST', target: '/api/trpc/mutation', headers: [], content: NO_BODY });
  await call();
  client.misbehave({ retry: ({ own }) => ({ own, value: first }) });
  await expect(call()).rejects.toMatchObject({ code: 'ISO-5002', form: 'sealed' });
  expect(stage.ran).toEqual(['POST /api/trpc/mutation']);
  client.behave();
  await call();
  expect(stage.ran).toHaveLength(2);
  await stage.close();
});

it.each([
  { title: 'no identity', pins: [CLIENT.pin], with: undefined },
  { title: 'another identity', pins: [CLIENT.pin], with: SERVER },
])('sends no call to a server with $title', async ({ pins, with: identity }) => {
  const stage = await ourServer(identity && { identity: b64(identity.seed) });
  const client = new PeerClient({ origin: stage.origin, pins });
  await expect(client.handshake()).rejects.toEqual(new Refusal('ISO-1006'));
  expect(stage.ran).toEqual([]);
  await stage.close();
});
