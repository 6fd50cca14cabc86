/**
 * Identities in the handshake, against somebody on the way who has keys of his own: nobody is taken for
 * another, and no call is ever sent to a server that could not prove to be the pinned one.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type Bytes, base64Encode, base64UrlEncode } from '../../src/crypto/bytes.ts';
import { loadSigner, loadVerifier } from '../../src/crypto/load-ml-dsa-65.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { Signer } from '../../src/crypto/signature.ts';
import { loadSuite, type Suite, type SuiteName } from '../../src/crypto/suite.ts';
import {
  answerHandshake,
  finishHandshake,
  type PendingHandshake,
  type ServerTrust,
  startHandshake,
  UNPINNED,
  verifyClientIdentity,
} from '../../src/protocol/handshake.ts';
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
} from '../../src/protocol/handshake-messages.ts';
import {
  clientHelloDigest,
  decodeIdentity,
  encodePin,
  isPin,
  proveIdentity,
} from '../../src/protocol/identity.ts';
import { input } from '../../src/protocol/input.ts';
import { exportKey } from '../../src/protocol/keys.ts';
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
  sessionOf,
  sidOf,
  terms,
} from './support.ts';

const p = primitives();
let suite: Suite;
let client: Signer;
let server: Signer;
let mallory: Signer;

// noble's ML-DSA-65 takes 20 ms a signature on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

beforeAll(async () => {
  suite = await loadSuite(p, 'ML-KEM-768');
  client = await loadSigner(named('client'), 'client');
  server = await loadSigner(named('server'), 'server');
  mallory = await loadSigner(named('mallory'), 'mallory');
});

const pinOf = ({ publicKey }: Signer): string => encodePin(p.sha256(publicKey));
const trusting = (...signers: Signer[]): ServerTrust => ({ pins: new Set(signers.map(pinOf)), loadVerifier });

const idOf = async (signer: Signer, role: 'client' | 'server', message: Bytes): Promise<Fields> => {
  const { publicKey, signature } = await proveIdentity(signer, role, message);
  return { pk: base64Encode(publicKey), sig: base64Encode(signature) };
};

/** A handshake as far as the server's answer. */
async function run(identities: { client?: Signer; server?: Signer } = {}): Promise<{
  pending: PendingHandshake;
  hello: ClientHello;
  answer: Bytes;
}> {
  const pending = await startHandshake(suite, AUD, { identity: identities.client });
  const hello = decodeClientHello(encodeClientHello(pending.hello), { suites: [suite], origins: undefined });
  const clientIdentity = await verifyClientIdentity(p, hello, loadVerifier);
  const { answer } = await answerHandshake(p, hello, { terms, clientIdentity, identity: identities.server });
  return { pending, hello, answer };
}

describe('a signer that lies elsewhere', () => {
  const signer = (sign: () => unknown): Signer =>
    ({ keyId: 'kms', publicKey: new Uint8Array(1952), sign }) as Signer;

  it.each([
    ['client', 'ISO-1004'],
    ['server', 'ISO-1008'],
  ] as const)(
    'of the %s and fails is %s, and the log learns which key and the kind of failure alone',
    async (role, code) => {
      const cause = new TypeError('the key arn:aws:kms');
      const failing = signer(() => {
        throw cause;
      });
      const error = await proveIdentity(failing, role, ascii('m')).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code,
        outcome: 'not-run',
        hint: `the ${role}'s signer (key kms) failed (TypeError)`,
        cause,
      });
      const odd = signer(() => {
        throw 'the key arn:aws:kms';
      });
      expect(await proveIdentity(odd, role, ascii('m')).catch((thrown: unknown) => thrown)).toMatchObject({
        code,
        hint: `the ${role}'s signer (key kms) failed (string)`,
      });
    },
  );

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['text', 's'.repeat(3309)],
    ['3308 bytes', new Uint8Array(3308)],
    ['3310 bytes', new Uint8Array(3310)],
  ])('and gives %s has not signed', async (_, signature) => {
    const error = await proveIdentity(
      signer(() => signature),
      'server',
      ascii('m'),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ISO-1008',
      hint: "the server's signer (key kms) gave no ML-DSA-65 signature",
    });
  });
});

describe('a server identity', () => {
  it('that is pinned is taken, as one pin of several too', async () => {
    for (const trust of [trusting(server), trusting(mallory, server)]) {
      const { pending, answer } = await run({ server });
      const session = await finishHandshake(p, pending, answer, trust);
      expect(hex(session.serverIdentity ?? named(''))).toBe(hex(p.sha256(server.publicKey)));
      expect(session.clientIdentity).toBeUndefined();
    }
  });

  it('that is not pinned is refused with 1006, and the call did not run', async () => {
    const { pending, answer } = await run({ server: mallory });
    const error = await errorOf(() => finishHandshake(p, pending, answer, trusting(server)));
    expect(error).toMatchObject({ code: 'ISO-1006', outcome: 'not-run' });
    expect(error.message).toBe('The server identity is missing, not pinned or invalid.');
  });

  it('that is missing is refused with 1006 where one is pinned', async () => {
    const { pending, answer } = await run();
    expect(await codeOf(() => finishHandshake(p, pending, answer, trusting(server)))).toBe('ISO-1006');
  });

  it('is refused with 1006 where no key is trusted at all', async () => {
    const { pending, answer } = await run({ server });
    const nobody: ServerTrust = { pins: new Set(), loadVerifier };
    expect(await codeOf(() => finishHandshake(p, pending, answer, nobody))).toBe('ISO-1006');
  });

  it('that is taken out of the answer, or put in, is refused: it stands in the transcript', async () => {
    const signed = await run({ server });
    const { id, ...without } = parse(signed.answer);
    expect(await codeOf(() => finishHandshake(p, signed.pending, json(without), trusting(server)))).toBe(
      'ISO-1006',
    );
    const bare = await run();
    const added = json({ ...parse(bare.answer), id });
    expect(await codeOf(() => finishHandshake(p, bare.pending, added, trusting(server)))).toBe('ISO-1007');
    const unpinned = await run({ server });
    const { id: _gone, ...stripped } = parse(unpinned.answer);
    expect(await codeOf(() => finishHandshake(p, unpinned.pending, json(stripped), UNPINNED))).toBe(
      'ISO-1007',
    );
  });

  it('is of no use to somebody who only has its public key, with any signature', async () => {
    // Mallory answers the handshake herself, and knows the transcript and all the keys.
    const claimed: Signer = { ...mallory, publicKey: server.publicKey };
    const signatures: Signer['sign'][] = [
      (message, context) => mallory.sign(message, context),
      () => new Uint8Array(3309),
      () => new Uint8Array(3309).fill(0xff),
      // Good signatures of the server's, of something else or for something else.
      (_, context) => server.sign(named('another transcript'), context),
      (message) => server.sign(message, new Uint8Array(0)),
      (message) => server.sign(message, new TextEncoder().encode('nen/2 client')),
    ];
    for (const sign of signatures) {
      for (const trust of [trusting(server), UNPINNED]) {
        const { pending, answer } = await run({ server: { ...claimed, sign } });
        expect(await codeOf(() => finishHandshake(p, pending, answer, trust))).toBe('ISO-1006');
      }
    }
  });

  it('is refused with 1006 with any bit of its signature flipped', async () => {
    for (let bit = 0; bit < 3309 * 8; bit += LONG ? 101 : 1511) {
      const flipping: Signer = {
        ...server,
        sign: async (message, context) => flip(await server.sign(message, context), bit),
      };
      const { pending, answer } = await run({ server: flipping });
      expect(await codeOf(() => finishHandshake(p, pending, answer, trusting(server)))).toBe('ISO-1006');
    }
  });

  it('that is malformed is refused with 1006', async () => {
    const { pending, answer } = await run({ server });
    const again = { ...pending, keyPair: { ...pending.keyPair, wipe: () => undefined } };
    const id = parse(answer).id as Fields;
    for (const wrong of [
      null,
      1,
      'x',
      {},
      { pk: id.pk },
      { sig: id.sig },
      { ...id, x: 1 },
      { ...id, pk: '' },
      { ...id, sig: 'AAAA' },
    ]) {
      const altered = json({ ...parse(answer), id: wrong });
      expect(
        await codeOf(() => finishHandshake(p, again, altered, trusting(server))),
        JSON.stringify(wrong),
      ).toBe('ISO-1006');
    }
  });

  it('has no place in the answer to a rotation, which inherits the old one', async () => {
    const previous = {
      sid: sidOf('old'),
      exporterSecret: named('exporter'),
      serverIdentity: p.sha256(server.publicKey),
      clientIdentity: undefined,
    };
    const pending = await startHandshake(suite, AUD, { previous });
    const { answer } = await answerHandshake(p, pending.hello, { terms, previous, identity: server });
    expect(Object.keys(parse(answer))).toEqual(['v', 'sid', 'ct', 'hs']);
    const again = { ...pending, keyPair: { ...pending.keyPair, wipe: () => undefined } };
    const added = json({ ...parse(answer), id: await idOf(mallory, 'server', named('t')) });
    expect(await codeOf(() => finishHandshake(p, again, added, trusting(server)))).toBe('ISO-1007');
    const other = { ...again, previous: { ...previous, serverIdentity: p.sha256(mallory.publicKey) } };
    expect(await codeOf(() => finishHandshake(p, other, answer, trusting(server)))).toBe('ISO-1007');
    const session = await finishHandshake(p, pending, answer, trusting(server));
    expect(hex(session.serverIdentity ?? named(''))).toBe(hex(previous.serverIdentity));
  });
});

describe('a client identity', () => {
  const policy = (): { suites: readonly Suite[]; origins: undefined } => ({
    suites: [suite],
    origins: undefined,
  });
  const verify = (hello: ClientHello): Promise<string> =>
    codeOf(() => verifyClientIdentity(p, hello, loadVerifier));

  it('is proved by a signature over suite, key and origin', async () => {
    const { pending, hello, answer } = await run({ client, server });
    expect(hex((await verifyClientIdentity(p, hello, loadVerifier)) ?? named(''))).toBe(
      hex(p.sha256(client.publicKey)),
    );
    const session = await finishHandshake(p, pending, answer, trusting(server));
    expect(hex(session.clientIdentity ?? named(''))).toBe(hex(p.sha256(client.publicKey)));
    const signed = input('nen/2 client hello', 'ML-KEM-768', pending.hello.publicKey, AUD);
    expect(hex(await clientHelloDigest(p, 'ML-KEM-768', pending.hello.publicKey, AUD))).toBe(
      hex(p.sha256(signed)),
    );
  });

  it('is none where none is shown', async () => {
    const { hello } = await run();
    expect(await verifyClientIdentity(p, hello, loadVerifier)).toBeUndefined();
  });

  it('is refused with 1004 over another key, origin or suite', async () => {
    const { hello } = await run({ client });
    const other = await startHandshake(suite, AUD);
    expect(await verify(hello)).toBe('ok');
    expect(await verify({ ...hello, publicKey: other.hello.publicKey })).toBe('ISO-1004');
    expect(await verify({ ...hello, audience: 'https://other.example' })).toBe('ISO-1004');
    expect(await verify({ ...hello, suite: { ...suite, name: 'X-Wing' } })).toBe('ISO-1004');
  });

  it('is refused with 1004 with the signature of somebody else, or for something else', async () => {
    const { hello } = await run({ client });
    const digest = await clientHelloDigest(p, suite.name, hello.publicKey, AUD);
    const { publicKey } = client;
    const proofs = [
      { publicKey, signature: (await proveIdentity(mallory, 'client', digest)).signature },
      { publicKey, signature: (await proveIdentity(client, 'server', digest)).signature },
      { publicKey, signature: (await proveIdentity(client, 'client', named('other'))).signature },
      { publicKey, signature: new Uint8Array(3309) },
      {
        publicKey: new Uint8Array(1952),
        signature: (await proveIdentity(client, 'client', digest)).signature,
      },
      { publicKey: mallory.publicKey, signature: (await proveIdentity(client, 'client', digest)).signature },
    ];
    for (const identity of proofs) expect(await verify({ ...hello, identity })).toBe('ISO-1004');
  });

  it('is refused with 1004 where it is malformed, before anything is verified', async () => {
    const pending = await startHandshake(suite, AUD, { identity: client });
    const message = parse(encodeClientHello(pending.hello));
    const id = message.id as Fields;
    for (const wrong of [
      null,
      1,
      'x',
      {},
      { pk: id.pk },
      { ...id, x: 1 },
      { ...id, pk: 1 },
      { ...id, sig: '' },
    ]) {
      const code = await codeOf(() => decodeClientHello(json({ ...message, id: wrong }), policy()));
      expect(code, JSON.stringify(wrong)).toBe('ISO-1004');
    }
    for (const wrong of [[], [id], { ...id, sig: [id.sig] }]) {
      const code = await codeOf(() => decodeClientHello(json({ ...message, id: wrong }), policy()));
      expect(['ISO-1001', 'ISO-1004']).toContain(code);
    }
  });

  it('that is taken out of the hello, or swapped for another, shows at the client with 1007', async () => {
    const pending = await startHandshake(suite, AUD, { identity: client });
    const again = { ...pending, keyPair: { ...pending.keyPair, wipe: () => undefined } };
    const without = { ...pending.hello, identity: undefined };
    const stripped = await answerHandshake(p, without, { terms });
    expect(await codeOf(() => finishHandshake(p, again, stripped.answer, UNPINNED))).toBe('ISO-1007');
    const digest = await clientHelloDigest(p, suite.name, pending.hello.publicKey, AUD);
    const swapped = { ...pending.hello, identity: await proveIdentity(mallory, 'client', digest) };
    // Mallory may sign for any key, but the session is not hers: she can't open it, and its owner refuses it.
    const clientIdentity = await verifyClientIdentity(p, swapped, loadVerifier);
    const { answer } = await answerHandshake(p, swapped, { terms, clientIdentity });
    expect(await codeOf(() => finishHandshake(p, again, answer, UNPINNED))).toBe('ISO-1007');
  });
});

describe('an identity in a message', () => {
  it('has exactly a key and a signature of their lengths', async () => {
    const pk = base64Encode(new Uint8Array(1952));
    const sig = base64Encode(new Uint8Array(3309));
    expect(decodeIdentity({ pk, sig })).toBeDefined();
    for (const wrong of [
      undefined,
      null,
      [],
      {},
      { pk },
      { sig },
      { pk, sig, x: 1 },
      { pk: sig, sig: pk },
      { pk: ` ${pk}`, sig },
      { pk, sig: `${sig}=` },
    ]) {
      expect(decodeIdentity(wrong)).toBeUndefined();
    }
    for (const by of [-1, 1]) {
      expect(decodeIdentity({ pk: base64Encode(new Uint8Array(1952 + by)), sig })).toBeUndefined();
      expect(decodeIdentity({ pk, sig: base64Encode(new Uint8Array(3309 + by)) })).toBeUndefined();
    }
  });
});

describe('a pin', () => {
  const good = base64UrlEncode(named('pin'));
  it('is SHA-256 of the public key as 43 characters of base64url', () => {
    expect(pinOf(server)).toBe(base64UrlEncode(p.sha256(server.publicKey)));
    expect(good.length).toBe(43);
    expect(isPin(good)).toBe(true);
  });

  it.each([
    undefined,
    null,
    '',
    43,
    good.slice(1),
    `${good}=`,
    `${good}A`,
    ` ${good.slice(1)}`,
    `+/${good.slice(2)}`,
    hex(named('pin')),
    [good],
  ])('is not %j', (value) => {
    expect(isPin(value)).toBe(false);
  });

  it('has no second spelling', () => {
    const last = good.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let by = 1; by < 4; by++) {
      expect(
        isPin(
          good.slice(0, -1) + alphabet[(alphabet.indexOf(last) & ~3) + ((alphabet.indexOf(last) + by) & 3)],
        ),
      ).toBe(false);
    }
  });
});

describe.each<SuiteName>(['ML-KEM-768', 'X-Wing'])('with the suite %s', (name) => {
  it('a handshake with both identities gives both sides the same session', async () => {
    const own = await loadSuite(p, name);
    const pending = await startHandshake(own, AUD, { identity: client });
    const hello = decodeClientHello(encodeClientHello(pending.hello), { suites: [own], origins: undefined });
    const clientIdentity = await verifyClientIdentity(p, hello, loadVerifier);
    const { session, answer } = await answerHandshake(p, hello, { terms, clientIdentity, identity: server });
    expect(encodeClientHello(pending.hello).length).toBeLessThan(16_384);
    expect(await finishHandshake(noblePrimitives, pending, answer, trusting(server))).toEqual(session);
  });

  it('a server that accepts only the other answers 1003', async () => {
    const other = await loadSuite(p, name === 'X-Wing' ? 'ML-KEM-768' : 'X-Wing');
    const own = await loadSuite(p, name);
    const hello = encodeClientHello((await startHandshake(own, AUD)).hello);
    expect(await codeOf(() => decodeClientHello(hello, { suites: [other], origins: undefined }))).toBe(
      'ISO-1003',
    );
  });

  it('a ciphertext with a bit flipped anywhere is refused with 1007', async () => {
    const own = await loadSuite(p, name);
    const pending = await startHandshake(own, AUD);
    const again = { ...pending, keyPair: { ...pending.keyPair, wipe: () => undefined } };
    const { answer } = await answerHandshake(p, pending.hello, { terms });
    const message = parse(answer);
    const ct = Uint8Array.from(Buffer.from(String(message.ct), 'base64'));
    for (let bit = 0; bit < ct.length * 8; bit += LONG ? 7 : 257) {
      const altered = json({ ...message, ct: base64Encode(flip(ct, bit)) });
      const code = await codeOf(() => finishHandshake(p, again, altered, UNPINNED));
      expect(code, `bit ${bit}`).toBe('ISO-1007');
    }
  });
});

describe('an exported key', () => {
  it('is the same on both sides, and different for each label and session', () => {
    const [a, b] = [sessionOf('a').keys, sessionOf('b').keys];
    const expected = p.expand(p.macKey(named('exporter a')), input('nen/2 exported key', 'files'));
    expect(hex(exportKey(a, 'files'))).toBe(hex(expected));
    expect(hex(exportKey(sessionOf('a', noblePrimitives).keys, 'files'))).toBe(hex(expected));
    const others = [exportKey(a, 'file'), exportKey(a, ''), exportKey(b, 'files'), exportKey(a, 'caf\u00e9')];
    expect(new Set([expected, ...others].map(hex)).size).toBe(5);
    expect(hex(a.exporterSecret)).toBe(hex(named('exporter a')));
  });
});
