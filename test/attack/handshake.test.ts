/** Attacks on the handshake (rows 8 to 20): malformed keys and messages, floods, bad randomness, awkward moments. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { tokenBucket } from '../../src/adapter/server.ts';
import {
  type Bytes,
  base64Encode,
  bytesToLatin1,
  latin1ToBytes,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import { force } from '../../src/crypto/choice.ts';
import { pooledRandom, randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { NenError } from '../../src/link/client/index.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { gate } from '../support/gate.ts';
import {
  AUDIENCE,
  ECHO_PATH,
  expectGood,
  expectPlainRefusal,
  flipBit,
  handshakeRequest,
  inTheMiddle,
  NEN_PATH,
  openSession,
  openSocket,
  send,
  startWorld,
  toHttpText,
  type WireResponse,
  type World,
  withHeaders,
} from './harness.ts';

let world: World;

beforeEach(async () => {
  world = await startWorld();
});
afterEach(async () => {
  force(undefined);
  vi.restoreAllMocks();
  await world.close();
});

const suite = mlKem768Suite(primitives());
const Q = 3329;

async function publicKey(): Promise<Bytes> {
  return (await startHandshake(suite, AUDIENCE)).hello.publicKey;
}

/** A hello of which each field can be another. */
function hello(fields: Record<string, unknown>): Bytes {
  return utf8ToBytes(JSON.stringify({ v: 2, suite: 'ML-KEM-768', aud: AUDIENCE, ...fields }));
}

function handshake(body: Bytes): Promise<WireResponse> {
  return send(world, handshakeRequest(body));
}

/** Each body is refused with the code; no key operation, no session; good handshakes right before and after. */
async function expectRefused(
  bodies: readonly Bytes[],
  code: Parameters<typeof expectPlainRefusal>[1],
): Promise<void> {
  await expectGood(world, await openSession(world));
  const created = world.store.created.length;
  const encapsulate = vi.spyOn(suite.kem, 'encapsulate');
  for (const body of bodies) expectPlainRefusal(await handshake(body), code);
  expect(world.store.created).toHaveLength(created);
  if (code !== 'ISO-1002') expect(encapsulate).not.toHaveBeenCalled();
  encapsulate.mockRestore();
  await expectGood(world, await openSession(world));
}

describe('rows 8 to 11: the public key', () => {
  test('row 8: it is missing, empty or no string', async () => {
    const keys = [undefined, '', null, 5, true, {}, { pk: 'x' }];
    await expectRefused(
      keys.map((pk) => hello({ pk })),
      'ISO-1001',
    );
    await expectRefused([hello({ pk: [base64Encode(await publicKey())] })], 'ISO-1001');
  });

  test('row 9: it is of another length', async () => {
    const lengths = [1, 32, 1088, 1183, 1185, 1216, 1568, 3000];
    await expectRefused(
      lengths.map((length) => hello({ pk: base64Encode(new Uint8Array(length)) })),
      'ISO-1002',
    );
    await expectRefused([hello({ pk: base64Encode(new Uint8Array(1_000_000)) })], 'ISO-4003');
  });

  test('row 9: it is spelled otherwise', async () => {
    let key = await publicKey();
    while (!/[+/]/.test(base64Encode(key))) key = await publicKey();
    const text = base64Encode(key);
    const last = text.at(-2) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const spellings = [
      text.replaceAll('+', '-').replaceAll('/', '_'),
      text.replace(/=+$/, ''),
      `${text}=`,
      ` ${text}`,
      `${text.slice(0, 64)} ${text.slice(64)}`,
      `${text}AAAA`,
      `${text.slice(0, -2)}${alphabet[alphabet.indexOf(last) + 1]}=`,
    ];
    await expectRefused(
      spellings.map((pk) => hello({ pk })),
      'ISO-1002',
    );
    await expectRefused([hello({ pk: `${text.slice(0, 64)}\n${text.slice(64)}` })], 'ISO-1001');
  });

  test('row 10: each of its 768 coefficients is q, or the largest there is', async () => {
    const good = await publicKey();
    const bodies = Array.from({ length: 768 }, (_, i) => {
      const key = good.slice();
      const value = i % 2 === 0 ? Q : 4095;
      const at = Math.floor(i / 2) * 3;
      const [a = 0, b = 0, c = 0] = key.subarray(at, at + 3);
      if (i % 2 === 0) key.set([value & 0xff, (b & 0xf0) | (value >> 8), c], at);
      else key.set([a, (b & 0x0f) | ((value & 15) << 4), value >> 4], at);
      return hello({ pk: base64Encode(key) });
    });
    await expectRefused(bodies, 'ISO-1002');
  });

  test('row 11: all zero is a valid key that exposes its sender alone; all 0xff is none', async () => {
    await expectRefused([hello({ pk: base64Encode(new Uint8Array(1184).fill(0xff)) })], 'ISO-1002');
    const honest = await openSession(world);
    expect((await handshake(hello({ pk: base64Encode(new Uint8Array(1184)) }))).status).toBe(200);
    await expectGood(world, honest);
  });
});

describe('rows 12 and 13: the answer, to the client', () => {
  /** A handshake in which the answer is altered: the client fails, and sends no call. */
  async function expectClientRefuses(alter: (answer: Record<string, string>) => unknown): Promise<void> {
    const sent: string[] = [];
    const fetch: Transport = async (url, init) => {
      sent.push(new URL(url).pathname);
      const response = await globalThis.fetch(url, init);
      return new Response(JSON.stringify(alter(await response.json())), { headers: response.headers });
    };
    const client = world.client({ fetch });
    const error = await client
      .fetch(world.url + ECHO_PATH, { method: 'POST', body: 'x' })
      .catch((thrown: unknown) => thrown);
    expect(NenError.from(error)).toMatchObject({ code: 'ISO-1007', outcome: 'not-run' });
    expect(sent).toEqual([`${NEN_PATH}/handshake`]);
    expect(world.ran).toEqual([]);
  }

  test('row 12: a bit of ct or hs is turned over before the real client', async () => {
    for (const field of ['ct', 'hs']) {
      await expectClientRefuses((answer) => {
        const bytes = new Uint8Array(Buffer.from(answer[field] ?? '', 'base64'));
        return { ...answer, [field]: base64Encode(flipBit(bytes, 1000)) };
      });
    }
  });

  test('row 13: the sid is altered, or is none', async () => {
    const sids = [
      '',
      'x'.repeat(10_240),
      `${'A'.repeat(10)}:${'A'.repeat(11)}`,
      '{}',
      `${'A'.repeat(21)}\n`,
      '__proto__',
    ];
    for (const sid of [...sids, 'A'.repeat(22), `${'A'.repeat(21)}B`, 'A'.repeat(21)]) {
      await expectClientRefuses((answer) => ({ ...answer, sid }));
    }
    await expectClientRefuses((answer) => ({ ...answer, sid: [answer.sid] }));
    await expectClientRefuses((answer) => ({ ...answer, sid: undefined }));
  });

  test('row 13: other fields of the answer are missing, repeated or of another session', async () => {
    const other = JSON.parse(
      (await handshake(encodeClientHello((await startHandshake(suite, AUDIENCE)).hello))).text,
    );
    await expectClientRefuses(() => other);
    for (const field of ['sid', 'ct', 'hs'])
      await expectClientRefuses((answer) => ({ ...answer, [field]: other[field] }));
    for (const field of ['v', 'ct', 'hs'])
      await expectClientRefuses((answer) => ({ ...answer, [field]: undefined }));
    for (const v of [1, 3, '2']) await expectClientRefuses((answer) => ({ ...answer, v }));
    await expectClientRefuses((answer) => ({ ...answer, more: 'x' }));
  });

  test("row 13: the server's session ids are 128 random bits", async () => {
    const body = encodeClientHello((await startHandshake(suite, AUDIENCE)).hello);
    for (let i = 0; i < 50; i++) await handshake(body);
    expect(new Set(world.store.created).size).toBe(50);
    for (const sid of world.store.created) expect(sid).toMatch(/^[A-Za-z0-9_-]{21}[AQgw]$/);
  });
});

describe('rows 14 and 18: the message', () => {
  test('row 14: it is no strict JSON message', async () => {
    const pk = base64Encode(await publicKey());
    const good = bytesToLatin1(hello({ pk }));
    const texts = [
      '',
      'null',
      '1',
      '[]',
      '{}',
      '"x"',
      `[${good}]`,
      `${good}x`,
      good.slice(0, -1),
      good.replace('{', '{"__proto__":{"polluted":1},'),
      good.replace('{', '{"constructor":{"prototype":{"polluted":1}},'),
      good.replace('{', '{"more":1,'),
      good.replace('{', '{"v":2,'),
      good.replace('}', `,"pk":"${pk}"}`),
      good.replace(`"${pk}"`, `["${pk}"]`),
      good.replace('"v":2,', ''),
      good.replace('"v"', '"\\u0076"'),
      '['.repeat(16_000),
      `${'{"a":'.repeat(3_000)}1`,
    ];
    const bodies = texts.map(latin1ToBytes);
    bodies.push(
      utf8ToBytes(`\ufeff${good}`),
      new Uint8Array([...latin1ToBytes(good), 0xff]),
      latin1ToBytes(`${good}\0`),
    );
    await expectRefused(bodies, 'ISO-1001');
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('row 14: 17 KB, or 100 000 brackets: cut at 16 KiB before anything is parsed', async () => {
    const parse = vi.spyOn(JSON, 'parse');
    const good = bytesToLatin1(hello({ pk: base64Encode(await publicKey()) }));
    const long = [good + ' '.repeat(17_408 - good.length), '['.repeat(100_000)].map(latin1ToBytes);
    for (const body of long) expectPlainRefusal(await handshake(body), 'ISO-4003');
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    await expectRefused(long, 'ISO-4003');
    expect((await handshake(latin1ToBytes(good + ' '.repeat(16_384 - good.length)))).status).toBe(200);
  });

  test('row 14: version, suite and origin are others', async () => {
    const pk = base64Encode(await publicKey());
    const others = [
      { v: 1 },
      { v: 3 },
      { v: '2' },
      { v: null },
      { suite: 'X-Wing-1024' },
      { suite: 'ML-KEM-512' },
      { suite: '' },
    ];
    const audiences = [
      '',
      'null',
      'victim.example',
      `${AUDIENCE}/`,
      'https://VICTIM.example',
      'ftp://victim.example',
      5,
    ];
    await expectRefused(
      [...others, ...audiences.map((aud) => ({ aud }))].map((other) => hello({ pk, ...other })),
      'ISO-1003',
    );
  });

  test('row 18: another method or content type', async () => {
    await expectGood(world, await openSession(world));
    const created = world.store.created.length;
    const good = handshakeRequest(hello({ pk: base64Encode(await publicKey()) }));
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await send(world, { ...good, method, body: undefined });
      expect(response.status).toBe(405);
      expect(response.headers.allow).toBe('POST');
    }
    for (const type of [
      undefined,
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonp',
      'multipart/form-data',
    ]) {
      expect((await send(world, withHeaders(good, { 'Content-Type': type }))).status).toBe(415);
    }
    expect(world.store.created).toHaveLength(created);
    expect(
      (await send(world, withHeaders(good, { 'Content-Type': 'Application/JSON; charset=utf-8' }))).status,
    ).toBe(200);
    await expectGood(world, await openSession(world));
  });

  test('row 18: the body is empty', async () => {
    await expectRefused([new Uint8Array(0)], 'ISO-1001');
  });

  test('row 18: the body drips and never ends: others are served meanwhile, and breaking off is a refusal', async () => {
    const bytes = toHttpText(handshakeRequest(hello({ pk: base64Encode(await publicKey()) })));
    const { socket, received } = openSocket(world);
    for (const byte of bytes.subarray(0, 400)) socket.write(Uint8Array.of(byte));
    await expectGood(world, await openSession(world));
    expect(world.store.created).toHaveLength(1);
    const refused = world.nextEvent(({ type }) => type === 'refused');
    socket.destroy();
    await received;
    expect(await refused).toMatchObject({ code: 'ISO-4007' });
    await expectGood(world, await openSession(world));
    expect(world.store.created).toHaveLength(2);
  });
});

describe('rows 15 to 17: floods', () => {
  test('row 15: one hello is sent 1 000 times: each has a session of its own', async () => {
    const body = encodeClientHello((await startHandshake(suite, AUDIENCE)).hello);
    const { method, headers, target } = handshakeRequest(body);
    const init = { method, headers: headers as Record<string, string>, body };
    const seen = new Set<string>();
    for (let i = 0; i < 1000; i++) {
      const answer = await world.nen.routes.POST(new Request(world.url + target, init));
      const { sid, ct, hs } = JSON.parse(await answer.text());
      for (const value of [sid, ct, hs]) seen.add(value);
    }
    expect(seen.size).toBe(3000);
    await expectGood(world, await openSession(world));
  });

  test('row 16: more valid handshakes than the rate allows: 1008 with Retry-After, and no key operation', async () => {
    const rate = { perSecond: 2, burst: 5, global: { perSecond: 2, burst: 5 } };
    const clock = { now: 0 };
    const limited = await startWorld({ rateLimit: tokenBucket({ ...rate, now: () => clock.now }) });
    const session = await openSession(limited);
    await expectGood(limited, session);
    const body = handshakeRequest(hello({ pk: base64Encode(await publicKey()) }));
    for (let i = 0; i < 4; i++) expect((await send(limited, body)).status).toBe(200);
    const encapsulate = vi.spyOn(suite.kem, 'encapsulate');
    for (let i = 0; i < 20; i++) {
      const refused = await send(limited, body);
      expectPlainRefusal(refused, 'ISO-1008');
      expect(refused.status).toBe(429);
      expect(refused.headers['retry-after']).toBe('1');
    }
    expect(encapsulate).not.toHaveBeenCalled();
    expect(limited.store.created).toHaveLength(5);
    await expectGood(limited, session);
    clock.now += 1000;
    await expectGood(limited, await openSession(limited));
    await limited.close();
  });

  test('row 16: each address has a rate of its own', async () => {
    const limited = await startWorld({
      rateLimit: tokenBucket({ perSecond: 1, burst: 2, global: { perSecond: 1, burst: 1 } }),
      clientAddress: (req) => req.headers.get('x-real-ip') ?? undefined,
    });
    const body = hello({ pk: base64Encode(await publicKey()) });
    const from = (address: string): Promise<WireResponse> =>
      send(limited, withHeaders(handshakeRequest(body), { 'X-Real-IP': address }));
    const statuses = [];
    for (const address of ['a', 'a', 'a', 'b', 'b', 'b']) statuses.push((await from(address)).status);
    expect(statuses).toEqual([200, 200, 429, 200, 200, 429]);
    await limited.close();
  });

  test('row 16: half-open sessions push out each other, never a confirmed one, and end after 30 s', async () => {
    const small = await startWorld({ store: { maxUnconfirmed: 10 } });
    const confirmed = await openSession(small);
    await expectGood(small, confirmed);
    const halfOpen = await openSession(small);
    const body = handshakeRequest(hello({ pk: base64Encode(await publicKey()) }));
    for (let i = 0; i < 10; i++) await send(small, body);
    expectPlainRefusal(await send(small, await halfOpen.seal()), 'ISO-2002');
    await expectGood(small, confirmed);
    const late = await openSession(small);
    small.clock.advance(30_000);
    expectPlainRefusal(await send(small, await late.seal()), 'ISO-2002');
    await expectGood(small, confirmed);
    await expectGood(small, await openSession(small));
    await small.close();
  });

  test('row 17: garbage at any rate: no key operation, nothing stored', async () => {
    const garbage = Array.from({ length: 200 }, (_, i) => new Uint8Array(i * 50).fill(i));
    await expectRefused(garbage, 'ISO-1001');
  });
});

describe('row 19: awkward moments', () => {
  /** A client whose handshakes wait at the gate. */
  function gated() {
    const [arriving, releasing] = [gate(), gate()];
    let handshakes = 0;
    const fetch = inTheMiddle(
      async ({ url }, forward) => {
        if (!url.endsWith('/handshake')) return forward();
        handshakes++;
        const answer = await forward();
        arriving.open();
        await releasing.opened;
        return answer;
      },
      { handshakes: true },
    );
    const client = world.client({ fetch });
    const call = (init: RequestInit = {}): Promise<Response> =>
      client.fetch(world.url + ECHO_PATH, { method: 'POST', body: 'x', ...init });
    const [release, arrived] = [releasing.open, arriving.opened];
    return { client, call, release, arrived, count: () => handshakes };
  }

  test('row 19: 20 calls and two handshake() at once share one flight', async () => {
    const { client, call, release, count } = gated();
    const calls = Promise.all([client.handshake(), ...Array.from({ length: 20 }, () => call()), call()]);
    release();
    await calls;
    expect(count()).toBe(1);
    expect(world.ran).toHaveLength(21);
    await Promise.all([client.handshake(), client.handshake()]);
    expect(count()).toBe(2);
    expect((await call()).status).toBe(200);
  });

  test('row 19: a call is aborted during the handshake: it ends, the others go on', async () => {
    const { call, release, arrived, count } = gated();
    const abort = new AbortController();
    const aborted = call({ signal: abort.signal }).catch((error: unknown) => error);
    const other = call();
    await arrived;
    abort.abort(new Error('enough'));
    expect(await aborted).toEqual(new Error('enough'));
    expect(world.ran).toEqual([]);
    release();
    expect((await other).status).toBe(200);
    expect(count()).toBe(1);
    expect(world.ran).toHaveLength(1);
  });

  test('row 19: terminate() comes while the handshake is on its way: its late answer opens nothing afterwards', async () => {
    const { client, call, release, arrived } = gated();
    const first = expect(call()).rejects.toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
    await arrived;
    const terminated = client.terminate();
    release();
    await terminated;
    await first;
    expect(world.ran).toEqual([]);
    await expect(call()).rejects.toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
    await client.handshake();
    expect((await call()).status).toBe(200);
  });
});

describe('row 20: bad randomness', () => {
  const broken: readonly (readonly [string, () => never | Uint8Array])[] = [
    [
      'throws',
      () => {
        throw new Error('no entropy');
      },
    ],
    ['gives zeros', () => new Uint8Array(0)],
  ];

  /** A client whose generator is broken until it is mended, and never replaced by another. */
  function breakRandomness(generator: () => never | Uint8Array) {
    const sent: string[] = [];
    const fetch: Transport = (url, init) => {
      sent.push(new URL(url).pathname);
      return globalThis.fetch(url, init);
    };
    const mathRandom = vi.spyOn(Math, 'random');
    vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation(generator as () => never);
    const mend = (): void => {
      expect(mathRandom).not.toHaveBeenCalled();
      vi.restoreAllMocks();
    };
    return { client: world.client({ fetch }), sent, mend };
  }

  for (const [name, generator] of broken) {
    test(`row 20: getRandomValues ${name} on the client: nothing is sent`, async () => {
      force('noble');
      const { client, sent, mend } = breakRandomness(generator);
      await expect(client.handshake()).rejects.toThrow(/random/);
      await expect(client.fetch(world.url + ECHO_PATH)).rejects.toThrow(/random/);
      expect(sent).toEqual([]);
      mend();
      expect((await client.fetch(world.url + ECHO_PATH)).status).toBe(200);
    });

    test(`row 20: getRandomValues ${name}, and the runtime has a KEM that draws for itself: no call is sent`, async () => {
      const { client, sent, mend } = breakRandomness(generator);
      // What was drawn before is good, and lasts for 4 KiB.
      expect(() => {
        for (;;) randomBytes(12);
      }).toThrow(/random/);
      // The server shares the generator here: whichever of the two needs it first gives up.
      await expect(client.fetch(world.url + ECHO_PATH)).rejects.toThrow(/random|handshake answer/);
      expect(sent.filter((path) => path !== `${NEN_PATH}/handshake`)).toEqual([]);
      expect(world.store.created).toEqual([]);
      mend();
      expect((await client.fetch(world.url + ECHO_PATH)).status).toBe(200);
    });

    test(`row 20: getRandomValues ${name} on the server: no session is made`, async () => {
      const honest = await openSession(world);
      const request = handshakeRequest(hello({ pk: base64Encode(await publicKey()) }));
      const mathRandom = vi.spyOn(Math, 'random');
      vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation(generator as () => never);
      // What was drawn before is good, and lasts for 4 KiB.
      let answer = await send(world, request);
      for (let i = 0; i < 200 && answer.status === 200; i++) answer = await send(world, request);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      const created = world.store.created.length;
      for (let i = 0; i < 3; i++) expect((await send(world, request)).status).toBeGreaterThanOrEqual(400);
      expect(world.store.created).toHaveLength(created);
      expect(mathRandom).not.toHaveBeenCalled();
      vi.restoreAllMocks();
      expect((await send(world, request)).status).toBe(200);
      await expectGood(world, honest);
    });
  }

  test('row 20: a generator that fails leaves no bytes behind to be drawn', () => {
    let works = true;
    const random = pooledRandom((target) => {
      if (!works) throw new Error('no entropy');
      crypto.getRandomValues(target);
    });
    random(12);
    works = false;
    expect(() => {
      for (let i = 0; i < 400; i++) random(12);
    }).toThrow('no entropy');
    expect(() => random(12)).toThrow('no entropy');
    works = true;
    expect(random(12)).toHaveLength(12);
  });
});
