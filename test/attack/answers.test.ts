/** Attacks on answers (rows 58 to 69): what the way gives the real client instead of what the server said. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sessions } from '../../src/adapter/sessions.ts';
import { type Bytes, base64Encode, bytesToLatin1, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { ClientSession } from '../../src/link/client/client-session.ts';
import { NenError, type NenErrorCode } from '../../src/link/client/index.ts';
import { openStream } from '../../src/link/client/open-stream.ts';
import type { TransportInit } from '../../src/link/client/transport.ts';
import { SESSION_MAX_REQUESTS } from '../../src/protocol/constants.ts';
import { sealResponse } from '../../src/protocol/exchange.ts';
import { StreamSealer } from '../../src/protocol/stream.ts';
import {
  AUDIENCE,
  ECHO_PATH,
  expectGood,
  forgedRefusal,
  inTheMiddle,
  openSession,
  startWorld,
  type World,
} from './harness.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const ENCODINGS = ['json', 'octets'] as const;

/** What the way gives for one request: the honest answer is had by `forward`. */
type Move = (forward: () => Promise<Response>, init: TransportInit) => Response | Promise<Response>;

/** A victim behind a way that makes each `move` once, and is honest otherwise. */
function victim(encoding: 'json' | 'octets' = 'json') {
  const moves: Move[] = [];
  const sent: TransportInit[] = [];
  const fetch = inTheMiddle(async ({ init }, forward) => {
    sent.push(init);
    const move = moves.shift();
    return move === undefined ? forward() : move(forward, init);
  });
  const client = world.client({ fetch, encoding });
  const trpc = world.trpc({ fetch, encoding });
  const call = async (body = '"x"'): Promise<unknown> => {
    const response = await client.fetch(world.url + ECHO_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return (await response.json()).body;
  };
  return { client, trpc, call, moves, sent };
}

/** The call fails with the code and an unknown outcome; the ones right before and after succeed. */
async function expectFailure(
  { call, moves }: ReturnType<typeof victim>,
  move: Move,
  code: NenErrorCode,
  status?: number,
): Promise<void> {
  expect(await call('"before"')).toBe('"before"');
  moves.push(move);
  const error = NenError.from(await call().catch((thrown: unknown) => thrown));
  expect(error).toMatchObject({ code, outcome: 'unknown' });
  if (status !== undefined) expect(error?.status).toBe(status);
  expect(await call('"after"')).toBe('"after"');
}

/** The answer with other bytes, headers or status. */
async function altered(
  response: Response,
  {
    status,
    body,
    headers = {},
  }: { status?: number; body?: BodyInit | null; headers?: Record<string, string> },
): Promise<Response> {
  const bytes = await response.arrayBuffer();
  const fields = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) fields.set(name, value);
  return new Response(body === undefined ? bytes : body, {
    status: status ?? response.status,
    headers: fields,
  });
}

for (const encoding of ENCODINGS) {
  describe(`answers in ${encoding}`, () => {
    test(`row 58: the answers to two concurrent requests are swapped (${encoding})`, async () => {
      const one = victim(encoding);
      expect(await one.call('"0"')).toBe('"0"');
      const answers: ((response: Response) => void)[] = [];
      const swap: Move = async (forward) => {
        const mine = await forward();
        return new Promise<Response>((resolve) => {
          answers.push(resolve);
          if (answers.length === 1) first = mine;
          else {
            answers[0]?.(mine);
            if (first !== undefined) answers[1]?.(first);
          }
        });
      };
      let first: Response | undefined;
      one.moves.push(swap, swap);
      const results = await Promise.allSettled([one.call('"1"'), one.call('"2"')]);
      for (const result of results) {
        expect(result.status).toBe('rejected');
        if (result.status === 'rejected')
          expect(NenError.from(result.reason)).toMatchObject({ code: 'ISO-4004', outcome: 'unknown' });
      }
      expect(await one.call('"3"')).toBe('"3"');
    });

    test(`row 59: an old answer is given to a new request (${encoding})`, async () => {
      const one = victim(encoding);
      let old: Response | undefined;
      one.moves.push(async (forward) => {
        const response = await forward();
        old = response.clone();
        return response;
      });
      expect(await one.call()).toBe('"x"');
      await expectFailure(one, () => old?.clone() ?? Response.error(), 'ISO-4004');
    });

    test(`row 61: another client's answer is given, as a cache would (${encoding})`, async () => {
      let others: Response | undefined;
      const other = victim(encoding);
      other.moves.push(async (forward) => {
        const response = await forward();
        others = response.clone();
        return response;
      });
      expect(await other.call()).toBe('"x"');
      await expectFailure(victim(encoding), () => others?.clone() ?? Response.error(), 'ISO-4004');
    });

    test(`row 62: the status is altered, the sealed body kept (${encoding})`, async () => {
      const one = victim(encoding);
      for (const status of [201, 302, 400, 401, 403, 500, 503]) {
        await expectFailure(one, async (forward) => altered(await forward(), { status }), 'ISO-4004', status);
      }
    });
  });
}

describe('row 60: reflection', () => {
  test('row 60: the request is given back as its own answer', async () => {
    await expectFailure(
      victim(),
      (_, { body }) => new Response(body, { headers: { 'Content-Type': 'application/json' } }),
      'ISO-4005',
    );
  });

  test('row 60: the request is given back, dressed as an answer', async () => {
    const dressed: Move = (_, { body, headers }) => {
      const { ct } = JSON.parse(bytesToLatin1(body ?? new Uint8Array(0)));
      return Response.json({ n: headers['X-Nen-Nonce'], ct });
    };
    await expectFailure(victim(), dressed, 'ISO-4004');
    const octets: Move = (_, { body, headers }) => {
      const nonce = Buffer.from(headers['X-Nen-Nonce'] ?? '', 'base64');
      return new Response(new Uint8Array([0, ...nonce, ...(body ?? [])]), {
        headers: { 'Content-Type': 'application/octet-stream' },
      });
    };
    await expectFailure(victim('octets'), octets, 'ISO-4004');
  });
});

describe('rows 61 to 63: caches, statuses, types', () => {
  test("row 61: nothing on the way may keep an answer, whatever the handler's headers say", async () => {
    const here = await startWorld({
      echo: () =>
        Response.json(
          {},
          { headers: { 'Cache-Control': 'public, max-age=600', ETag: '"1"', Expires: 'never', Age: '1' } },
        ),
    });
    const outer: Response[] = [];
    const client = here.client({
      fetch: inTheMiddle(async (_, forward) => {
        const response = await forward();
        outer.push(response);
        return response;
      }),
    });
    const response = await client.fetch(here.url + ECHO_PATH, { method: 'POST', body: 'x' });
    expect(response.headers.get('etag')).toBe('"1"');
    expect(response.headers.get('cache-control')).toBe('public, max-age=600');
    expect(outer[0]?.headers.get('cache-control')).toBe('no-store, no-transform');
    for (const name of ['etag', 'expires', 'age', 'last-modified'])
      expect(outer[0]?.headers.has(name)).toBe(false);
    await here.close();
  });

  test('row 62: 204, 304 or a redirect to another origin, without a body', async () => {
    for (const status of [204, 205, 304, 301, 302, 307, 308]) {
      const one = victim();
      const headers = { Location: 'https://evil.example/' };
      await expectFailure(one, () => new Response(null, { status, headers }), 'ISO-4005', status);
      for (const init of one.sent) expect(init.redirect).toBe('manual');
    }
  });

  test('row 62: a sealed 204 is given as something else', async () => {
    const here = await startWorld({ echo: () => new Response(null, { status: 204 }) });
    let status: number | undefined;
    const client = here.client({
      fetch: inTheMiddle(async (_, forward) => {
        const response = await forward();
        return new Response(null, { status: status ?? response.status, headers: response.headers });
      }),
    });
    const call = (): Promise<Response> => client.fetch(here.url + ECHO_PATH, { method: 'DELETE' });
    expect((await call()).status).toBe(204);
    for (status of [200, 404, 500]) {
      expect(NenError.from(await call().catch((thrown: unknown) => thrown))).toMatchObject({
        code: 'ISO-4004',
        status,
      });
    }
    status = undefined;
    expect((await call()).status).toBe(204);
    await here.close();
  });

  test('row 63: the type is altered, or a coding that the body is not in', async () => {
    const types: readonly (readonly [string, NenErrorCode])[] = [
      ['text/html', 'ISO-4005'],
      ['application/octet-stream', 'ISO-4005'],
      ['text/event-stream', 'ISO-6001'],
    ];
    for (const [type, code] of types) {
      await expectFailure(
        victim(),
        async (forward) => altered(await forward(), { headers: { 'Content-Type': type } }),
        code,
      );
    }
    const one = victim();
    one.moves.push(async (forward) =>
      altered(await forward(), { headers: { 'Content-Type': 'Application/JSON; charset=utf-16' } }),
    );
    expect(await one.call()).toBe('"x"');
    one.moves.push(async (forward) =>
      altered(await forward(), {
        body: JSON.stringify(JSON.parse(await (await forward()).clone().text()), null, 2),
      }),
    );
    expect(NenError.from(await one.call().catch((thrown: unknown) => thrown))?.code).toBe('ISO-4005');
  });

  test('row 64: headers are added to the answer, or taken from it', async () => {
    const one = victim();
    expect(await one.call()).toBe('"x"');
    one.moves.push(async (forward) =>
      altered(await forward(), {
        headers: { 'X-Should-Retry': 'true', 'Retry-After': '1', 'X-Nen-Nonce': 'x' },
      }),
    );
    const response = await one.client.fetch(world.url + ECHO_PATH, { method: 'POST', body: 'x' });
    expect([...response.headers.keys()]).toEqual(['content-type']);
    expect(await one.call()).toBe('"x"');
  });
});

describe('row 65: answers in clear', () => {
  const html = '<!doctype html><title>502</title>';
  const forged: readonly (readonly [string, () => Response])[] = [
    ['an empty object', () => Response.json({})],
    ['tRPC data', () => Response.json([{ result: { data: 'forged' } }])],
    ['a JSON string', () => Response.json('forged')],
    ['an error page with 200', () => new Response(html, { headers: { 'Content-Type': 'text/html' } })],
    [
      'an error page with 502',
      () => new Response(html, { status: 502, headers: { 'Content-Type': 'text/html' } }),
    ],
    ['an empty 200', () => new Response(null)],
    ['an error in JSON', () => Response.json({ error: { message: 'no' } }, { status: 500 })],
    ['a code with 200', () => forgedRefusal('ISO-2002', 200)],
    [
      'a code that there is not',
      () => Response.json({ error: { code: 'ISO-9999', message: '' } }, { status: 401 }),
    ],
    ['a code from the prototype', () => Response.json({ error: { code: 'constructor' } }, { status: 401 })],
    [
      'over 16 KiB of refusal',
      () => Response.json({ error: { code: 'ISO-2002', message: 'x'.repeat(16384) } }, { status: 401 }),
    ],
  ];

  for (const [name, answer] of forged) {
    test(`row 65: ${name} instead of the answer`, async () => {
      const one = victim();
      await expectFailure(one, answer, 'ISO-4005', answer().status);
      expect(one.sent).toHaveLength(3);
      one.moves.push(answer);
      const error = NenError.from(await one.trpc.add.mutate('x').catch((thrown: unknown) => thrown));
      expect(error).toMatchObject({ code: 'ISO-4005', outcome: 'unknown' });
    });
  }

  test('row 65: a sealed answer without its end, or none that ends', async () => {
    const one = victim();
    await expectFailure(
      one,
      async (forward) =>
        altered(await forward(), { body: (await (await forward()).clone().arrayBuffer()).slice(0, 50) }),
      'ISO-4005',
    );
    const endless = (): Response =>
      new Response(
        new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536).fill(0x20)) }),
        { headers: { 'Content-Type': 'application/json' } },
      );
    await expectFailure(one, endless, 'ISO-4003');
  });
});

describe('rows 66 and 67: forged refusals', () => {
  for (const code of ['ISO-2001', 'ISO-2002', 'ISO-3003'] as const) {
    test(`row 66: a plain ${code} is forged after a mutation ran: it ran once, and the caller is told so`, async () => {
      const one = victim();
      expect(await one.trpc.add.mutate('0')).toBe('added 0');
      const ranBefore = world.ran.length;
      one.moves.push(async (forward) => {
        await forward();
        return forgedRefusal(code);
      });
      const error = NenError.from(await one.trpc.add.mutate('x').catch((thrown: unknown) => thrown));
      expect(error).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
      expect(world.ran.slice(ranBefore)).toEqual(['trpc add']);
      expect(await one.trpc.add.mutate('1')).toBe('added 1');
    });

    test(`row 66: a plain ${code} is forged, and the first attempt let through after the retry`, async () => {
      const one = victim();
      expect(await one.trpc.add.mutate('0')).toBe('added 0');
      const ranBefore = world.ran.length;
      let late: (() => Promise<Response>) | undefined;
      one.moves.push((forward) => {
        late = forward;
        return forgedRefusal(code);
      });
      expect(await one.trpc.add.mutate('x')).toBe('added x');
      expect((await late?.())?.status).toBe(409);
      expect(world.ran.slice(ranBefore)).toEqual(['trpc add']);
    });

    test(`row 66: a plain ${code} is forged for every attempt: two at most, and none runs twice`, async () => {
      const one = victim();
      expect(await one.trpc.add.mutate('0')).toBe('added 0');
      const [ranBefore, sentBefore] = [world.ran.length, one.sent.length];
      const forge: Move = async (forward) => {
        await forward();
        return forgedRefusal(code);
      };
      one.moves.push(forge, forge, forge, forge);
      const error = NenError.from(await one.trpc.add.mutate('x').catch((thrown: unknown) => thrown));
      expect(error).toMatchObject({ code, outcome: 'unknown' });
      expect(one.sent.length - sentBefore).toBe(2);
      expect(world.ran.slice(ranBefore)).toEqual(['trpc add']);
      one.moves.length = 0;
      expect(await one.trpc.add.mutate('1')).toBe('added 1');
    });
  }

  test('row 66: any other forged code is not retried', async () => {
    for (const code of [
      'ISO-2003',
      'ISO-3002',
      'ISO-4001',
      'ISO-4006',
      'ISO-5001',
      'ISO-5002',
      'ISO-3007',
    ] as const) {
      const one = victim();
      await expectFailure(one, () => forgedRefusal(code), code);
      expect(one.sent).toHaveLength(3);
    }
  });

  test('row 66: the forged refusal is of a query: it is sent again, and the caller has its answer', async () => {
    const one = victim();
    one.moves.push(async (forward) => {
      await forward();
      return forgedRefusal('ISO-2002');
    });
    expect(await one.trpc.hello.query('x')).toBe('hello x');
  });

  test('row 67: a forged 3003 brings a false time: only the handshake tells the time', async () => {
    const one = victim();
    expect(await one.call('"0"')).toBe('"0"');
    one.moves.push(() => {
      const refusal = forgedRefusal('ISO-3003');
      refusal.headers.set('Date', 'Thu, 01 Jan 2004 00:00:00 GMT');
      return refusal;
    });
    expect(await one.call('"1"')).toBe('"1"');
    expect(await one.call('"2"')).toBe('"2"');
    const now = 1_000_000_000_000;
    const told = { error: { code: 'ISO-3003', message: '', now }, now };
    await expectFailure(one, () => Response.json(told, { status: 401 }), 'ISO-4005');
    for (const { headers } of one.sent) expect(headers['X-Nen-Timestamp']).toBe(String(world.clock.now()));
  });
});

describe('rows 68 and 69: the limits of keys', () => {
  test("row 68: the server's generator is stuck: no two envelopes share key and nonce", async () => {
    const session = await openSession(world);
    const stuck = (length: number): Bytes => new Uint8Array(length).fill(7);
    const secret = utf8ToBytes('"the same answer, twice"');
    const calls = [await session.seal(), await session.seal()];
    const envelopes = await Promise.all(
      calls.map(({ sealed }) => sealResponse(sealed.exchange, 200, 'json', [secret], stuck)),
    );
    const heads = await Promise.all(
      calls.map(({ sealed }) => new StreamSealer(sealed.exchange, 200, { random: stuck }).head(200, [])),
    );
    const boxes = envelopes.map(({ body }) => JSON.parse(bytesToLatin1(body ?? new Uint8Array(0))));
    expect(boxes[0].n).toBe(boxes[1].n);
    expect(boxes[0].ct).not.toBe(boxes[1].ct);
    const [a, b] = boxes.map(({ ct }) => Buffer.from(ct, 'base64'));
    expect(
      a
        ?.map((byte, at) => byte ^ (b?.[at] ?? 0))
        .subarray(0, secret.length)
        .every((byte) => byte === 0),
    ).toBe(false);
    expect(bytesToLatin1(heads[0] ?? new Uint8Array(0))).not.toBe(
      bytesToLatin1(heads[1] ?? new Uint8Array(0)),
    );
    expect(base64Encode(heads[0] ?? new Uint8Array(0))).not.toContain(boxes[0].ct.slice(0, 16));
  });

  test('row 69: after 2^20 requests the server knows the session no more', async () => {
    const owner = await openSession(world);
    await expectGood(world, owner);
    const sessions = new Sessions({
      store: world.store,
      primitives: primitives(),
      now: world.clock.now,
      idleMs: 900_000,
      origins: undefined,
    });
    const opened = await sessions.open(owner.sid);
    if (opened === undefined) throw new Error('no session');
    opened.requests = SESSION_MAX_REQUESTS - 1;
    expect(await sessions.open(owner.sid)).toBe(opened);
    await sessions.claim(opened, 'AAAAAAAAAAAAAAAA', world.clock.now());
    for (let i = 0; i < 3; i++) expect(await sessions.open(owner.sid)).toBeUndefined();
    await expectGood(world, await openSession(world));
  });

  test('row 69: the client leaves a session before that', () => {
    const p = primitives();
    const key = (): Bytes => new Uint8Array(32).fill(1);
    const secrets = { requestKey: key(), responseSecret: key(), exporterSecret: key(), hmacKey: key() };
    const terms = { now: 1_790_000_000_000, expiresAt: 1_790_003_600_000, epoch: 'e' };
    const device = { wall: () => 0, monotonic: () => 0 };
    const session = new ClientSession(p, { sid: AUDIENCE, secrets, terms }, device, openStream);
    session.requests = SESSION_MAX_REQUESTS - 1;
    expect(session.usable()).toBe(true);
    session.requests++;
    expect(session.usable()).toBe(false);
  });
});
