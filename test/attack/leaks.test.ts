/** What can be learned from refusals, times, logs and the wire (rows 123 to 130): as good as nothing. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { NenEvent } from '../../src/adapter/server.ts';
import { base64Encode, equalBytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { verifyRequest } from '../../src/protocol/signed-headers.ts';
import { honestly, readWhole, trickle, withBody } from './frames.ts';
import {
  type AttackSession,
  ECHO_PATH,
  expectGood,
  expectNothingRuns,
  expectPlainRefusal,
  flipBit,
  forgedRefusal,
  handshakeRequest,
  header,
  inTheMiddle,
  type Middleman,
  openSession,
  send,
  startWorld,
  toLine,
  type WireRequest,
  type World,
  withHeaders,
} from './harness.ts';

let world: World;
let session: AttackSession;
beforeAll(async () => {
  world = await startWorld({ rateLimit: () => 0 });
  session = await openSession(world);
});
afterAll(() => world.close());
afterEach(() => vi.restoreAllMocks());

const CANARY = 'C4N4RY';
const POST = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(CANARY),
} as const;

/** A text in every spelling in which it could lie in a log or on the wire. */
function spellings(text: string): string[] {
  const bytes = Buffer.from(text, 'latin1');
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [text, bytes.toString('hex'), ...base64, [...bytes].join(', '), [...bytes].join(',')];
}

function expectNone(haystack: string, needles: readonly string[]): void {
  for (const needle of needles) {
    for (const spelling of spellings(needle)) {
      if (spelling.length >= 6 && haystack.includes(spelling))
        expect.fail(`${JSON.stringify(spelling)} leaked`);
    }
  }
}

describe('row 123: before authentication every fault looks the same', () => {
  /** What a refusal shows, its date aside. */
  async function shown(request: WireRequest): Promise<string> {
    const { status, headers, text } = await send(world, request);
    const { date: _, ...rest } = headers;
    return JSON.stringify([status, rest, text]);
  }

  test('row 123: with a wrong signature, whatever the body', async () => {
    const call = await session.seal();
    const wrong = withHeaders(call, { 'X-Nen-Signature': base64Encode(randomBytes(32)) });
    const bodies = [
      call.body,
      utf8ToBytes(''),
      utf8ToBytes('not JSON'),
      utf8ToBytes('{}'),
      utf8ToBytes('{"ct":"AAAA"}'),
      flipBit(call.body ?? new Uint8Array(1), 200),
      new Uint8Array(100_000),
    ];
    await expectNothingRuns(world, session, async () => {
      const seen = new Set<string>();
      for (const body of bodies) seen.add(await shown({ ...wrong, body }));
      for (const retry of ['', 'x', 'y'.repeat(300)])
        seen.add(await shown(withHeaders(wrong, { 'X-Nen-Retry': retry })));
      for (const tag of ['A', `${'A'.repeat(22)}==`])
        seen.add(await shown(withHeaders(wrong, { 'X-Nen-Tag': tag })));
      for (const timestamp of ['1000000000000', '9999999999999']) {
        seen.add(await shown(withHeaders(wrong, { 'X-Nen-Timestamp': timestamp })));
      }
      expect([...seen]).toHaveLength(1);
      expectPlainRefusal(await send(world, wrong), 'ISO-3002');
    });
  });

  test('row 123: an unknown session, whatever its id, signature and body', async () => {
    const call = await session.seal();
    const other = await openSession(world);
    await world.store.delete(other.sid);
    await expectNothingRuns(world, session, async () => {
      const seen = new Set<string>();
      for (const sid of ['A'.repeat(22), other.sid]) {
        const stranger = withHeaders(call, { 'X-Nen-Session': sid });
        seen.add(await shown(stranger));
        seen.add(await shown({ ...stranger, body: utf8ToBytes('x') }));
        seen.add(await shown(withHeaders(stranger, { 'X-Nen-Signature': 'x' })));
      }
      expect([...seen]).toHaveLength(1);
    });
  });

  test('row 123: a box that does not open: another key, another tag, another request', async () => {
    const call = await session.seal();
    const other = await (await openSession(world)).seal();
    const third = await session.seal();
    await expectNothingRuns(world, session, async () => {
      const seen = new Set<string>();
      for (const body of [other.body, third.body, utf8ToBytes(`{"ct":"${base64Encode(randomBytes(64))}"}`)]) {
        seen.add(await shown({ ...withHeaders(call, {}), body }));
      }
      expect([...seen]).toHaveLength(1);
    });
  });

  test('row 123: a handshake whose key the KEM refuses, whatever is wrong with it', async () => {
    const hello = (pk: string): WireRequest =>
      handshakeRequest(utf8ToBytes(JSON.stringify({ v: 2, suite: 'ML-KEM-768', aud: world.url, pk })));
    const keys = [
      new Uint8Array(1184).fill(255),
      new Uint8Array(1183),
      new Uint8Array(1185),
      new Uint8Array(3),
    ];
    const seen = new Set<string>();
    for (const key of keys) seen.add(await shown(hello(base64Encode(key))));
    expect([...seen]).toHaveLength(1);
    await expectGood(world, session);
  });
});

/** Welch's t of two samples, without the slowest tenth of each: interrupts, garbage collection. */
function welch(a: number[], b: number[]): number {
  const moments = (sample: number[]): { mean: number; variance: number; count: number } => {
    const kept = sample.toSorted((x, y) => x - y).slice(0, Math.floor(sample.length * 0.9));
    const mean = kept.reduce((sum, one) => sum + one, 0) / kept.length;
    const variance = kept.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (kept.length - 1);
    return { mean, variance, count: kept.length };
  };
  const [x, y] = [moments(a), moments(b)];
  return (x.mean - y.mean) / Math.sqrt(x.variance / x.count + y.variance / y.count);
}

function timed(run: () => void): number {
  const began = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - began);
}

describe('rows 124 and 125: times', () => {
  test('row 124: the first or the last byte of a signature is wrong', async () => {
    const call = await session.seal();
    const signature = Buffer.from(header(call, 'X-Nen-Signature'), 'base64');
    const variant = (at: number) => {
      const bytes = Uint8Array.from(signature);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return {
        sid: session.sid,
        timestamp: header(call, 'X-Nen-Timestamp'),
        nonce: header(call, 'X-Nen-Nonce'),
        nonceBytes: call.sealed.exchange.nonce,
        signature: base64Encode(bytes),
        retry: '',
        tag: null,
      };
    };
    const variants = [variant(0), variant(31)];
    const line = toLine('POST', ECHO_PATH);
    const samples: number[][] = [[], []];
    for (let i = 0; i < 6_000; i++) {
      for (const which of i % 2 === 0 ? [0, 1] : [1, 0]) {
        const headers = variants[which];
        if (headers === undefined) continue;
        const took = timed(() =>
          expectThrow(() => verifyRequest(session.keys, line, headers, world.clock.now())),
        );
        if (i >= 1_000) samples[which]?.push(took);
      }
    }
    console.log(
      `row 124: t = ${welch(samples[0] ?? [], samples[1] ?? []).toFixed(2)} (5000 pairs; a figure, no promise)`,
    );
  });

  test('row 124: the comparison looks at every byte, and a wrong length does not throw', () => {
    const reads: PropertyKey[] = [];
    const watched = new Proxy(new Uint8Array(32), {
      get: (target, name) => {
        if (typeof name === 'string' && /^\d+$/.test(name)) reads.push(name);
        return Reflect.get(target, name, target);
      },
    });
    expect(equalBytes(watched, new Uint8Array(32).fill(1))).toBe(false);
    expect(reads).toEqual(Array.from({ length: 32 }, (_, i) => String(i)));
    for (const length of [0, 1, 31, 33])
      expect(equalBytes(new Uint8Array(32), new Uint8Array(length))).toBe(false);
  });

  test('row 125: a session that is known, or not, with a wrong signature', async () => {
    const call = await session.seal();
    const handler = world.nen.wrap(() => new Response());
    const known = {
      ...(call.headers as Record<string, string>),
      'X-Nen-Signature': base64Encode(randomBytes(32)),
    };
    const unknown = { ...known, 'X-Nen-Session': 'A'.repeat(22) };
    const samples: number[][] = [[], []];
    for (let i = 0; i < 1_500; i++) {
      for (const which of i % 2 === 0 ? [0, 1] : [1, 0]) {
        const req = new Request(world.url + ECHO_PATH, {
          method: 'POST',
          headers: which === 0 ? known : unknown,
          body: call.body ?? null,
        });
        const began = process.hrtime.bigint();
        const response = await handler(req);
        const took = Number(process.hrtime.bigint() - began);
        expect(response.status).toBe(401);
        if (i >= 500) samples[which]?.push(took);
      }
    }
    const [a = [], b = []] = samples;
    const median = (sample: number[]): number =>
      (sample.toSorted((x, y) => x - y)[sample.length >> 1] ?? 0) / 1000;
    console.log(
      `row 125: t = ${welch(a, b).toFixed(2)}, medians ${median(a).toFixed(0)} and ${median(b).toFixed(0)} us (1000 pairs; a figure, no promise)`,
    );
  });

  test('row 125: an unknown session costs a signature too', async () => {
    const { primitives } = await import('../../src/crypto/select.ts');
    const macs = vi.spyOn(primitives(), 'macKey');
    const call = await session.seal();
    await send(world, withHeaders(call, { 'X-Nen-Session': 'A'.repeat(22) }));
    expect(macs).toHaveBeenCalled();
  });
});

function expectThrow(run: () => void): void {
  try {
    run();
  } catch {
    return;
  }
  expect.fail('it passed');
}

/** A client whose outer bytes are all recorded, headers and addresses too, over a way that may change. */
function tapped(of: World = world, encoding: 'json' | 'octets' = 'json') {
  const wire: string[] = [];
  const state: { way: Middleman } = { way: honestly };
  const fetch = inTheMiddle(
    async (request, forward) => {
      wire.push(
        request.url,
        JSON.stringify(request.init),
        Buffer.from(request.init.body ?? []).toString('latin1'),
      );
      const response = await state.way(request, forward);
      const body = await readWhole(response);
      wire.push(JSON.stringify([...response.headers]), Buffer.from(body).toString('latin1'));
      return response.status === 204 ? response : withBody(response, [body]);
    },
    { handshakes: true },
  );
  return { wire, state, client: of.client({ fetch, encoding }), trpc: of.trpc({ fetch, encoding }) };
}

describe('rows 126 to 128: what errors and logs say', () => {
  test('row 126: refusals on the wire say nothing of the request, whatever is wrong with it', async () => {
    const log: NenEvent[] = [];
    const loud = await startWorld({ onEvent: (event) => void log.push(event) });
    const mine = await openSession(loud);
    const call = await mine.seal({
      target: `/api/echo/${CANARY}?q=${CANARY}`,
      payload: JSON.stringify(CANARY),
    });
    const refusals = [
      withHeaders(call, { 'X-Nen-Signature': CANARY }),
      withHeaders(call, { 'X-Nen-Nonce': CANARY }),
      withHeaders(call, { 'X-Nen-Timestamp': CANARY }),
      withHeaders(call, { 'X-Nen-Session': CANARY }),
      withHeaders(call, { 'X-Nen-Retry': CANARY }),
      { ...withHeaders(call, {}), target: `/api/echo/other${CANARY}` },
      { ...withHeaders(call, {}), body: utf8ToBytes(CANARY) },
      handshakeRequest(utf8ToBytes(CANARY)),
      handshakeRequest(utf8ToBytes(JSON.stringify({ v: 2, suite: CANARY, aud: CANARY, pk: CANARY }))),
      await mine.tunnel({ path: `/../${CANARY}` }),
      await mine.tunnel({ path: `/api/trpc/hello?input=${CANARY}`, fields: [['x-a', 'b\nc']] }),
    ];
    for (const request of refusals) {
      const { status, headers, text } = await send(loud, request);
      expect(status).toBeGreaterThanOrEqual(200);
      expectNone(JSON.stringify(headers) + text, [CANARY, ' at ', 'node:', '/work', 'src/']);
    }
    // Hints are for the log; even there no value of a payload or key appears. (An audience is told as such.)
    expectNone(
      inspect(
        log
          .filter((event) => !('hint' in event) || !/aud|query/.test(event.hint ?? ''))
          .map((event) => ({ ...event, path: '' })),
        { depth: 9 },
      ),
      [CANARY],
    );
    await expectGood(loud, mine);
    await loud.close();
  });

  test('row 126: nothing of a call or a key is in what a client throws', async () => {
    const { client, state } = tapped();
    await client.fetch(ECHO_PATH, POST);
    const { sid } = await client.status();
    const answers: readonly (() => Response)[] = [
      () => forgedRefusal('ISO-3002'),
      () => new Response(`<html>${CANARY}`, { status: 502 }),
      () => Response.json({ ct: CANARY }),
      () => Response.json({ error: { code: 'ISO-2003', message: CANARY, cause: CANARY } }, { status: 503 }),
      () => new Response(`data: ${CANARY}\n\n`, { headers: { 'content-type': 'text/event-stream' } }),
    ];
    for (const answer of answers) {
      state.way = async () => answer();
      const error = NenError.from(await client.fetch(ECHO_PATH, POST).catch((thrown: unknown) => thrown));
      if (error === undefined) throw new Error('no error');
      for (let at: unknown = error; at instanceof Error; at = at.cause) {
        expectNone(at.message + JSON.stringify(at), [CANARY, sid]);
      }
      expectNone(inspect(error, { depth: 9, showHidden: true }).replaceAll(/\s+at .*/g, ''), [CANARY, sid]);
    }
    state.way = honestly;
    expect((await client.fetch(ECHO_PATH, POST)).status).toBe(200);
  });

  test('row 127: no key, plaintext or nonce in inspected or serialised objects, events and console output', async () => {
    const printed: unknown[] = [];
    for (const method of ['log', 'warn', 'error', 'info', 'debug'] as const) {
      vi.spyOn(console, method).mockImplementation((...args) => void printed.push(args));
    }
    const secrets: string[] = [];
    // Every secret that is imported on either side, before it is wiped.
    const { primitives } = await import('../../src/crypto/select.ts');
    const p = primitives();
    for (const name of ['aeadKey', 'macKey'] as const) {
      const original = p[name].bind(p);
      vi.spyOn(p, name).mockImplementation(((key: Uint8Array<ArrayBuffer>) => {
        if (key.length === 32) secrets.push(Buffer.from(key).toString('latin1'));
        return original(key);
      }) as never);
    }
    const seen: unknown[] = [];
    const quiet = await startWorld({
      echo: (req) => {
        seen.push(req, quiet.nen.session(req));
        if (req.url.endsWith('/throws')) throw new Error('the application');
        return Response.json({ canary: CANARY });
      },
    });
    const { client, wire } = tapped(quiet);
    await client.fetch(ECHO_PATH, POST);
    await client.fetch('/api/echo/throws', POST);
    await client.rotate();
    await client.fetch(ECHO_PATH, POST);
    const raw = await openSession(quiet);
    await send(quiet, withHeaders(await raw.seal(), { 'X-Nen-Signature': 'x' }));
    const facts = seen.filter((_, i) => i % 2 === 1);
    const objects = [
      client,
      quiet.nen,
      facts,
      client.fetch,
      client.tunnel('/api/trpc'),
      new NenError('ISO-4004'),
    ];
    const text = [
      ...objects.map((object) => inspect(object, { depth: 20, showHidden: true, getters: true })),
      ...objects.map((object) => JSON.stringify(object)),
      inspect(quiet.events, { depth: 20 }),
      inspect(seen[0], { depth: 20, showHidden: true }).replace(CANARY, ''),
      inspect(printed, { depth: 20 }),
    ].join('\n');
    expect(secrets.length).toBeGreaterThan(10);
    expectNone(text, [...secrets.filter((secret) => !/^\0+$/.test(secret)), CANARY]);
    const nonces = [...wire.join('\n').matchAll(/"X-Nen-Nonce":"([^"]+)"/g)].map(([, nonce]) => nonce ?? '');
    expect(nonces.length).toBeGreaterThan(3);
    expectNone(text, nonces);
    expectNone(wire.join('\n'), [
      ...secrets.filter((secret) => !/^\0+$/.test(secret)),
      CANARY,
      'the application',
    ]);
    await quiet.close();
  });

  test('row 127: the default log of a server names codes and hints, once a minute, and no more', async () => {
    const warned: string[] = [];
    vi.spyOn(console, 'warn').mockImplementation((...args) => void warned.push(inspect(args, { depth: 9 })));
    const { createNen, InMemorySessionStore } = await import('../../src/adapter/server.ts');
    const nen = createNen({ store: new InMemorySessionStore() });
    const handler = nen.wrap(() => new Response());
    for (let i = 0; i < 10; i++) {
      await handler(new Request(`https://nen.test/${CANARY}?${CANARY}`, { method: 'POST', body: CANARY }));
    }
    expect(warned).toHaveLength(1);
    expect(warned[0]).toContain('ISO-3007');
    expectNone(warned.join(), [CANARY]);
  });

  test("row 128: a handler's exception is a sealed error without its text", async () => {
    const failing = await startWorld({
      echo: () => {
        throw new Error(`${CANARY}: connection to db.internal refused`);
      },
    });
    const { client, wire } = tapped(failing);
    const response = await client.fetch(ECHO_PATH, POST);
    expect([response.status, await response.json()]).toEqual([
      500,
      { error: { message: 'Internal server error' } },
    ]);
    expectNone(wire.join('\n'), [CANARY, 'db.internal', 'Internal server error']);
    expect(failing.events.find(({ type }) => type === 'handler-error')).toMatchObject({
      error: { message: expect.stringContaining(CANARY) },
    });
    await failing.close();
  });
});

test('row 129: on the wire is no body, query, path, header, id or answer of a tunnelled call', async () => {
  const streaming = await startWorld({
    echo: () =>
      new Response(trickle([`id: ${CANARY}\ndata: ${CANARY}\n\n`, `data: ${CANARY}\n\n`]), {
        headers: { 'x-answer': CANARY },
      }),
  });
  for (const encoding of ['json', 'octets'] as const) {
    const { wire, client, trpc } = tapped(streaming, encoding);
    expect(await trpc.hello.query(CANARY)).toBe(`hello ${CANARY}`);
    expect(await trpc.add.mutate(CANARY)).toBe(`added ${CANARY}`);
    const answer = await client.tunnel('/api/echo')(`/api/echo/${CANARY}?q=${CANARY}`, {
      method: 'PATCH',
      headers: { authorization: CANARY, referer: CANARY, 'last-event-id': CANARY, 'x-a': CANARY },
      body: CANARY,
    });
    expect([answer.headers.get('x-answer'), await answer.text()]).toEqual([
      CANARY,
      expect.stringContaining(CANARY),
    ]);
    expect(wire.length).toBeGreaterThan(10);
    expectNone(wire.join('\n'), [CANARY, 'hello', 'PATCH', 'authorization', 'last-event-id', 'x-answer']);
  }
  await streaming.close();
});

test('row 130: the host has a polluted Object.prototype', async () => {
  // Not `error`: over that the runtime's own fetch stumbles.
  const names = [
    'ct',
    'n',
    't',
    'v',
    'suite',
    'aud',
    'pk',
    'sid',
    'hs',
    'id',
    'sig',
    'code',
    'hmacKey',
    'now',
    'expiresAt',
    'epoch',
    'kind',
    'nonce',
    'box',
    'tag',
    'retry',
    'timestamp',
  ];
  const polluted = await startWorld();
  const mine = await openSession(polluted);
  await expectGood(polluted, mine);
  const call = await mine.seal();
  const { client, state } = tapped(polluted);
  const pollution = Object.fromEntries(
    names.map((name) => [name, { value: 'AAAAAAAAAAAAAAAA', configurable: true, writable: true }]),
  );
  Object.defineProperties(Object.prototype, pollution);
  try {
    // What is missing is not found in the prototype.
    for (const body of ['{}', '{"t":"http"}', '{"n":"AAAAAAAAAAAAAAAA"}']) {
      expectPlainRefusal(
        await send(polluted, { ...withHeaders(call, {}), body: utf8ToBytes(body) }),
        'ISO-4002',
      );
    }
    expectPlainRefusal(await send(polluted, handshakeRequest(utf8ToBytes('{}'))), 'ISO-1001');
    // Nor does it stand in for what a client was not told.
    state.way = async () => Response.json({}, { status: 401 });
    const failed = NenError.from(await client.fetch(ECHO_PATH, POST).catch((error: unknown) => error));
    expect([failed?.code, failed?.outcome]).toEqual(['ISO-1007', 'not-run']);
    state.way = honestly;
    expect((await client.fetch(ECHO_PATH, POST)).status).toBe(200);
    state.way = async () => Response.json({}, { status: 401 });
    expect(NenError.from(await client.fetch(ECHO_PATH, POST).catch((error: unknown) => error))?.code).toBe(
      'ISO-4005',
    );
    state.way = honestly;
    expect((await client.fetch(ECHO_PATH, POST)).status).toBe(200);
    expect(client.security).toBe('unauthenticated');
  } finally {
    for (const name of names) Reflect.deleteProperty(Object.prototype, name);
  }
  await expectGood(polluted, mine);
  await polluted.close();
});
