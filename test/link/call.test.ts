/** One call: when it is sent once more, what the second attempt carries, and what becomes of its session. */
import { describe, expect, it } from 'vitest';
import { decodeRetry } from '../../src/protocol/claims.ts';
import { type Channel, HANDSHAKE, openChannel, refusal } from './channel.ts';

const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' } as const;
const CALL = '/api/x';
const calls = ({ sent }: Channel) => sent.filter(({ path }) => path === CALL).map(({ init }) => init);

/** Answers the first call with a plain refusal, without asking the server. */
function refusingOnce(code: string): Channel {
  const channel = openChannel();
  let first = true;
  channel.way = async ({ path }, forward) => {
    if (path !== CALL || !first) return forward();
    first = false;
    return refusal(code);
  };
  return channel;
}

describe.each(['ISO-2001', 'ISO-2002', 'ISO-3003'])('after a plain %s', (code) => {
  it('a mutation is sent once more, under a new session, and claims its first attempt', async () => {
    const channel = refusingOnce(code);
    const response = await channel.client.fetch(CALL, POST);
    expect(await response.json()).toEqual({ ok: true });
    const [first, second] = calls(channel);
    expect(calls(channel)).toHaveLength(2);
    expect(first?.headers['X-Nen-Retry']).toBeUndefined();
    expect(decodeRetry(second?.headers['X-Nen-Retry'] ?? '')).toEqual({
      sid: first?.headers['X-Nen-Session'],
      timestamp: Number(first?.headers['X-Nen-Timestamp']),
      nonce: first?.headers['X-Nen-Nonce'],
      epoch: expect.stringMatching(/^[\w-]+$/),
    });
    for (const name of ['X-Nen-Session', 'X-Nen-Nonce', 'X-Nen-Signature']) {
      expect(second?.headers[name]).not.toBe(first?.headers[name]);
    }
    expect(second?.body).not.toEqual(first?.body);
    expect([channel.ran.length, channel.count(HANDSHAKE)]).toEqual([1, 2]);
  });

  it.each(['GET', 'HEAD'])('a %s is sent once more without that', async (method) => {
    const channel = refusingOnce(code);
    expect((await channel.client.fetch(CALL, { method })).status).toBe(200);
    expect(calls(channel).map(({ headers }) => headers['X-Nen-Retry'])).toEqual([undefined, undefined]);
    expect(channel.ran).toHaveLength(1);
  });

  it('a tunnelled GET is safe, a tunnelled DELETE is not, though both are POSTs outside', async () => {
    for (const method of ['GET', 'DELETE']) {
      const channel = openChannel({ endpoint: '/api/trpc' });
      let first = true;
      channel.way = async ({ path }, forward) => {
        if (!path.endsWith('/sealed') || !first) return forward();
        first = false;
        return refusal(code);
      };
      await channel.client.tunnel('/api/trpc')('/api/trpc/a', { method });
      const retry = channel.sent.at(-1)?.init.headers['X-Nen-Retry'];
      expect(retry === undefined).toBe(method === 'GET');
    }
  });
});

describe('a retry that fails is of unknown outcome, whatever it says', () => {
  it.each([
    ['its handshake is refused', HANDSHAKE, () => refusal('ISO-1008', 429), 'ISO-1008'],
    ['it is refused again', CALL, () => refusal('ISO-2002'), 'ISO-2002'],
    ['it is lost', CALL, () => Promise.reject(new TypeError('fetch failed')), 'ISO-4005'],
  ] as const)('%s', async (_name, where, answer, code) => {
    const channel = openChannel();
    await channel.client.status();
    let refused = false;
    channel.way = async ({ path }, forward) => {
      if (path === CALL && !refused) {
        refused = true;
        return refusal('ISO-2002');
      }
      return path === where ? answer() : forward();
    };
    await expect(channel.client.fetch(CALL, POST)).rejects.toMatchObject({ code, outcome: 'unknown' });
    expect(channel.ran).toHaveLength(0);
  });

  it('even where the server says, sealed, that the second did not run', async () => {
    const channel = refusingOnce('ISO-2002');
    // Not JSON: the server refuses the payload before the handler, ISO-4006.
    const call = channel.client.fetch(CALL, { ...POST, body: 'not JSON' });
    await expect(call).rejects.toMatchObject({ code: 'ISO-4006', outcome: 'unknown' });
    const direct = channel.client.fetch(CALL, { ...POST, body: 'not JSON' });
    await expect(direct).rejects.toMatchObject({ code: 'ISO-4006', outcome: 'not-run' });
  });
});

describe('the keys of a session', () => {
  it('go when it has been replaced and its last call is over, however that ended', async () => {
    const { SessionManager } = await import('../../src/link/client/session-manager.ts');
    const acquired: { retired: boolean; keys: { hmacKey: { mac(data: Uint8Array): unknown } } }[] = [];
    const { acquire } = SessionManager.prototype;
    SessionManager.prototype.acquire = async function (signal) {
      const session = await acquire.call(this, signal);
      acquired.push(session);
      return session;
    };
    try {
      const channel = openChannel();
      const outcomes = [
        () => new Response('<html>', { status: 502 }),
        () => refusal('ISO-3002'),
        () => Promise.reject(new TypeError('fetch failed')),
        () => new Response('data: x\n\n', { headers: { 'content-type': 'text/event-stream' } }),
      ];
      for (const outcome of outcomes) {
        channel.way = async ({ path }, forward) => (path === CALL ? outcome() : forward());
        await channel.client.fetch(CALL, POST).catch(() => undefined);
        await channel.client.handshake();
        const session = acquired.at(-1);
        expect(session?.retired).toBe(true);
        await expect(async () => session?.keys.hmacKey.mac(new Uint8Array(1))).rejects.toThrow();
      }
    } finally {
      SessionManager.prototype.acquire = acquire;
    }
  });
});

describe('a network that fails', () => {
  const offline = new TypeError('fetch failed');

  it('says that no answer arrived, with what fetch said as the cause', async () => {
    const channel = openChannel();
    await channel.client.handshake();
    channel.way = () => Promise.reject(offline);
    const failure = { code: 'ISO-4005', message: 'No answer arrived.', outcome: 'unknown', cause: offline };
    await expect(channel.client.fetch(CALL, POST)).rejects.toMatchObject(failure);
  });

  it('says so of the handshake, and that the call did not run', async () => {
    const channel = openChannel();
    channel.way = () => Promise.reject(offline);
    const message = 'No answer to the handshake arrived.';
    const failure = { code: 'ISO-1007', message, outcome: 'not-run', cause: offline };
    await expect(channel.client.fetch(CALL, POST)).rejects.toMatchObject(failure);
  });
});
