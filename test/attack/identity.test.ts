/**
 * Who is at the other end (rows 1 to 7, 19, 20, 121, 132, 144, 157, 158): a man in the middle with the project's own code,
 * identities stripped, swapped and replayed, downgrades, rolled keys, clients that are let in or not.
 */
import { inspect } from 'node:util';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createNen, tokenBucket } from '../../src/adapter/server.ts';
import type { Authorize, ClientIdentity } from '../../src/adapter/server-identity.ts';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64UrlEncode,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import * as loading from '../../src/crypto/load-ml-dsa-65.ts';
import { createMlDsa65Signer } from '../../src/crypto/ml-dsa-65.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { Signer } from '../../src/crypto/signature.ts';
import { loadSuite, type SuiteName } from '../../src/crypto/suite.ts';
import { NenClient, type NenClientOptions, NenError } from '../../src/link/client/index.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import { nenLink } from '../../src/link/index.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { encodeIdentity, encodePin, identityDigest } from '../../src/protocol/identity.ts';
import { input } from '../../src/protocol/input.ts';
import { until } from '../support/until.ts';
import {
  AUDIENCE,
  ECHO_PATH,
  expectGood,
  expectPlainRefusal,
  expectRefused,
  expectSealedRefusal,
  handshakeRequest,
  inTheMiddle,
  NEN_PATH,
  openSession,
  send,
  startWorld,
  type WireResponse,
  type World,
  type WorldOptions,
} from './harness.ts';
import { buildMitm, ledTo, type Mitm, type MitmBuild } from './mitm.ts';
import type { MitmMode } from './mitm-proxy.ts';

vi.mock('../../src/crypto/load-ml-dsa-65.ts', { spy: true });

const p = primitives();
const SEEDS = {
  server: new Uint8Array(32).fill(1),
  next: new Uint8Array(32).fill(2),
  alice: new Uint8Array(32).fill(3),
  mallory: new Uint8Array(32).fill(4),
};
const signers = {
  server: createMlDsa65Signer(SEEDS.server, 'server'),
  next: createMlDsa65Signer(SEEDS.next, 'next'),
  alice: createMlDsa65Signer(SEEDS.alice, 'alice'),
  mallory: createMlDsa65Signer(SEEDS.mallory, 'mallory'),
};
const pinOf = ({ publicKey }: Signer): string => encodePin(identityDigest(p, publicKey));
const PIN = pinOf(signers.server);
const IDENTITY = base64Encode(SEEDS.server);

async function open(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld({ rateLimit: () => 0, identity: IDENTITY, ...options });
  onTestFinished(() => world.close());
  return world;
}
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

const post = (client: NenClient, body = 'x', headers: Record<string, string> = {}): Promise<Response> =>
  client.fetch(ECHO_PATH, { method: 'POST', body, headers });

/** What a call fails with. */
async function failure(run: Promise<unknown>): Promise<NenError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => NenError.from(thrown),
  );
  if (error === undefined) throw new Error('it did not fail');
  return error;
}

// ----------------------------------------------------------------------------------- the man in the middle

let mitm: MitmBuild;
beforeAll(async () => {
  mitm = await buildMitm();
});
afterAll(() => mitm.remove());

const WORDS = {
  input: 'PLANTED-IN-A-QUERY',
  mutation: 'PLANTED-IN-A-MUTATION',
  header: 'PLANTED-IN-A-HEADER',
  body: 'PLANTED-IN-A-BODY',
  answer: 'PLANTED-IN-AN-ANSWER',
  stream: 'PLANTED-IN-A-STREAM',
};

/** A server whose answers hold planted words, one whole and one streamed. */
function planted(options: WorldOptions = {}): Promise<World> {
  return open({
    echo: (req) => {
      if (!req.url.endsWith('/stream')) return Response.json({ said: WORDS.answer });
      let chunk = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          // Later than the answer's first turn: a stream, not one envelope.
          await new Promise((resolve) => setImmediate(resolve));
          controller.enqueue(utf8ToBytes(`${WORDS.stream} ${chunk++}\n`));
          if (chunk === 3) controller.close();
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/plain' } });
    },
    ...options,
  });
}

/** Every kind of call, each with its planted word; resolves with what the client got. */
async function callEverything(world: World, options: NenClientOptions): Promise<string> {
  const client = world.client(options);
  const trpc = world.trpc(options);
  const said = [
    await trpc.hello.query(WORDS.input),
    await trpc.add.mutate(WORDS.mutation),
    await (await post(client, JSON.stringify({ body: WORDS.body }), { authorization: WORDS.header })).text(),
    await (await client.fetch('/api/echo/stream', { method: 'POST', body: 'x' })).text(),
  ];
  const counted: number[] = [];
  await new Promise<void>((resolve, reject) => {
    trpc.count.subscribe(3, {
      onData: (value) => counted.push(value),
      onError: reject,
      onComplete: resolve,
    });
  });
  return [...said, counted.join()].join('\n');
}

const EVERYTHING = [
  `hello ${WORDS.input}`,
  `added ${WORDS.mutation}`,
  JSON.stringify({ said: WORDS.answer }),
  ...[0, 1, 2].map((i) => `${WORDS.stream} ${i}`),
  '',
  '0,1,2',
].join('\n');

describe('row 1: a man in the middle, a process of its own', () => {
  let proxy: Mitm | undefined;
  async function between(world: World, mode: MitmMode): Promise<Mitm> {
    proxy = await mitm.start(world.url, mode);
    return proxy;
  }
  afterEach(async () => {
    await proxy?.close();
    proxy = undefined;
  });

  for (const suite of ['ML-KEM-768', 'X-Wing'] as const) {
    for (const encoding of ['json', 'octets'] as const) {
      test(`row 1: without pins it reads every word, both ways, and nobody notices (${suite}, ${encoding})`, async () => {
        const world = await planted();
        const man = await between(world, 'bare');
        expect(man.pid).not.toBe(process.pid);
        const options = { fetch: ledTo(man, world), suite, encoding };
        expect(await callEverything(world, options)).toBe(EVERYTHING);
        expect(world.ran).toEqual([
          'trpc hello',
          'trpc add',
          `POST ${ECHO_PATH}`,
          'POST /api/echo/stream',
          'trpc count',
        ]);
        const { read } = await man.log();
        for (const word of Object.values(WORDS)) expect(read, word).toContain(word);
        // The client is told what it is worth.
        expect(world.client(options).security).toBe('unauthenticated');
        expect((await world.client(options).status()).security).toBe('unauthenticated');
      });
    }
  }

  test('row 1: without pins a key of its own passes for the server’s as well', async () => {
    const world = await planted();
    const man = await between(world, 'own');
    expect(await callEverything(world, { fetch: ledTo(man, world) })).toBe(EVERYTHING);
    const { read } = await man.log();
    for (const word of Object.values(WORDS)) expect(read).toContain(word);
  });

  for (const suite of ['ML-KEM-768', 'X-Wing'] as const) {
    for (const mode of ['bare', 'own'] as const) {
      test(`row 1: without pins it stays between client and server when they rotate (${suite}, ${mode})`, async () => {
        const world = await planted();
        const man = await between(world, mode);
        const client = world.client({ fetch: ledTo(man, world), suite });
        const { sid } = await client.status();
        for (let i = 0; i < 3; i++) {
          const rotated = await client.rotate();
          expect(rotated.sid).not.toBe(sid);
          // The client's new session is with the man, who has one of his own with the server.
          expect(world.store.created).not.toContain(rotated.sid);
          expect((await post(client, `${WORDS.body}${i}`)).status).toBe(200);
          expect((await man.log()).read).toContain(`${WORDS.body}${i}`);
        }
        expect(world.events.filter((event) => event.type === 'handshake' && event.rotated)).toHaveLength(3);
      });
    }
  }

  test('row 1: with a pin it can pass a rotation on unread, and is no part of the session that comes of it', async () => {
    const world = await planted();
    const man = await between(world, 'relay');
    const client = world.client({ fetch: ledTo(man, world), serverPins: [PIN] });
    const { sid } = await client.status();
    const rotated = await client.rotate();
    expect(rotated.sid).not.toBe(sid);
    expect((await post(client, WORDS.body)).status).toBe(200);
    expect((await client.status()).sid).toBe(rotated.sid);
    const { paths, read } = await man.log();
    expect(paths.filter((path) => path.endsWith('/rotate'))).toHaveLength(1);
    expect(paths.filter((path) => path.endsWith('/handshake'))).toHaveLength(1);
    expect(read).not.toContain(WORDS.body);
  });

  for (const mode of ['bare', 'own', 'replay', 'impostor'] as const) {
    const title = {
      bare: 'no identity',
      own: 'a key of its own, sent along (row 2)',
      replay: 'the server’s key and its signature of another handshake',
      impostor: 'the server’s key and a signature by its own',
    }[mode];
    for (const suite of ['ML-KEM-768', 'X-Wing'] as const) {
      test(`row 1: with a pin it reads nothing: ${title} (${suite})`, async () => {
        const world = await planted();
        const man = await between(world, mode);
        const options = { fetch: ledTo(man, world), serverPins: [PIN], suite };
        const client = world.client(options);
        const trpc = world.trpc(options);
        expect(client.security).toBe('pinned');
        for (const call of [
          () => post(client, WORDS.body, { authorization: WORDS.header }),
          () => client.fetch(`${ECHO_PATH}?q=${WORDS.input}`),
          () => client.handshake(),
          () => client.status(),
          () => client.rotate(),
          () => client.exporter('login'),
          () => trpc.hello.query(WORDS.input),
          () => trpc.add.mutate(WORDS.mutation),
          // Asked again: there is no getting used to it.
          () => trpc.add.mutate(WORDS.mutation),
        ]) {
          const error = await failure(call());
          expect([error.code, error.outcome]).toEqual(['ISO-1006', 'not-run']);
        }
        const { paths, read } = await man.log();
        expect(new Set(paths)).toEqual(new Set([`POST ${NEN_PATH}/handshake`]));
        for (const word of Object.values(WORDS)) expect(read).not.toContain(word);
        expect(read).toBe('');
        expect(world.ran).toEqual([]);
        // The same client, led to the server: nothing was lost.
        const honest = world.client({ serverPins: [PIN], suite });
        expect((await post(honest)).status).toBe(200);
      });
    }
  }

  test('row 1: with a pin it can pass everything on unread, and everything works', async () => {
    const world = await planted();
    const man = await between(world, 'relay');
    const options = { fetch: ledTo(man, world), serverPins: [PIN] };
    expect(await callEverything(world, options)).toBe(EVERYTHING);
    const { paths, read } = await man.log();
    expect(paths).toContain(`POST ${ECHO_PATH}`);
    expect(read.length).toBeGreaterThan(10_000);
    for (const word of Object.values(WORDS)) {
      expect(read).not.toContain(word);
      for (let shift = 0; shift < 3; shift++) {
        // However it lies in three bytes, its middle has one spelling in base64.
        const spelled = base64Encode(utf8ToBytes(' '.repeat(shift) + word)).slice(4, -4);
        expect(read).not.toContain(spelled);
      }
    }
  });

  test('row 1: it comes in the course of a client’s life: a key once seen is required, without pins too', async () => {
    const world = await planted();
    const man = await between(world, 'bare');
    const routes = { straight: true };
    const led = ledTo(man, world);
    const client = world.client({
      fetch: (url, init) => (routes.straight ? fetch(url, init) : led(url, init)),
    });
    expect((await post(client)).status).toBe(200);
    expect(client.security).toBe('unauthenticated');
    routes.straight = false;
    // A session that the proxy doesn't know: it can only pretend that it has ended.
    const refusal = await failure(client.handshake());
    expect([refusal.code, refusal.outcome]).toEqual(['ISO-1006', 'not-run']);
    for (let i = 0; i < 2; i++) expect((await failure(post(client, WORDS.body))).code).toBe('ISO-1006');
    expect((await man.log()).read).not.toContain(WORDS.body);
    expect(world.ran).toHaveLength(1);
    routes.straight = true;
    expect((await post(client)).status).toBe(200);
    // Another client has seen nothing yet, and is taken in.
    const newcomer = world.client({ fetch: led });
    expect((await post(newcomer, WORDS.body)).status).toBe(200);
    expect((await man.log()).read).toContain(WORDS.body);
  });

  test('row 1: it forges the end of a pinned session: the retry’s handshake ends in 1006, the call is not told twice', async () => {
    const world = await planted();
    const man = await between(world, 'own');
    const led = ledTo(man, world);
    const routes = { straight: true };
    const fetch = inTheMiddle(
      async ({ url, init }, forward) => {
        if (routes.straight) return forward();
        if (url.endsWith('/handshake')) return led(url, init);
        return Response.json({ error: { code: 'ISO-2002', message: 'x' } }, { status: 401 });
      },
      { handshakes: true },
    );
    const client = world.client({ fetch, serverPins: [PIN] });
    expect((await post(client)).status).toBe(200);
    routes.straight = false;
    const error = await failure(post(client, WORDS.body));
    expect([error.code, error.outcome]).toEqual(['ISO-1006', 'unknown']);
    expect((await man.log()).paths).toEqual([`POST ${NEN_PATH}/handshake`]);
    expect(world.ran).toHaveLength(1);
  });
});

// --------------------------------------------------------------------------------- what a recording gives away

test('row 3: whoever reads the answer of a handshake forges a DELETE with any bytes of it for a key', async () => {
  const world = await open();
  const answers: string[] = [];
  const victim = world.client({
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (url.endsWith('/handshake')) answers.push(await response.clone().text());
      return response;
    },
  });
  expect((await post(victim)).status).toBe(200);
  const { sid, ct, hs } = JSON.parse(answers[0] ?? '') as { sid: string; ct: string; hs: string };
  const bytes = [hs, ct].map((text) => base64Decode(text) ?? new Uint8Array(0));
  const keys = bytes.flatMap((whole) =>
    Array.from({ length: Math.ceil(whole.length / 16) }, (_, i) => whole.subarray(i * 16, i * 16 + 32)),
  );
  const nonce = base64Encode(new Uint8Array(12).fill(9));
  const timestamp = String(world.clock.now());
  const forged = keys.map((key) => ({
    method: 'DELETE',
    target: ECHO_PATH,
    headers: {
      'X-Nen-Session': sid,
      'X-Nen-Timestamp': timestamp,
      'X-Nen-Nonce': nonce,
      'X-Nen-Signature': base64Encode(
        p.macKey(key as Bytes).mac(utf8ToBytes(`DELETE\n${ECHO_PATH}\n${timestamp}\n${nonce}`)),
      ),
      'X-Nen-Tag': base64Encode(new Uint8Array(16)),
    },
  }));
  expect(forged.length).toBeGreaterThan(70);
  await expectRefused(world, await openSession(world), forged, 'ISO-3002');
});

describe('row 4: one server’s answer for another origin', () => {
  test('row 4: a hello for one origin is carried to the server of another', async () => {
    const other = await open({ origins: ['https://other.example'] });
    const victim = other.client();
    const error = await failure(post(victim));
    expect([error.code, error.status, error.outcome]).toEqual(['ISO-1003', 400, 'not-run']);
    expect(other.store.created).toEqual([]);
  });

  test('row 4: the same with the origin rewritten: the client sees that another was meant', async () => {
    const world = await open({ origins: ['https://other.example'] });
    const sent: string[] = [];
    const fetch = inTheMiddle(
      ({ url, init }, forward) => {
        sent.push(new URL(url).pathname);
        const body = JSON.parse(new TextDecoder().decode(init.body as Bytes)) as object;
        return forward({
          body: utf8ToBytes(JSON.stringify({ ...body, aud: 'https://other.example' })) as Bytes,
        });
      },
      { handshakes: true },
    );
    for (const serverPins of [undefined, [PIN]]) {
      const client = world.client({ fetch, ...(serverPins && { serverPins }) });
      expect((await failure(post(client))).code).toBe('ISO-1007');
    }
    expect(new Set(sent)).toEqual(new Set([`${NEN_PATH}/handshake`]));
    expect(world.ran).toEqual([]);
  });
});

describe('rows 5 to 7: downgrades', () => {
  /** A client through somebody who alters the messages of its handshake. */
  async function altered(
    world: World,
    options: NenClientOptions,
    change: { hello?: (fields: Fields) => Fields; answer?: (fields: Fields) => Fields },
  ): Promise<{ error: NenError; handshakes: number }> {
    let handshakes = 0;
    const fetch = inTheMiddle(
      async ({ init }, forward) => {
        handshakes++;
        const hello = JSON.parse(new TextDecoder().decode(init.body as Bytes)) as Fields;
        const body = utf8ToBytes(JSON.stringify(change.hello?.(hello) ?? hello)) as Bytes;
        const response = await forward({ body });
        if (response.status !== 200) return response;
        const answer = (await response.json()) as Fields;
        return Response.json(change.answer?.(answer) ?? answer);
      },
      { handshakes: true },
    );
    const client = world.client({ fetch, ...options });
    const error = await failure(post(client));
    expect(error.outcome).toBe('not-run');
    expect(world.ran).toEqual([]);
    return { error, handshakes };
  }
  type Fields = Record<string, unknown>;
  const PINNED = { serverPins: [PIN] };

  test('row 5: the version is another in the hello, in the answer, in both', async () => {
    const world = await open();
    const down = (fields: Fields): Fields => ({ ...fields, v: 1 });
    for (const options of [{}, PINNED]) {
      expect((await altered(world, options, { hello: down })).error.code).toBe('ISO-1003');
      expect((await altered(world, options, { answer: down })).error.code).toBe('ISO-1007');
      expect((await altered(world, options, { hello: down, answer: down })).error.code).toBe('ISO-1003');
    }
  });

  test('row 6: a server that accepts one suite answers 1003 to the other, and the client changes nothing', async () => {
    for (const [accepted, asked] of [
      ['X-Wing', 'ML-KEM-768'],
      ['ML-KEM-768', 'X-Wing'],
    ] as const) {
      const world = await open({ suites: [accepted] });
      for (const options of [{}, PINNED]) {
        const { error, handshakes } = await altered(world, { ...options, suite: asked }, {});
        expect([error.code, error.status, handshakes]).toEqual(['ISO-1003', 400, 1]);
      }
      expect((await post(world.client({ ...PINNED, suite: accepted }))).status).toBe(200);
    }
  });

  test('row 6: the suite in the hello is another, with the key as it is, cut to it, or the attacker’s', async () => {
    const world = await open();
    const attacker = async (suite: SuiteName): Promise<string> =>
      base64Encode((await startHandshake(await loadSuite(p, suite), AUDIENCE)).hello.publicKey);
    const keys = { 'ML-KEM-768': await attacker('ML-KEM-768'), 'X-Wing': await attacker('X-Wing') };
    for (const options of [{}, PINNED]) {
      const to = (suite: string, pk?: (pk: string) => string) => (fields: Fields) => ({
        ...fields,
        suite,
        pk: pk?.(String(fields.pk)) ?? fields.pk,
      });
      const half = (pk: string): string =>
        base64Encode((base64Decode(pk) ?? new Uint8Array(0)).slice(0, 1184));
      const results = [];
      for (const [suite, hello] of [
        ['X-Wing', to('ML-KEM-768')],
        ['X-Wing', to('ML-KEM-768', half)],
        ['X-Wing', to('ML-KEM-768', () => keys['ML-KEM-768'])],
        ['ML-KEM-768', to('X-Wing')],
        ['ML-KEM-768', to('X-Wing', () => keys['X-Wing'])],
        ['ML-KEM-768', to('ML-KEM-512')],
        ['X-Wing', to('none')],
      ] as const) {
        results.push((await altered(world, { ...options, suite }, { hello })).error.code);
      }
      expect(results).toEqual([
        'ISO-1002',
        'ISO-1007',
        'ISO-1007',
        'ISO-1002',
        'ISO-1007',
        'ISO-1003',
        'ISO-1003',
      ]);
    }
  });

  test('row 7: the identity is stripped on the way: the server’s is missed, the client’s too', async () => {
    const authorize: Authorize = ({ identity }) => identity?.pin === pinOf(signers.alice);
    const world = await open({ authorize });
    const strip = (fields: Fields): Fields => {
      const { id: _id, ...stripped } = fields;
      return stripped;
    };
    const alice = { identityMode: 'pqc', identity: signers.alice } as const;
    expect((await altered(world, { ...PINNED, ...alice }, { answer: strip })).error.code).toBe('ISO-1006');
    expect((await altered(world, alice, { answer: strip })).error.code).toBe('ISO-1007');
    expect((await altered(world, { ...PINNED, ...alice }, { hello: strip })).error.code).toBe('ISO-1005');
    const unasked = await open();
    expect((await altered(unasked, { ...PINNED, ...alice }, { hello: strip })).error.code).toBe('ISO-1007');
    expect((await post(world.client({ ...PINNED, ...alice }))).status).toBe(200);
  });

  test('row 7: the identity is another’s, whose key signed the very hello: the client refuses the session', async () => {
    const world = await open();
    for (const options of [PINNED, { ...PINNED, identityMode: 'pqc', identity: signers.alice } as const]) {
      const { error } = await altered(world, options, {
        hello: (fields) => {
          const pk = base64Decode(String(fields.pk)) ?? new Uint8Array(0);
          const message = p.sha256(input('nen/2 client hello', String(fields.suite), pk, String(fields.aud)));
          const signature = signers.mallory.sign(message, utf8ToBytes('nen/2 client') as Bytes) as Bytes;
          return { ...fields, id: encodeIdentity({ publicKey: signers.mallory.publicKey, signature }) };
        },
      });
      expect(error.code).toBe('ISO-1007');
    }
    // The server made sessions that nobody can use: mallory has no key to them.
    expect(world.store.created).toHaveLength(2);
  });
});

describe('rows 9, 10 and 13 with X-Wing and identities', () => {
  test('row 9, 10: X-Wing keys of another length, with coefficients over q, of low order', async () => {
    const world = await open();
    const { publicKey } = (await startHandshake(await loadSuite(p, 'X-Wing'), AUDIENCE)).hello;
    const hello = (pk: Uint8Array) =>
      handshakeRequest(
        utf8ToBytes(
          JSON.stringify({ v: 2, suite: 'X-Wing', aud: AUDIENCE, pk: base64Encode(pk as Bytes) }),
        ) as Bytes,
      );
    const lengths = [1, 32, 1184, 1215, 1217, 2400].map((length) => new Uint8Array(length));
    const overQ = [0, 300, 1149].map((at) => publicKey.with(at, 0xff).with(at + 1, 0xff));
    const lowOrder = [0, 1].map(
      (first) => new Uint8Array([...publicKey.subarray(0, 1184), first, ...new Uint8Array(31)]),
    );
    for (const pk of [...lengths, ...overQ, ...lowOrder])
      expectPlainRefusal(await send(world, hello(pk)), 'ISO-1002');
    expect(world.store.created).toEqual([]);
    expect((await send(world, hello(publicKey))).status).toBe(200);
  });

  test('row 13: the X25519 half of the answer is a point of low order: a typed error, and nothing is sent', async () => {
    const world = await open();
    const paths: string[] = [];
    const fetch: Transport = async (url, init) => {
      paths.push(new URL(url).pathname);
      const response = await globalThis.fetch(url, init);
      const answer = (await response.json()) as { ct: string };
      const ct = base64Decode(answer.ct) ?? new Uint8Array(0);
      ct.fill(0, 1088);
      return Response.json({ ...answer, ct: base64Encode(ct) });
    };
    const error = await failure(post(world.client({ fetch, suite: 'X-Wing' })));
    expect([error.code, error.outcome]).toEqual(['ISO-1007', 'not-run']);
    expect(paths).toEqual([`${NEN_PATH}/handshake`]);
  });
});

// -------------------------------------------------------------------------------------------- the client's identity

describe("the client's identity", () => {
  const alice = { identityMode: 'pqc', identity: signers.alice } as const;
  const onlyAlice: Authorize = async ({ identity }) => identity?.pin === pinOf(signers.alice);

  test('row 7: a server that asks for one lets in whom it knows, and nobody else', async () => {
    const world = await open({ authorize: onlyAlice });
    for (const options of [
      {},
      { identityMode: 'pqc' },
      { identityMode: 'pqc', identity: signers.mallory },
    ] as const) {
      const error = await failure(post(world.client(options)));
      expect([error.code, error.status, error.outcome]).toEqual(['ISO-1005', 403, 'not-run']);
    }
    expect(world.store.created).toEqual([]);
    expect((await post(world.client(alice))).status).toBe(200);
  });

  test.each([
    ['says yes in another way', () => 'yes' as never, 'ISO-1005'],
    ['says nothing', () => undefined as never, 'ISO-1005'],
    ['says no', () => false, 'ISO-1005'],
    ['promises no', async () => false, 'ISO-1005'],
    [
      'throws',
      () => {
        throw new Error('database down');
      },
      'ISO-1007',
    ],
    ['fails', () => Promise.reject(new Error('database down')), 'ISO-1007'],
    // From a sealed call of its own to another server, whose words are none of this one.
    [
      'fails for a code of ours',
      () => Promise.reject(new Error('asked', { cause: new NenError('ISO-2002') })),
      'ISO-1007',
    ],
  ] as readonly (readonly [string, Authorize, string])[])(
    'row 7: an authorize that %s lets nobody in',
    async (_, authorize, code) => {
      const world = await open({ authorize });
      expect((await failure(post(world.client(alice)))).code).toBe(code);
      expect(world.store.created).toEqual([]);
      expect(world.ran).toEqual([]);
    },
  );

  test('a signer or a verifier that could not be loaded fails the handshake, and the next call tries again', async () => {
    const world = await open();
    const missing = new TypeError('Failed to fetch dynamically imported module');
    const options = { identityMode: 'pqc', serverPins: [PIN] } as const;
    const client = world.client(options);
    vi.mocked(loading.loadSigner).mockRejectedValueOnce(missing);
    const unsigned = await failure(post(client));
    expect([unsigned.code, unsigned.outcome, unsigned.cause]).toEqual(['ISO-1007', 'not-run', missing]);
    const other = world.client({ serverPins: [PIN] });
    vi.mocked(loading.loadVerifier).mockRejectedValueOnce(missing);
    const unverified = await failure(post(other));
    expect([unverified.code, unverified.outcome, unverified.cause]).toEqual(['ISO-1007', 'not-run', missing]);
    expect(world.ran).toEqual([]);
    for (const good of [client, other]) expect((await post(good)).status).toBe(200);
  });

  test('a verifier that is never there holds a handshake for no longer than a silent server', async () => {
    const world = await open();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    vi.mocked(loading.loadVerifier).mockClear();
    vi.mocked(loading.loadVerifier).mockReturnValueOnce(new Promise(() => undefined));
    const failed = failure(post(world.client({ serverPins: [PIN] })));
    await vi.waitFor(() => expect(loading.loadVerifier).toHaveBeenCalled(), 15_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([(await failed).code, (await failed).outcome]).toEqual(['ISO-1007', 'not-run']);
    expect(world.ran).toEqual([]);
  });

  test('its pin is what authorize and nen.session(req) are told, and no other', async () => {
    const seen: (ClientIdentity | undefined)[] = [];
    const world: World = await open({
      authorize: ({ identity, req }) => {
        seen.push(identity);
        return req.headers.get('content-type') === 'application/json';
      },
      echo: (req) => Response.json({ identity: world.nen.session(req)?.identity ?? null }),
    });
    const told = async (options: NenClientOptions): Promise<unknown> =>
      ((await (await post(world.client(options))).json()) as { identity: unknown }).identity;
    expect(await told(alice)).toEqual({ pin: pinOf(signers.alice) });
    expect(await told({})).toBeNull();
    const fresh = [
      await told({ identityMode: 'pqc' }),
      await told({ identityMode: 'pqc' }),
    ] as ClientIdentity[];
    for (const { pin } of fresh) expect(pin).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(fresh.map(({ pin }) => pin)).size).toBe(2);
    expect(seen).toEqual([{ pin: pinOf(signers.alice) }, undefined, ...fresh]);
  });

  test('a fresh one is kept for the life of the client, over handshakes and rotations', async () => {
    const world: World = await open({
      echo: (req) => Response.json({ pin: world.nen.session(req)?.identity?.pin ?? null }),
    });
    const client = world.client({ identityMode: 'pqc', serverPins: [PIN] });
    const pins: unknown[] = [];
    const ask = async (): Promise<void> => {
      pins.push(((await (await post(client)).json()) as { pin: unknown }).pin);
    };
    await ask();
    await client.rotate();
    await ask();
    await client.handshake();
    await ask();
    await client.rotate();
    await ask();
    expect(pins[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(pins).size).toBe(1);
  });

  test('a rotation asks authorize again; refused, the old session stays', async () => {
    const allowed = new Set([pinOf(signers.alice)]);
    const world = await open({ authorize: ({ identity }) => allowed.has(identity?.pin ?? '') });
    const client = world.client(alice);
    expect((await post(client)).status).toBe(200);
    await client.rotate();
    allowed.clear();
    const error = await failure(client.rotate());
    expect([error.code, error.outcome]).toEqual(['ISO-1005', 'unknown']);
    expect((await post(client)).status).toBe(200);
    expect((await failure(client.handshake())).code).toBe('ISO-1005');
  });

  test('a rotation can’t carry an identity of its own, good or bad', async () => {
    const world = await open();
    const session = await openSession(world);
    await expectGood(world, session);
    const suite = await loadSuite(p, 'ML-KEM-768');
    const { hello } = await startHandshake(suite, AUDIENCE, { identity: signers.mallory });
    const call = await session.seal({ target: `${NEN_PATH}/rotate`, payload: encodeClientHello(hello) });
    await expectSealedRefusal(call, await send(world, call), 'ISO-1001');
    await expectGood(world, session);
  });

  test('a recorded handshake is played again: the attacker gets a session that he can’t use, and whose owner nobody is taken for', async () => {
    const identities: unknown[] = [];
    const world: World = await open({
      authorize: onlyAlice,
      echo: (req) => {
        identities.push(world.nen.session(req)?.identity);
        return Response.json({ method: 'POST' });
      },
    });
    const recorded: Bytes[] = [];
    const victim = world.client({
      ...alice,
      fetch: (url, init) => {
        if (url.endsWith('/handshake')) recorded.push(init.body as Bytes);
        return fetch(url, init);
      },
    });
    expect((await post(victim)).status).toBe(200);
    const replayed = await send(world, handshakeRequest(recorded[0] ?? new Uint8Array(0)));
    expect(replayed.status).toBe(200);
    const { sid } = JSON.parse(replayed.text) as { sid: string };
    const nonce = base64Encode(new Uint8Array(12).fill(7));
    const timestamp = String(world.clock.now());
    const signature = base64Encode(new Uint8Array(32));
    const guess = {
      'X-Nen-Session': sid,
      'X-Nen-Timestamp': timestamp,
      'X-Nen-Nonce': nonce,
      'X-Nen-Signature': signature,
      'Content-Type': 'application/json',
    };
    const body = utf8ToBytes(`{"ct":"${base64Encode(new Uint8Array(40))}"}`) as Bytes;
    expectPlainRefusal(
      await send(world, { method: 'POST', target: ECHO_PATH, headers: guess, body }),
      'ISO-3002',
    );
    expect((await post(victim)).status).toBe(200);
    expect(identities).toEqual([{ pin: pinOf(signers.alice) }, { pin: pinOf(signers.alice) }]);
    // Nobody can confirm it, so it is gone after 30 s. (The session that was guessed at is in the server's cache.)
    const again = await send(world, handshakeRequest(recorded[0] ?? new Uint8Array(0)));
    const late = (JSON.parse(again.text) as { sid: string }).sid;
    world.clock.advance(30_000);
    const headers = {
      ...guess,
      'X-Nen-Session': late,
      'X-Nen-Timestamp': String(world.clock.now()),
    };
    expectPlainRefusal(await send(world, { method: 'POST', target: ECHO_PATH, headers, body }), 'ISO-2002');
  });

  test('a recorded handshake with the attacker’s key in it is refused: the signature covers the key', async () => {
    const world = await open({ authorize: onlyAlice });
    const suite = await loadSuite(p, 'ML-KEM-768');
    const { hello } = await startHandshake(suite, AUDIENCE, { identity: signers.alice });
    const own = await startHandshake(suite, AUDIENCE);
    const mixed = encodeClientHello({ ...hello, publicKey: own.hello.publicKey });
    expectPlainRefusal(await send(world, handshakeRequest(mixed)), 'ISO-1004');
    const elsewhere = encodeClientHello({ ...hello, audience: 'https://other.example' });
    expectPlainRefusal(await send(world, handshakeRequest(elsewhere)), 'ISO-1004');
    expect(world.store.created).toEqual([]);
    expect((await send(world, handshakeRequest(encodeClientHello(hello)))).status).toBe(200);
  });

  test('row 19: concurrent calls and handshakes share one signature', async () => {
    const world = await open();
    const sign = vi.fn(signers.alice.sign);
    const client = world.client({ identityMode: 'pqc', identity: { ...signers.alice, sign } });
    await Promise.all([
      client.handshake(),
      client.handshake(),
      post(client),
      post(client),
      client.exporter('x'),
    ]);
    expect(sign).toHaveBeenCalledTimes(1);
    expect(world.store.created).toHaveLength(1);
  });

  test('row 20: no randomness, no identity: nothing is sent', async () => {
    const world = await open();
    const sent = vi.fn();
    const client = world.client({
      identityMode: 'pqc',
      fetch: (url, init) => {
        sent(url);
        return fetch(url, init);
      },
    });
    for (const generator of [
      () => {
        throw new Error('no randomness');
      },
      () => new Uint8Array(0),
    ]) {
      vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation(generator as never);
      // What was drawn before is good, and lasts for 4 KiB.
      expect(() => {
        for (let i = 0; i < 200; i++) randomBytes(32);
      }).toThrow(/random/);
      await expect(client.handshake()).rejects.toThrow(/random/);
      expect(sent).not.toHaveBeenCalled();
      vi.restoreAllMocks();
    }
    expect((await post(client)).status).toBe(200);
  });
});

describe('row 121: identities in a flood', () => {
  async function helloWith(identity: { publicKey: Bytes; signature: Bytes }): Promise<Bytes> {
    const { hello } = await startHandshake(await loadSuite(p, 'ML-KEM-768'), AUDIENCE);
    return encodeClientHello({ ...hello, identity });
  }

  test('row 121: over the rate nothing is verified and nothing signed', async () => {
    const sign = vi.fn(signers.server.sign);
    const world = await open({
      identity: { ...signers.server, sign },
      rateLimit: tokenBucket({ perSecond: 1, burst: 2, global: { perSecond: 1, burst: 2 }, now: () => 0 }),
    });
    const honest = await openSession(world);
    await expectGood(world, honest);
    const forged = { publicKey: signers.alice.publicKey, signature: new Uint8Array(3309) };
    const body = await helloWith(forged);
    vi.mocked(loading.loadVerifier).mockClear();
    expectPlainRefusal(await send(world, handshakeRequest(body)), 'ISO-1004');
    expect(loading.loadVerifier).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 50; i++) expectPlainRefusal(await send(world, handshakeRequest(body)), 'ISO-1008');
    expect(loading.loadVerifier).toHaveBeenCalledTimes(1);
    expect(sign).toHaveBeenCalledTimes(1);
    expect(world.store.created).toHaveLength(1);
    await expectGood(world, honest);
  });

  test('row 121: what fails a cheaper check is not verified; what is not verified is neither asked about nor signed', async () => {
    const sign = vi.fn(signers.server.sign);
    const authorize = vi.fn(() => true);
    const world = await open({ identity: { ...signers.server, sign }, authorize, origins: [AUDIENCE] });
    const good = await startHandshake(await loadSuite(p, 'ML-KEM-768'), AUDIENCE, {
      identity: signers.alice,
    });
    const fields = JSON.parse(new TextDecoder().decode(encodeClientHello(good.hello))) as Record<
      string,
      unknown
    >;
    const id = fields.id as { pk: string; sig: string };
    const change = (other: Record<string, unknown>) =>
      send(world, handshakeRequest(utf8ToBytes(JSON.stringify({ ...fields, ...other })) as Bytes));
    vi.mocked(loading.loadVerifier).mockClear();
    expectPlainRefusal(await change({ v: 1 }), 'ISO-1003');
    expectPlainRefusal(await change({ suite: 'none' }), 'ISO-1003');
    expectPlainRefusal(await change({ aud: 'https://other.example' }), 'ISO-1003');
    expectPlainRefusal(await change({ pk: base64Encode(new Uint8Array(1184).fill(0xff)) }), 'ISO-1002');
    expectPlainRefusal(await change({ id: { ...id, sig: id.sig.slice(4) } }), 'ISO-1004');
    expectPlainRefusal(await change({ more: 'x'.repeat(9_000) }), 'ISO-4003');
    expect(loading.loadVerifier).not.toHaveBeenCalled();
    expectPlainRefusal(await change({ id: { ...id, sig: base64Encode(new Uint8Array(3309)) } }), 'ISO-1004');
    expect(loading.loadVerifier).toHaveBeenCalledTimes(1);
    expect(authorize).not.toHaveBeenCalled();
    expect(sign).not.toHaveBeenCalled();
    expect((await change({})).status).toBe(200);
    expect([authorize.mock.calls.length, sign.mock.calls.length]).toEqual([1, 1]);
  });

  test('row 16: 40 valid handshakes with identities, half-open, push out no confirmed session', async () => {
    const world = await open({ store: { maxUnconfirmed: 10 } });
    const confirmed = await openSession(world);
    await expectGood(world, confirmed);
    const { hello } = await startHandshake(await loadSuite(p, 'X-Wing'), AUDIENCE, {
      identity: signers.mallory,
    });
    const request = handshakeRequest(encodeClientHello(hello));
    for (let i = 0; i < 40; i++) expect((await send(world, request)).status).toBe(200);
    await expectGood(world, confirmed);
  });
});

// ---------------------------------------------------------------------------------------------- the server's identity

describe('row 144: a key is rolled', () => {
  const nextPin = pinOf(signers.next);

  test('row 144: clients with both pins come over; who has one of them takes that one only; any other is refused', async () => {
    const before = await open();
    const after = await open({ identity: signers.next, sharedWith: before });
    const routes = { to: before };
    const led: Transport = (url, init) => fetch(routes.to.url + url.slice(before.url.length), init);
    const clients = {
      both: before.client({ fetch: led, serverPins: [PIN, nextPin] }),
      old: before.client({ fetch: led, serverPins: [PIN] }),
      next: before.client({ fetch: led, serverPins: [nextPin] }),
      none: before.client({ fetch: led, serverPins: [pinOf(signers.mallory)] }),
    };
    const results = async (): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const [name, client] of Object.entries(clients)) {
        found[name] = await post(client).then(
          ({ status }) => String(status),
          (error: unknown) => NenError.from(error)?.code ?? String(error),
        );
      }
      return found;
    };
    expect(await results()).toEqual({ both: '200', old: '200', next: 'ISO-1006', none: 'ISO-1006' });
    // One store, another key: sessions of the old one are unknown, and the clients handshake once more.
    routes.to = after;
    expect(await results()).toEqual({ both: '200', old: 'ISO-1006', next: '200', none: 'ISO-1006' });
    expect(after.ran).toHaveLength(2);
    // And back, should the roll fail.
    routes.to = before;
    expect(await results()).toEqual({ both: '200', old: '200', next: 'ISO-1006', none: 'ISO-1006' });
  });

  test('row 144: the error names the key by its pin in the hint, and nothing in the message', async () => {
    const world = await open({ identity: signers.next });
    const error = await failure(post(world.client({ serverPins: [PIN] })));
    expect(error.message).toBe('The server identity is missing, not pinned or invalid.');
    expect(error.hint).toContain(nextPin);
    expect(inspect(error, { depth: 9 })).not.toContain(base64Encode(signers.next.publicKey).slice(0, 40));
  });
});

describe('a signer in a KMS', () => {
  test('signs over the network', async () => {
    const sign = vi.fn(async (message: Bytes, context: Bytes) => {
      await new Promise((resolve) => setImmediate(resolve));
      return signers.server.sign(message, context);
    });
    const world = await open({ identity: { ...signers.server, keyId: 'kms/1', sign } });
    const client = world.client({ serverPins: [PIN] });
    for (const response of await Promise.all([post(client), post(client), post(client)]))
      expect(response.status).toBe(200);
    await client.rotate();
    // Once for each handshake; a rotation inherits.
    expect(sign).toHaveBeenCalledTimes(1);
    expect(sign.mock.calls[0]?.[0]).toHaveLength(32);
    expect(new TextDecoder().decode(sign.mock.calls[0]?.[1])).toBe('nen/2 server');
  });

  test.each([
    ['fails', () => Promise.reject(new Error('AccessDenied: key arn:secret'))],
    [
      'throws',
      () => {
        throw new Error('AccessDenied: key arn:secret');
      },
    ],
    ['gives another kind of signature', async () => new Uint8Array(64)],
    ['gives nothing', async () => undefined as never],
  ] as readonly (readonly [string, Signer['sign']])[])(
    'that %s is a typed refusal, whose reason stays in the log, without its text',
    async (_, broken) => {
      let sign: Signer['sign'] = broken;
      const world = await open({ identity: { ...signers.server, sign: (...args) => sign(...args) } });
      const client = world.client({ serverPins: [PIN] });
      const error = await failure(post(client));
      expect([error.code, error.status, error.outcome]).toEqual(['ISO-1008', 429, 'not-run']);
      expect(world.events.at(-1)).toMatchObject({
        type: 'refused',
        code: 'ISO-1008',
        hint: expect.stringContaining('signer'),
      });
      expect(inspect(world.events)).not.toContain('arn:secret');
      expect(world.store.created).toEqual([]);
      sign = signers.server.sign;
      expect((await post(client)).status).toBe(200);
    },
  );

  test('that never answers holds no handshake for longer than 5 s, and no more than 256 of them', async () => {
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const calls: (() => void)[] = [];
    let silent = true;
    const sign: Signer['sign'] = (...args) => {
      if (!silent) return signers.server.sign(...args);
      return new Promise((_, reject) => calls.push(() => reject(new Error('late'))));
    };
    const world = await open({ identity: { ...signers.server, sign }, rateLimit: () => 0 });
    const { hello } = await startHandshake(await loadSuite(p, 'ML-KEM-768'), AUDIENCE);
    const request = handshakeRequest(encodeClientHello(hello));
    const handshakes = (many: number): Promise<WireResponse[]> =>
      Promise.all(Array.from({ length: many }, () => send(world, request)));
    const waiting: Promise<WireResponse[]>[] = [];
    // No more at once than may wait for their turn.
    for (let asked = 64; asked <= 256; asked += 64) {
      waiting.push(handshakes(64));
      await until('all of them wait', () => calls.length === asked);
    }
    // What is over the limit is not even asked for.
    for (const answer of await handshakes(20)) expectPlainRefusal(answer, 'ISO-1008');
    expect(calls).toHaveLength(256);
    expect(world.events.at(-1)).toMatchObject({
      hint: "the server's signer (key server) failed (SignerBusyError)",
    });
    vi.advanceTimersByTime(4_999);
    expect(world.events.filter(({ type }) => type === 'refused')).toHaveLength(20);
    vi.advanceTimersByTime(1);
    for (const answer of (await Promise.all(waiting)).flat()) expectPlainRefusal(answer, 'ISO-1008');
    expect(world.events.at(-1)).toMatchObject({
      hint: "the server's signer (key server) failed (SignerTimeoutError)",
    });
    expect(vi.getTimerCount()).toBe(0);
    expect(world.store.created).toEqual([]);
    // Once it answers again, so does the server; what comes late is nothing to anybody.
    silent = false;
    vi.useRealTimers();
    for (const late of calls) late();
    expect((await post(world.client({ serverPins: [PIN] }))).status).toBe(200);
    expect(world.store.created).toHaveLength(1);
  });

  test('that signs with another key than it shows is nobody’s server', async () => {
    const world = await open({ identity: { ...signers.server, sign: signers.mallory.sign } });
    for (const options of [{}, { serverPins: [PIN] }]) {
      expect((await failure(post(world.client(options)))).code).toBe('ISO-1006');
    }
  });
});

describe('identity of createNen', () => {
  test('is a seed as base64 or base64url, or a signer, or NEN_IDENTITY', async () => {
    const pinned = { serverPins: [PIN] };
    for (const identity of [IDENTITY, base64UrlEncode(SEEDS.server), signers.server]) {
      expect((await post((await open({ identity })).client(pinned))).status).toBe(200);
    }
    vi.stubEnv('NEN_IDENTITY', IDENTITY);
    const world = await startWorld();
    onTestFinished(() => world.close());
    expect((await post(world.client(pinned))).status).toBe(200);
  });

  test.each([
    ['an empty text', ''],
    ['white space around it', ` ${IDENTITY}`],
    ['a shorter seed', base64Encode(new Uint8Array(31))],
    ['a longer seed', base64Encode(new Uint8Array(64))],
    ['hex', '01'.repeat(32)],
    ['null', null],
    ['a number', 5],
    ['bytes', SEEDS.server],
    ['a signer without sign', { ...signers.server, sign: undefined }],
    ['a signer with a key of another length', { ...signers.server, publicKey: new Uint8Array(1312) }],
    ['a signer whose key is a text', { ...signers.server, publicKey: 'x'.repeat(1952) }],
  ] as readonly (readonly [string, unknown])[])('is refused at once as a TypeError: %s', (_, identity) => {
    expect(() => createNen({ identity } as never)).toThrow(TypeError);
  });

  test('in a malformed NEN_IDENTITY lets a build import its routes, and refuses every handshake', async () => {
    vi.stubEnv('NEN_IDENTITY', 'c2hvcnQ-planted');
    const world = await startWorld();
    onTestFinished(() => world.close());
    await expect(world.nen.check()).rejects.toMatchObject({ code: 'ISO-1008' });
    expect((await failure(post(world.client()))).code).toBe('ISO-1008');
    expect(inspect(world.events)).not.toContain('planted');
  });
});

// ------------------------------------------------------------------------------------------- where keys must not show

/** What is fetched by import(), when an identity or X-Wing is asked for: nothing that could take a seed comes before. */
const LATER =
  /(^|[^-])ml-dsa(-65)?\.(ts|js)$|ml-dsa-65-signer|noble\/curves\/(ed25519|abstract\/(edwards|montgomery))|\/x-wing\.ts|x25519-noble/;

describe('row 132: private keys', () => {
  test('row 132: show in no error, event, log or inspection of server and client', async () => {
    const logged: unknown[] = [];
    for (const method of ['log', 'warn', 'error', 'info', 'debug'] as const)
      vi.spyOn(console, method).mockImplementation((...args) => void logged.push(args));
    const world = await open();
    const client = world.client({ serverPins: [PIN], identityMode: 'pqc', identity: signers.alice });
    await post(client);
    await client.rotate();
    const errors = [
      await failure(post(world.client({ serverPins: [pinOf(signers.mallory)] }))),
      await failure(post((await open({ authorize: () => false })).client())),
    ];
    const shown = [world.nen, client, world.events, logged, errors, signers.server, world.nen.routes]
      .map((value) =>
        inspect(value, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null }),
      )
      .concat(JSON.stringify([world.events, errors, client]));
    const { secretKey } = ml_dsa65.keygen(SEEDS.server);
    const secret = secretKey.slice(0, 200);
    for (const text of shown) {
      for (const key of [SEEDS.server, SEEDS.alice, secret]) {
        expect(text).not.toContain(base64Encode(key));
        expect(text).not.toContain(base64UrlEncode(key));
        expect(text).not.toContain(Buffer.from(key).toString('hex'));
        expect(text).not.toContain([...key].join(', '));
      }
    }
  });

  test('row 132: a client bundle has no code of the server, nothing of its variables, and nothing that makes keys of seeds until it is asked for', async () => {
    for (const entry of ['src/link/index.ts', 'src/link/client/index.ts']) {
      const { outputFiles, metafile } = await build({
        entryPoints: [entry],
        bundle: true,
        splitting: true,
        outdir: 'bundle',
        format: 'esm',
        platform: 'browser',
        external: ['@trpc/*'],
        metafile: true,
        // A bundler that was told to write the variable out.
        define: { 'process.env.NEN_IDENTITY': '"PLANTED-SEED"' },
        write: false,
        logLevel: 'error',
      });
      const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
      expect(inputs.filter((file) => /^src\/(adapter|session)\//.test(file))).toEqual([]);
      for (const { text } of outputFiles) expect(text.includes('PLANTED-SEED')).toBe(false);
      const [main] = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entry) ?? [
        '',
      ];
      const atOnce = new Set<string>();
      const follow = (path: string): void => {
        if (atOnce.has(path)) return;
        atOnce.add(path);
        for (const { path: next, kind } of metafile.outputs[path]?.imports ?? [])
          if (kind === 'import-statement' && next in metafile.outputs) follow(next);
      };
      follow(main);
      const loaded = [...atOnce].flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {}));
      expect(loaded.length).toBeGreaterThan(10);
      expect(loaded.filter((file) => LATER.test(file))).toEqual([]);
    }
  });

  test('row 132: the server refuses to be made in a page', () => {
    vi.stubGlobal('document', {});
    vi.stubGlobal('window', globalThis);
    expect(() => createNen({ identity: IDENTITY })).toThrow(/loaded in a browser/);
  });
});

describe('row 157: two origins, one identity, one store', () => {
  test('row 157: handshakes and requests of one are carried to the other', async () => {
    const [a, b] = ['https://a.example', 'https://b.example'] as const;
    const first = await open({ origins: [a] });
    const second = await open({ origins: [b], sharedWith: first });
    const [atA, atB] = [await openSession(first, a), await openSession(second, b)];
    await expectGood(first, atA);
    await expectGood(second, atB);
    const suite = await loadSuite(p, 'ML-KEM-768');
    const forA = encodeClientHello((await startHandshake(suite, a, { identity: signers.alice })).hello);
    expectPlainRefusal(await send(second, handshakeRequest(forA)), 'ISO-1003');
    const claims = first.store.claims.length;
    expectPlainRefusal(await send(second, await atA.seal()), 'ISO-2002');
    expectPlainRefusal(await send(first, await atB.seal()), 'ISO-2002');
    const rotation = encodeClientHello((await startHandshake(suite, b)).hello);
    const moved = await atA.seal({ target: `${NEN_PATH}/rotate`, payload: rotation });
    await expectSealedRefusal(moved, await send(first, moved), 'ISO-1003');
    expect(first.store.claims.length).toBe(claims + 1);
    await expectGood(first, atA);
    await expectGood(second, atB);
  });

  test('row 157: two identities over one store: a session belongs to one of them', async () => {
    const first = await open();
    const second = await open({ identity: signers.next, sharedWith: first });
    const bare = await startWorld({ rateLimit: () => 0, sharedWith: first });
    onTestFinished(() => bare.close());
    const session = await openSession(first);
    await expectGood(first, session);
    for (const other of [second, bare])
      expectPlainRefusal(await send(other, await session.seal()), 'ISO-2002');
    const unsigned = await openSession(bare);
    expectPlainRefusal(await send(first, await unsigned.seal()), 'ISO-2002');
    await expectGood(first, session);
    await expectGood(bare, unsigned);
  });
});

test('row 158: a pin list that is empty, undefined or malformed is a TypeError, and no call is sent', () => {
  const fetch = vi.fn();
  const lists: unknown[] = [
    undefined,
    null,
    [],
    [undefined],
    [PIN, undefined],
    [PIN.slice(1)],
    PIN,
    [`${PIN}=`],
  ];
  for (const serverPins of lists) {
    const options = { serverPins, fetch } as unknown as NenClientOptions;
    expect(() => new NenClient('https://app.example', options)).toThrow(TypeError);
    expect(() => nenLink({ url: 'https://app.example/api/trpc', ...options })).toThrow(TypeError);
  }
  expect(fetch).not.toHaveBeenCalled();
  expect(() => new NenClient('https://app.example', { serverPins: [PIN] })).not.toThrow();
});

// ------------------------------------------------------------------------------------------------- channel binding

describe('exported keys bind a login to its session', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  test('both ends have the same, for each label and session another', async () => {
    const world: World = await open({
      echo: async (req) => {
        const { label } = (await req.json()) as { label: string };
        return Response.json({ key: hex(world.nen.session(req)?.exporter(label) ?? new Uint8Array(0)) });
      },
    });
    const keys = new Set<string>();
    const compare = async (client: NenClient, label: string): Promise<void> => {
      const response = await post(client, JSON.stringify({ label }));
      const { key } = (await response.json()) as { key: string };
      expect(key).toBe(hex(await client.exporter(label)));
      expect(key).toHaveLength(64);
      keys.add(key);
    };
    const clients = [world.client({ serverPins: [PIN] }), world.client({ suite: 'X-Wing' })];
    for (const client of clients) for (const label of ['login', 'csrf']) await compare(client, label);
    await clients[0]?.rotate();
    for (const client of clients) await compare(client, 'login');
    expect(keys.size).toBe(5);
  });

  test('a cookie that was bound to one session is of no use in the attacker’s own', async () => {
    const binding = (req: Request): string =>
      hex(world.nen.session(req)?.exporter('cookie') ?? new Uint8Array(0));
    const world: World = await open({
      echo: async (req) => {
        if ((await req.text()) === 'login') return Response.json({ cookie: `user-1.${binding(req)}` });
        const [user, bound] = (req.headers.get('x-cookie') ?? '').split('.');
        return Response.json({ user: bound === binding(req) ? user : null });
      },
    });
    const victim = world.client({ serverPins: [PIN] });
    const { cookie } = (await (await post(victim, 'login')).json()) as { cookie: string };
    const asks = async (client: NenClient): Promise<unknown> =>
      (await post(client, 'who', { 'x-cookie': cookie })).json();
    expect(await asks(victim)).toEqual({ user: 'user-1' });
    expect(await asks(world.client({ serverPins: [PIN] }))).toEqual({ user: null });
  });
});
