/**
 * Whoever changes anything of a handshake on the way, with identities and without, in either suite: both sides end
 * with one session that names both identities, or the side that sees the fault ends with its code.
 */
import { describe, expect, it } from 'vitest';
import { type Bytes, base64Decode, base64Encode, concatBytes } from '../../src/crypto/bytes.ts';
import { createMlDsa65Signer, mlDsa65Verifier } from '../../src/crypto/ml-dsa-65.ts';
import type { KemKeyPair } from '../../src/crypto/primitives.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { SignatureVerifier, Signer } from '../../src/crypto/signature.ts';
import { loadSuite, type Suite, type SuiteName } from '../../src/crypto/suite.ts';
import {
  answerHandshake,
  finishHandshake,
  type NewSession,
  type PendingHandshake,
  type ServerTrust,
  startHandshake,
  UNPINNED,
  verifyClientIdentity,
} from '../../src/protocol/handshake.ts';
import {
  decodeClientHello,
  encodeClientHello,
  type HandshakePolicy,
} from '../../src/protocol/handshake-messages.ts';
import {
  clientHelloDigest,
  encodeIdentity,
  encodePin,
  identityDigest,
  proveIdentity,
  type Role,
  verifyIdentity,
} from '../../src/protocol/identity.ts';
import { input } from '../../src/protocol/input.ts';
import type { PreviousSession } from '../../src/protocol/key-schedule.ts';
import { exportKey, importKeys, wipeKeys } from '../../src/protocol/keys.ts';
import {
  AUD,
  ascii,
  codeOf,
  errorOf,
  type Fields,
  flip,
  hex,
  json,
  LONG,
  named,
  parse,
  secretsOf,
  sessionOf,
  sidOf,
  terms,
  text,
} from './support.ts';

const p = primitives();
const OTHER_AUD = 'https://other.example';
const suites = { 'ML-KEM-768': await loadSuite(p, 'ML-KEM-768'), 'X-Wing': await loadSuite(p, 'X-Wing') };
/** The most generous server: whatever is changed must be noticed all the same. */
const policy: HandshakePolicy = { suites: Object.values(suites), origins: undefined };

const signerOf = (name: string): Signer => createMlDsa65Signer(named(`identity ${name}`), name);
const pinOf = (signer: Signer): string => encodePin(identityDigest(p, signer.publicKey));
const alice = signerOf('alice');
const server = signerOf('server');
const mallory = signerOf('mallory');
const loadVerifier = async (): Promise<SignatureVerifier> => mlDsa65Verifier();
const pinned = (...signers: readonly Signer[]): ServerTrust => ({
  pins: new Set(signers.map(pinOf)),
  loadVerifier,
});

interface Options {
  readonly suite?: SuiteName;
  readonly client?: Signer | undefined;
  readonly server?: Signer | undefined;
  readonly previous?: PreviousSession;
}

/** The client's half that outlives a try: one key pair for many altered answers. */
async function begin({ suite = 'ML-KEM-768', client, previous }: Options = {}): Promise<PendingHandshake> {
  const pending = await startHandshake(suites[suite], AUD, { identity: client, previous });
  const { publicKey } = pending.keyPair;
  const keyPair: KemKeyPair = {
    publicKey,
    decapsulate: (ciphertext) => pending.keyPair.decapsulate(ciphertext),
    wipe: () => undefined,
  };
  return { ...pending, keyPair };
}

interface Answered {
  readonly session: NewSession;
  readonly answer: Bytes;
}

/** The server's half: all that routes.ts does with a hello. */
async function serve(hello: Bytes, { server: identity, previous }: Options = {}): Promise<Answered> {
  const decoded = decodeClientHello(hello, policy);
  const clientIdentity = await verifyClientIdentity(p, decoded, loadVerifier);
  return answerHandshake(p, decoded, { terms, clientIdentity, identity, previous });
}

/** What becomes of a handshake in which each message may be altered. */
async function outcome(
  pending: PendingHandshake,
  options: Options,
  trust: ServerTrust,
  alter: { hello?: (bytes: Bytes) => Bytes; answer?: (bytes: Bytes) => Bytes },
): Promise<string> {
  const same = (bytes: Bytes): Bytes => bytes;
  return codeOf(async () => {
    const { answer } = await serve((alter.hello ?? same)(encodeClientHello(pending.hello)), options);
    await finishHandshake(p, pending, (alter.answer ?? same)(answer), trust);
  });
}

const withFields =
  (change: (fields: Fields) => Fields) =>
  (bytes: Bytes): Bytes =>
    json(change(parse(bytes)));

/** Without its identity. */
function stripped(fields: Fields): Fields {
  const { id: _id, ...rest } = fields;
  return rest;
}

describe('a signature', () => {
  const message = named('message');

  it('is good for its role only', async () => {
    for (const role of ['client', 'server'] as const) {
      const proof = await proveIdentity(alice, role, message);
      for (const asked of ['client', 'server'] as const) {
        expect(await verifyIdentity(mlDsa65Verifier(), asked, message, proof)).toBe(asked === role);
      }
    }
  });

  it('is that of PROTOCOL.md: ML-DSA-65 with the context of the role', async () => {
    const { signature } = await proveIdentity(alice, 'client', message);
    const verify = (context: string) =>
      mlDsa65Verifier().verify(alice.publicKey, message, signature, ascii(context));
    expect(await verify('nen/2 client')).toBe(true);
    expect(await verify('nen/2 server')).toBe(false);
    expect(hex(await clientHelloDigest(p, 'X-Wing', message, AUD))).toBe(
      hex(p.sha256(input('nen/2 client hello', 'X-Wing', message, AUD))),
    );
  });

  it.each([
    ['fails', 'client', 'ISO-1004'],
    ['fails', 'server', 'ISO-1008'],
    ['gives too little', 'client', 'ISO-1004'],
    ['gives too little', 'server', 'ISO-1008'],
    ['gives nothing', 'client', 'ISO-1004'],
    ['gives nothing', 'server', 'ISO-1008'],
  ] as const)('of a signer that %s is a typed error of the %s: %s', async (how, role: Role, code) => {
    const results = {
      fails: () => Promise.reject(new Error('kms: AccessDenied secret-token')),
      'gives too little': async () => new Uint8Array(3308),
      'gives nothing': async () => undefined as unknown as Bytes,
    };
    const broken: Signer = { ...alice, sign: results[how] };
    const error = await errorOf(() => proveIdentity(broken, role, message));
    expect(error).toMatchObject({ code, outcome: 'not-run' });
    expect(error.hint).not.toContain('secret-token');
    expect(error.message).not.toContain('secret-token');
  });

  it('whose signer fails leaves no ephemeral key behind', async () => {
    let wiped = 0;
    const suite: Suite = {
      ...suites['ML-KEM-768'],
      kem: {
        ...suites['ML-KEM-768'].kem,
        async generateKeyPair(random) {
          const pair = await suites['ML-KEM-768'].kem.generateKeyPair(random);
          return { ...pair, wipe: () => wiped++ };
        },
      },
    };
    const broken: Signer = { ...alice, sign: () => Promise.reject(new Error('no')) };
    expect(await codeOf(() => startHandshake(suite, AUD, { identity: broken }))).toBe('ISO-1004');
    expect(wiped).toBe(1);
  });
});

const KINDS = [
  ['neither side has an identity', undefined, undefined],
  ['the server has an identity', undefined, server],
  ['the client has an identity', alice, undefined],
  ['both have one', alice, server],
] as const;

describe.each(['ML-KEM-768', 'X-Wing'] as const)('a handshake of suite %s', (suite) => {
  it.each(KINDS)('gives both sides one session if %s', async (_, client, identity) => {
    const pending = await begin({ suite, client });
    const { session, answer } = await serve(encodeClientHello(pending.hello), { server: identity });
    const trust = identity === undefined ? UNPINNED : pinned(identity);
    const mine = await finishHandshake(p, pending, answer, trust);
    expect(mine).toEqual(session);
    expect(mine.clientIdentity).toEqual(client && p.sha256(client.publicKey));
    expect(mine.serverIdentity).toEqual(identity && p.sha256(identity.publicKey));
    expect(Object.keys(parse(encodeClientHello(pending.hello)))).toEqual(
      client === undefined ? ['v', 'suite', 'aud', 'pk'] : ['v', 'suite', 'aud', 'pk', 'id'],
    );
    expect(Object.keys(parse(answer))).toEqual(
      identity === undefined ? ['v', 'sid', 'ct', 'hs'] : ['v', 'sid', 'ct', 'hs', 'id'],
    );
    // Within the 16 KiB that a server reads.
    expect(encodeClientHello(pending.hello).length).toBeLessThan(9000);
    expect(answer.length).toBeLessThan(9000);
  });

  it('has both identities in its transcript, by the formula of PROTOCOL.md', async () => {
    const pending = await begin({ suite, client: alice });
    const { session, answer } = await serve(encodeClientHello(pending.hello), { server });
    const { sid, ct, hs, id } = parse(answer) as { sid: string; ct: string; hs: string; id: { sig: string } };
    const ciphertext = base64Decode(ct) ?? new Uint8Array(0);
    const transcript = p.sha256(
      input(
        'nen/2 transcript',
        suite,
        AUD,
        pending.keyPair.publicKey,
        p.sha256(alice.publicKey),
        sid,
        ciphertext,
        p.sha256(server.publicKey),
        '',
      ),
    );
    const shared = Uint8Array.from(await pending.keyPair.decapsulate(ciphertext));
    const prk = p.macKey(p.extract(transcript, shared));
    expect(hex(p.expand(prk, input('nen/2 request key')))).toBe(hex(session.secrets.requestKey));
    const handshakeKey = p.aeadKey(p.expand(prk, input('nen/2 handshake key')));
    const box = base64Decode(hs) ?? new Uint8Array(0);
    expect(text(await handshakeKey.open(new Uint8Array(12), transcript, box))).toContain('epoch-1');
    const signature = base64Decode(id.sig) ?? new Uint8Array(0);
    const context = ascii('nen/2 server');
    expect(await mlDsa65Verifier().verify(server.publicKey, transcript, signature, context)).toBe(true);
  });

  it('is of no use to a client that meant the other suite', async () => {
    const other: SuiteName = suite === 'X-Wing' ? 'ML-KEM-768' : 'X-Wing';
    const pending = await begin({ suite });
    const { publicKey } = await suites[other].kem.generateKeyPair(randomBytes);
    const swap = withFields((fields) => ({ ...fields, suite: other, pk: base64Encode(publicKey) }));
    expect(await outcome(pending, {}, UNPINNED, { hello: swap })).toBe('ISO-1007');
    const renamed = withFields((fields) => ({ ...fields, suite: other }));
    expect(await outcome(pending, {}, UNPINNED, { hello: renamed })).toBe('ISO-1002');
    const signed = await begin({ suite, client: alice });
    expect(await outcome(signed, {}, UNPINNED, { hello: swap })).toBe('ISO-1004');
  });

  /** A bit of every region of both messages, and in the long run every fifth bit. */
  const sample = (length: number): number[] => {
    const step = LONG ? 5 : Math.ceil((length * 8) / 64);
    return Array.from({ length: Math.floor((length * 8) / step) }, (_, i) => i * step + (i % 8));
  };

  it.each(KINDS)(
    'never comes about with a bit of either message turned over, if %s',
    {
      timeout: LONG ? 3_600_000 : 30_000,
    },
    async (_, client, identity) => {
      const pending = await begin({ suite, client });
      const trusts = identity === undefined ? [UNPINNED] : [UNPINNED, pinned(identity)];
      const hello = encodeClientHello(pending.hello);
      const codes = new Map<string, Set<string>>();
      const note = (message: string, code: string, bit: number): void => {
        expect(code, `bit ${bit} of the ${message}`).not.toBe('ok');
        codes.set(message, (codes.get(message) ?? new Set()).add(code));
      };
      for (const bit of sample(hello.length)) {
        const altered = { hello: () => flip(hello, bit) };
        note('hello', await outcome(pending, { server: identity }, UNPINNED, altered), bit);
      }
      const { answer } = await serve(hello, { server: identity });
      for (const trust of trusts) {
        for (const bit of sample(answer.length)) {
          const altered = (): Promise<unknown> => finishHandshake(p, pending, flip(answer, bit), trust);
          note('answer', await codeOf(altered), bit);
        }
        expect(await codeOf(() => finishHandshake(p, pending, answer, trust))).toBe('ok');
      }
      const ofHello = ['ISO-1001', 'ISO-1002', 'ISO-1003', 'ISO-1004', 'ISO-1007'];
      for (const code of codes.get('hello') ?? []) expect(ofHello).toContain(code);
      for (const code of codes.get('answer') ?? []) expect(['ISO-1006', 'ISO-1007']).toContain(code);
    },
  );
});

/** Of whoever stands between. */
const between = (await begin()).hello;

describe('a hello that is altered', () => {
  const honest = { server };

  it.each([
    ['another version', { v: 1 }, 'ISO-1003', 'ISO-1003'],
    ['a suite that nobody has', { suite: 'ML-KEM-512' }, 'ISO-1003', 'ISO-1003'],
    ['another origin, which the server takes as well', { aud: OTHER_AUD }, 'ISO-1007', 'ISO-1004'],
    ['the key of whoever stands between', { pk: base64Encode(between.publicKey) }, 'ISO-1007', 'ISO-1004'],
    ['no key', { pk: '' }, 'ISO-1001', 'ISO-1001'],
    ['a field more', { prefer: 'ML-KEM-768' }, 'ISO-1001', 'ISO-1001'],
  ])('to have %s: without a client identity, with one', async (_, change, without, withOne) => {
    const hello = withFields((fields) => ({ ...fields, ...change }));
    for (const trust of [UNPINNED, pinned(server)]) {
      expect(await outcome(await begin(), honest, trust, { hello })).toBe(without);
      expect(await outcome(await begin({ client: alice }), honest, trust, { hello })).toBe(withOne);
    }
  });

  it('to lack its identity, or to have one that is not its own: the client ends with 1007', async () => {
    const { hello } = await begin({ client: mallory });
    const strip = withFields(stripped);
    expect(await outcome(await begin({ client: alice }), honest, pinned(server), { hello: strip })).toBe(
      'ISO-1007',
    );
    // Mallory's key over the client's own hello: the server believes it, the client does not.
    for (const client of [undefined, alice]) {
      const pending = await begin({ client });
      const digest = await clientHelloDigest(p, 'ML-KEM-768', pending.hello.publicKey, AUD);
      const id = encodeIdentity(await proveIdentity(mallory, 'client', digest));
      const claim = withFields((fields) => ({ ...fields, id }));
      expect(await codeOf(() => serve(claim(encodeClientHello(pending.hello)), honest))).toBe('ok');
      expect(await outcome(pending, honest, pinned(server), { hello: claim })).toBe('ISO-1007');
    }
    expect(hello.identity).toBeDefined();
  });

  it('to carry a signature that was made for something else: 1004', async () => {
    const pending = await begin({ client: alice });
    const { publicKey } = pending.hello;
    const other = await begin({ client: alice });
    const digest = (suite: string, key: Bytes, aud: string) => clientHelloDigest(p, suite, key, aud);
    const mine = await digest('ML-KEM-768', publicKey, AUD);
    const made = [
      other.hello.identity,
      await proveIdentity(alice, 'server', mine),
      await proveIdentity(alice, 'client', await digest('X-Wing', publicKey, AUD)),
      await proveIdentity(alice, 'client', await digest('ML-KEM-768', publicKey, OTHER_AUD)),
      await proveIdentity(alice, 'client', publicKey),
      await proveIdentity(alice, 'client', p.sha256(publicKey)),
      { publicKey: alice.publicKey, signature: (await proveIdentity(mallory, 'client', mine)).signature },
      { publicKey: mallory.publicKey, signature: (await proveIdentity(alice, 'client', mine)).signature },
      { publicKey: alice.publicKey, signature: new Uint8Array(3309) },
      { publicKey: new Uint8Array(1952), signature: new Uint8Array(3309) },
    ];
    for (const [i, identity] of made.entries()) {
      if (identity === undefined) throw new Error('no identity');
      const swap = withFields((fields) => ({ ...fields, id: encodeIdentity(identity) }));
      expect(await outcome(pending, honest, UNPINNED, { hello: swap }), `signature ${i}`).toBe('ISO-1004');
    }
    expect(await outcome(pending, honest, UNPINNED, {})).toBe('ok');
  });

  it('is judged before any key operation: a malformed or forged identity costs no encapsulation', async () => {
    const watched: HandshakePolicy = {
      ...policy,
      suites: policy.suites.map((suite) => ({
        ...suite,
        kem: {
          ...suite.kem,
          encapsulate: () => {
            throw new Error('encapsulated');
          },
        },
      })),
    };
    let verified = 0;
    const counting = async (): Promise<SignatureVerifier> => {
      verified++;
      return mlDsa65Verifier();
    };
    const { hello } = await begin({ client: alice });
    const read = async (change: Fields): Promise<string> =>
      codeOf(async () => {
        const decoded = decodeClientHello(json({ ...parse(encodeClientHello(hello)), ...change }), watched);
        await verifyClientIdentity(p, decoded, counting);
      });
    const overQ = new Uint8Array(1184).fill(0xff);
    expect(await read({ v: 1 })).toBe('ISO-1003');
    expect(await read({ pk: base64Encode(overQ) })).toBe('ISO-1002');
    expect(await read({ id: { pk: 'AAAA', sig: 'AAAA' } })).toBe('ISO-1004');
    expect(verified).toBe(0);
    expect(await read({ aud: OTHER_AUD })).toBe('ISO-1004');
    expect(verified).toBe(1);
  });
});

describe('an answer that is altered', () => {
  async function altered(
    change: (fields: Fields) => Fields,
    { trust, ...options }: Options & { trust: ServerTrust },
  ): Promise<string> {
    return outcome(await begin(options), options, trust, { answer: withFields(change) });
  }
  const id = (proof: { publicKey: Bytes; signature: Bytes }) => encodeIdentity(proof);

  it('to lack its identity: 1006 for a client with pins, 1007 for one without', async () => {
    for (const client of [undefined, alice]) {
      expect(await altered(stripped, { client, server, trust: pinned(server) })).toBe('ISO-1006');
      expect(await altered(stripped, { client, server, trust: UNPINNED })).toBe('ISO-1007');
    }
  });

  it('to have an identity though its server has none: 1006 if it is not pinned, else 1007', async () => {
    const any = id({ publicKey: mallory.publicKey, signature: new Uint8Array(3309) });
    const real = id({ publicKey: server.publicKey, signature: new Uint8Array(3309) });
    expect(await altered((fields) => ({ ...fields, id: any }), { trust: pinned(server) })).toBe('ISO-1006');
    expect(await altered((fields) => ({ ...fields, id: real }), { trust: pinned(server) })).toBe('ISO-1007');
    for (const claimed of [any, real]) {
      expect(await altered((fields) => ({ ...fields, id: claimed }), { trust: UNPINNED })).toBe('ISO-1007');
    }
  });

  it('in its version, sid, ct or hs: 1007, whatever the trust', async () => {
    const other = parse((await serve(encodeClientHello((await begin()).hello), { server })).answer);
    const changes: Fields[] = [
      { v: 1 },
      { v: 3 },
      { sid: other.sid },
      { ct: other.ct },
      { hs: other.hs },
      { x: 1 },
    ];
    for (const trust of [UNPINNED, pinned(server)]) {
      for (const change of changes) {
        const code = await altered((fields) => ({ ...fields, ...change }), { server, trust });
        expect(code, JSON.stringify(change).slice(0, 30)).toBe('ISO-1007');
      }
    }
  });

  it('to carry a signature that was made for something else: 1006, pins or none', async () => {
    const pending = await begin({ client: alice });
    const hello = encodeClientHello(pending.hello);
    const { answer } = await serve(hello, { server });
    const fields = parse(answer) as { sid: string; ct: string; id: { pk: string; sig: string } };
    const transcript = p.sha256(
      input(
        'nen/2 transcript',
        'ML-KEM-768',
        AUD,
        pending.hello.publicKey,
        p.sha256(alice.publicKey),
        fields.sid,
        base64Decode(fields.ct) ?? '',
        p.sha256(server.publicKey),
        '',
      ),
    );
    const again = parse((await serve(hello, { server })).answer) as { id: { sig: string } };
    const sign = async (signer: Signer, role: Role, message: Bytes): Promise<string> =>
      base64Encode((await proveIdentity(signer, role, message)).signature);
    const signatures = {
      'of another handshake': again.id.sig,
      'of the client’s role': await sign(server, 'client', transcript),
      'by another key': await sign(mallory, 'server', transcript),
      'over something else': await sign(server, 'server', p.sha256(transcript)),
      'of zeros': base64Encode(new Uint8Array(3309)),
    };
    for (const [which, sig] of Object.entries(signatures)) {
      for (const trust of [UNPINNED, pinned(server)]) {
        const swapped = json({ ...fields, id: { pk: fields.id.pk, sig } });
        const error = await errorOf(() => finishHandshake(p, pending, swapped, trust));
        expect([error.code, error.outcome], which).toEqual(['ISO-1006', 'not-run']);
      }
    }
    // The very signature once more, freshly hedged: another one, and as good.
    const fresh = json({
      ...fields,
      id: { pk: fields.id.pk, sig: await sign(server, 'server', transcript) },
    });
    expect(await codeOf(() => finishHandshake(p, pending, fresh, pinned(server)))).toBe('ok');
  });

  it('by somebody with a key of his own, who does all of it over: 1006 with pins, nothing noticed without', async () => {
    const pending = await begin();
    for (const identity of [undefined, mallory]) {
      const { answer } = await serve(encodeClientHello(pending.hello), { server: identity });
      expect(await codeOf(() => finishHandshake(p, pending, answer, pinned(server)))).toBe('ISO-1006');
      expect(await codeOf(() => finishHandshake(p, pending, answer, UNPINNED))).toBe('ok');
    }
    // With the server's key in clear and no right to it.
    const impostor: Signer = { ...mallory, publicKey: server.publicKey };
    const { answer } = await serve(encodeClientHello(pending.hello), { server: impostor });
    for (const trust of [UNPINNED, pinned(server)]) {
      expect(await codeOf(() => finishHandshake(p, pending, answer, trust))).toBe('ISO-1006');
    }
  });

  it('to a server that is pinned second is as good as the first', async () => {
    const pending = await begin();
    for (const identity of [server, mallory]) {
      const { answer } = await serve(encodeClientHello(pending.hello), { server: identity });
      expect(await codeOf(() => finishHandshake(p, pending, answer, pinned(server, mallory)))).toBe('ok');
      const error = await errorOf(() => finishHandshake(p, pending, answer, pinned(alice)));
      expect(error.code).toBe('ISO-1006');
      // The log names the pin, which is public; the message names nothing.
      expect(error.hint).toContain(pinOf(identity));
      expect(error.message).toBe('The server identity is missing, not pinned or invalid.');
    }
  });

  it('to hold an X25519 point of low order: 1007, like every answer that is not the server’s', async () => {
    const pending = await begin({ suite: 'X-Wing' });
    const points = [new Uint8Array(32), new Uint8Array(32).with(0, 1) as Bytes];
    for (const point of points) {
      const lowOrder = withFields((fields) => {
        const ct = base64Decode(String(fields.ct)) ?? new Uint8Array(0);
        return { ...fields, ct: base64Encode(concatBytes([ct.subarray(0, 1088), point])) };
      });
      expect(await outcome(pending, {}, UNPINNED, { answer: lowOrder })).toBe('ISO-1007');
    }
  });
});

it('a hello whose X25519 point has a low order is refused with 1002', async () => {
  const pending = await begin({ suite: 'X-Wing' });
  const lowOrder = withFields((fields) => {
    const pk = base64Decode(String(fields.pk)) ?? new Uint8Array(0);
    return { ...fields, pk: base64Encode(concatBytes([pk.subarray(0, 1184), new Uint8Array(32)])) };
  });
  expect(await outcome(pending, {}, UNPINNED, { hello: lowOrder })).toBe('ISO-1002');
});

describe('a rotation', () => {
  const previous: PreviousSession = {
    sid: sidOf('old'),
    exporterSecret: named('old exporter'),
    clientIdentity: p.sha256(alice.publicKey),
    serverIdentity: p.sha256(server.publicKey),
  };

  it('inherits both identities, and proves none', async () => {
    const pending = await begin({ previous });
    const { session, answer } = await serve(encodeClientHello(pending.hello), { server: mallory, previous });
    expect(parse(answer)).not.toHaveProperty('id');
    const mine = await finishHandshake(p, pending, answer, pinned(server));
    expect(mine).toEqual(session);
    expect(mine.clientIdentity).toEqual(previous.clientIdentity);
    expect(mine.serverIdentity).toEqual(previous.serverIdentity);
  });

  it.each([
    ['no identities', { sid: previous.sid, exporterSecret: previous.exporterSecret }],
    ['another client', { ...previous, clientIdentity: p.sha256(mallory.publicKey) }],
    ['another server', { ...previous, serverIdentity: p.sha256(mallory.publicKey) }],
    [
      'the two of them swapped',
      { ...previous, clientIdentity: p.sha256(server.publicKey), serverIdentity: p.sha256(alice.publicKey) },
    ],
  ])('of a session with %s is another one: 1007', async (_, other) => {
    const pending = await begin({ previous });
    const { answer } = await serve(encodeClientHello(pending.hello), { previous: other });
    expect(await codeOf(() => finishHandshake(p, pending, answer, pinned(server)))).toBe('ISO-1007');
  });

  it('whose answer has an identity of its own is refused with 1007, be it the right one', async () => {
    const pending = await begin({ previous });
    const { answer } = await serve(encodeClientHello(pending.hello), { previous });
    const id = encodeIdentity(await proveIdentity(server, 'server', named('whatever')));
    const proved = json({ ...parse(answer), id });
    expect(await codeOf(() => finishHandshake(p, pending, proved, pinned(server)))).toBe('ISO-1007');
    expect(await codeOf(() => finishHandshake(p, pending, answer, pinned(server)))).toBe('ok');
  });
});

describe('an exported key', () => {
  it('is the same on both sides, and another for each label and session', async () => {
    const keys: string[] = [];
    for (const suite of ['ML-KEM-768', 'X-Wing'] as const) {
      const pending = await begin({ suite, client: alice });
      const { session, answer } = await serve(encodeClientHello(pending.hello), { server });
      const mine = importKeys(p, (await finishHandshake(p, pending, answer, pinned(server))).secrets);
      const theirs = importKeys(p, session.secrets);
      for (const label of ['login', 'login ', 'Login', '', 'caf\u00e9', 'cafe\u0301']) {
        const key = exportKey(mine, label);
        expect(key).toHaveLength(32);
        expect(hex(exportKey(theirs, label))).toBe(hex(key));
        keys.push(hex(key));
      }
    }
    expect(new Set(keys).size).toBe(12);
  });

  it('is that of PROTOCOL.md, and none of the keys of the session', () => {
    const { keys } = sessionOf('exporter', p);
    const secrets = secretsOf('exporter');
    const prk = p.macKey(secrets.exporterSecret);
    const expected = p.expand(prk, input('nen/2 exported key', ascii('caf\u00e9')));
    expect(hex(exportKey(keys, 'caf\u00e9'))).toBe(hex(expected));
    for (const secret of Object.values(secrets)) expect(hex(expected)).not.toBe(hex(secret));
  });

  it('can be wiped by its owner, who gets the same again', () => {
    const { keys } = sessionOf('exporter', p);
    const first = exportKey(keys, 'login');
    const copy = hex(first);
    first.fill(0);
    expect(hex(exportKey(keys, 'login'))).toBe(copy);
  });

  it('is not to be had of a session whose keys are wiped: it would be one that everybody knows', () => {
    const { keys } = sessionOf('exporter', p);
    wipeKeys(keys);
    expect(() => exportKey(keys, 'login')).toThrow();
  });

  it('needs a label that is a text', () => {
    const { keys } = sessionOf('exporter', p);
    for (const label of [undefined, null, 5, {}, ['login']]) {
      expect(() => exportKey(keys, label as string)).toThrow(TypeError);
    }
  });

  it('needs a label that UTF-8 can spell: all half surrogates would share a key', () => {
    const { keys } = sessionOf('exporter', p);
    for (const label of ['\ud800', 'a\udfff', '\udc00\ud800']) {
      expect(() => exportKey(keys, label)).toThrow(TypeError);
    }
    expect(exportKey(keys, '\ufffd')).not.toEqual(exportKey(keys, '\u{1f511}'));
  });
});
