/** Attacks on a request's envelope and payload (rows 55 to 57, 70, 71): the headers are good, the body is not. */
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import superjson from 'superjson';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  bytesToLatin1,
  latin1ToBytes,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import {
  type AttackSession,
  type CallOptions,
  expectGood,
  expectRefused,
  expectSealedRefusal,
  flipBit,
  header,
  openHttp,
  openSession,
  type SealedCall,
  send,
  startWorld,
  type WireRequest,
  type World,
  withHeaders,
} from './harness.ts';

let world: World;
let session: AttackSession;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  session = await openSession(world);
});

const NOTHING: Bytes = new Uint8Array(0);

/** The box of a call, and the call with another box in its place. */
interface Boxed {
  readonly box: Bytes;
  with(box: Bytes): WireRequest;
}

function boxed(call: SealedCall): Boxed {
  const { kind, encoding } = call.sealed.exchange;
  const body = call.body ?? NOTHING;
  if (kind === 'none') {
    const box = base64Decode(header(call, 'X-Nen-Tag')) ?? NOTHING;
    return { box, with: (other) => withHeaders(call, { 'X-Nen-Tag': base64Encode(other) }) };
  }
  if (encoding === 'octets') return { box: body, with: (other) => ({ ...call, body: other }) };
  const { ct, t } = JSON.parse(bytesToLatin1(body));
  const prefix = t === undefined ? '{"ct":"' : '{"t":"http","ct":"';
  return {
    box: base64Decode(ct) ?? NOTHING,
    with: (other) => ({ ...call, body: latin1ToBytes(`${prefix}${base64Encode(other)}"}`) }),
  };
}

const WAYS: readonly (readonly [string, CallOptions])[] = [
  ['a JSON body', { payload: '{"a":1}' }],
  ['a bodyless GET', { method: 'GET', kind: 'none' }],
  ['octets', { kind: 'http', encoding: 'octets', payload: '{"a":1}' }],
  ['a tunnelled message', { kind: 'http', payload: '{"a":1}' }],
];

describe('row 55: the ciphertext', () => {
  for (const [name, options] of WAYS) {
    test(`row 55: each bit of ${name} is turned over`, async () => {
      const call = boxed(await session.seal(options));
      const flipped = Array.from({ length: call.box.length * 8 }, (_, bit) =>
        call.with(flipBit(call.box, bit)),
      );
      await expectRefused(world, session, flipped, 'ISO-4001');
    });

    test(`row 55: ${name} is cut at each length, and extended`, async () => {
      const call = boxed(await session.seal(options));
      const { box } = call;
      const cut = [...box.keys()].map((length) => call.with(box.slice(0, length)));
      const long = [1, 16, 100].map((more) => call.with(new Uint8Array([...box, ...new Uint8Array(more)])));
      const isTag = options.kind === 'none';
      await expectRefused(world, session, cut.slice(0, 16), 'ISO-4002');
      await expectRefused(world, session, cut.slice(16), 'ISO-4001');
      await expectRefused(world, session, long, isTag ? 'ISO-4002' : 'ISO-4001');
    });
  }
});

describe('row 56: the envelope', () => {
  test('row 56: it is anything but one envelope', async () => {
    const call = await session.seal();
    const { ct } = JSON.parse(bytesToLatin1(call.body ?? NOTHING));
    const texts = [
      '',
      '{}',
      '[]',
      'null',
      '"x"',
      '1',
      '{"ct":null}',
      '{"ct":1}',
      '{"ct":{}}',
      `{"ct":["${ct}"]}`,
      `["${ct}"]`,
      `{"CT":"${ct}"}`,
      `{"ct":"${ct}","more":"x"}`,
      `{"ct":"${ct}","ct":"${ct}"}`,
      `{"ct":"AAAA","ct":"${ct}"}`,
      `{"ct":"${ct}","__proto__":"x"}`,
      `{"ct":"${ct}","n":"AAAAAAAAAAAAAAAA"}`,
      `{"ct":"${ct}","n":1}`,
      `{"ct":"${ct}","n":null}`,
      `{"t":"error","ct":"${ct}"}`,
      `{"t":"none","ct":"${ct}"}`,
      `{"t":1,"ct":"${ct}"}`,
      `{"ct":"${ct}"`,
      `{"ct":"${ct}"}x`,
      `{"ct":"${ct}"}{"ct":"${ct}"}`,
      `{"ct":"${ct.slice(0, 8)}\\u0041${ct.slice(9)}"}`,
      `{"ct":"${ct} "}`,
      `{"ct":"${ct.replace(/=+$/, '')}="}`,
    ];
    const bodies = texts.map(latin1ToBytes);
    bodies.push(
      utf8ToBytes(`\ufeff{"ct":"${ct}"}`),
      new Uint8Array([0x22, 0xff, 0xfe, 0x22]),
      latin1ToBytes('['.repeat(100_000)),
    );
    await expectRefused(
      world,
      session,
      bodies.map((body) => ({ ...call, body })),
      'ISO-4002',
    );
  });

  test('row 56: another spelling of the same envelope is the same request', async () => {
    const call = await session.seal();
    const { ct } = JSON.parse(bytesToLatin1(call.body ?? NOTHING));
    const { nonce } = call.sealed;
    const spelled = latin1ToBytes(` { "n" : "${nonce}",\n "ct" : "${ct}" } `);
    const ranBefore = world.ran.length;
    expect((await send(world, { ...call, body: spelled })).status).toBe(200);
    expect((await send(world, call)).status).toBe(409);
    expect(world.ran.length).toBe(ranBefore + 1);
  });
});

describe('row 57: the payload', () => {
  /** Sealed by the owner of a session: it opens, claims its nonce, and goes no further. */
  async function expectMalformed(options: CallOptions): Promise<void> {
    const ran = [...world.ran];
    const call = await session.seal(options);
    await expectSealedRefusal(call, await send(world, call), 'ISO-4006');
    expect(world.ran).toEqual(ran);
  }

  test('row 57: a body shorter than a tag', async () => {
    const call = boxed(await session.seal());
    await expectRefused(
      world,
      session,
      [0, 1, 15].map((length) => call.with(new Uint8Array(length))),
      'ISO-4002',
    );
    const octets = boxed(await session.seal({ kind: 'http', encoding: 'octets' }));
    await expectRefused(
      world,
      session,
      [0, 1, 15].map((length) => octets.with(new Uint8Array(length))),
      'ISO-4002',
    );
  });

  test('row 57: no JSON, invalid UTF-8, a byte order mark, too deep, too wide', async () => {
    await expectGood(world, session);
    const payloads = [NOTHING, ...['{', 'x', '{"a":1}x', '\ufeff{}', "{'a':1}", 'NaN'].map(utf8ToBytes)];
    payloads.push(new Uint8Array([0x22, 0xc3, 0x28, 0x22]), new Uint8Array([0x22, 0xff, 0x22]));
    payloads.push(
      utf8ToBytes('['.repeat(65) + ']'.repeat(65)),
      utf8ToBytes(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`),
    );
    payloads.push(utf8ToBytes('['.repeat(1_000_000)), utf8ToBytes(`{${'"a":1,'.repeat(100_001)}"a":1}`));
    for (const payload of payloads) await expectMalformed({ payload });
    await expectGood(world, session);
  });

  test('row 57: no Binary HTTP message', async () => {
    const { payload } = await import('../../src/protocol/http.ts').then(({ encodeRequest }) => {
      const parts = encodeRequest({ method: 'GET', path: '/api/trpc/hello', fields: [], body: NOTHING });
      return { payload: Uint8Array.from(parts.flatMap((part) => [...part])) };
    });
    await expectMalformed({ target: '/api/trpc/sealed', kind: 'http', payload: NOTHING });
    for (let length = 1; length < payload.length; length++) {
      await expectMalformed({ target: '/api/trpc/sealed', kind: 'http', payload: payload.slice(0, length) });
    }
    await expectMalformed({
      target: '/api/trpc/sealed',
      kind: 'http',
      payload: new Uint8Array([...payload, 1]),
    });
    const padded = await session.seal({
      target: '/api/trpc/sealed',
      kind: 'http',
      payload: new Uint8Array([...payload, 0, 0, 0]),
    });
    expect((await openHttp(padded, await send(world, padded))).status).toBe(200);
  });

  test('row 57: a message with forbidden fields, or a body where none may be', async () => {
    const target = '/api/trpc/sealed';
    const inner = { path: '/api/trpc/hello' };
    const calls = [
      await session.tunnel({ ...inner, fields: [['Upper', 'x']] }),
      await session.tunnel({ ...inner, fields: [['a b', 'x']] }),
      await session.tunnel({ ...inner, fields: [['a', 'x\r\nb: y']] }),
      await session.tunnel({ ...inner, fields: [['a', 'x\0']] }),
      await session.tunnel({ ...inner, body: 'x' }),
      await session.tunnel({ ...inner, method: 'get', body: 'x' }),
      await session.tunnel({ ...inner, method: 'G E T' }),
    ];
    const ran = [...world.ran];
    for (const call of calls) {
      expect(call.target).toBe(target);
      await expectSealedRefusal(call, await send(world, call), 'ISO-4006');
    }
    expect(world.ran).toEqual(ran);
    await expectGood(world, session);
  });
});

describe('row 70: which key', () => {
  test("row 70: headers of one session, body under another's key: keys are chosen by sid alone", async () => {
    const other = await openSession(world);
    const call = await session.seal();
    const mine = { sid: session.sid, keys: { ...session.keys, requestKey: other.keys.requestKey } };
    const { sealRequest } = await import('../../src/protocol/exchange.ts');
    const line = { method: 'POST', path: call.target, query: '' };
    const timestamp = world.clock.now();
    const { headers, body } = await sealRequest(mine, line, [utf8ToBytes('1')], {
      kind: 'json',
      encoding: 'json',
      timestamp,
      retry: '',
    });
    await expectRefused(world, session, { ...call, headers, body }, 'ISO-4001');
    await expectGood(world, other);
  });
});

describe('row 71: superjson', () => {
  test('row 71: __proto__, constructor, unknown types, huge sets, maps and numbers, and many references to one object in a superjson input', async () => {
    const ran: unknown[] = [];
    const t = initTRPC.create({ isServer: true, transformer: superjson });
    const router = t.router({
      add: t.procedure
        .input((value) => value)
        .mutation(({ input }) => {
          ran.push(input);
          return 'done';
        }),
    });
    const here = await startWorld({
      echo: (req) => fetchRequestHandler({ endpoint: '/api/echo', req, router, createContext: () => ({}) }),
    });
    const owner = await openSession(here);
    const target = '/api/echo/add';
    const references = Array.from({ length: 20_000 }, (_, at) => `"b${at}"`);
    const hostile = [
      '{"json":{"a":1},"meta":{"values":{"__proto__.polluted":["bigint"]}}}',
      '{"json":{"a":1},"meta":{"values":{"constructor.prototype.polluted":["Date"]}}}',
      '{"json":{"a":{}},"meta":{"referentialEqualities":{"a":["__proto__.polluted"]}}}',
      '{"json":{"a":{}},"meta":{"referentialEqualities":{"a":["constructor.prototype.polluted"]}}}',
      '{"json":{"__proto__":{"polluted":1}}}',
      '{"json":"x","meta":{"values":[["class","Evil"]]}}',
      '{"json":"x","meta":{"values":[["custom","Evil"]]}}',
      '{"json":1,"meta":{"values":["bigint"]}}',
      `{"json":[${'1,'.repeat(90_000)}1],"meta":{"values":["set"]}}`,
      `{"json":[${'[1,1],'.repeat(30_000)}[1,1]],"meta":{"values":["map"]}}`,
      `{"json":"${'9'.repeat(20_000)}","meta":{"values":["bigint"]}}`,
      `{"json":{"a":{}},"meta":{"referentialEqualities":{"a":[${references.join()}]}}}`,
    ];
    for (const payload of hostile) {
      const call = await owner.seal({ target, payload });
      expect((await send(here, call)).status).toBeLessThanOrEqual(500);
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
      expect(Object.keys(Object.prototype)).toEqual([]);
    }
    for (const input of ran) expect(Reflect.get(Object(input), 'polluted')).toBeUndefined();
    const deep = await owner.seal({
      target,
      payload: `{"json":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    });
    await expectSealedRefusal(deep, await send(here, deep), 'ISO-4006');
    const good = await owner.seal({ target, payload: '{"json":"x"}' });
    expect((await send(here, good)).status).toBe(200);
    expect(ran.at(-1)).toBe('x');
    await here.close();
  });
});
