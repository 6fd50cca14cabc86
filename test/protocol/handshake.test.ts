/**
 * The handshake, step by step and against whoever carries it: both sides end with the same keys, or the
 * side that sees the fault ends with its code.
 */
import { describe, expect, it, vi } from 'vitest';
import { type Bytes, base64Decode, base64Encode, concatBytes } from '../../src/crypto/bytes.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import type { Kem, KemKeyPair, Primitives, RandomBytes, SyncMacKey } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite, type Suite } from '../../src/crypto/suite.ts';
import {
  answerHandshake,
  finishHandshake,
  type NewSession,
  type PendingHandshake,
  startHandshake,
  UNPINNED,
} from '../../src/protocol/handshake.ts';
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
  type HandshakePolicy,
} from '../../src/protocol/handshake-messages.ts';
import { input } from '../../src/protocol/input.ts';
import type { PreviousSession } from '../../src/protocol/key-schedule.ts';
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
  NOW,
  named,
  parse,
  polluted,
  seeded,
  sidOf,
  terms,
  text,
} from './support.ts';

const p = primitives();
/** noble's KEM, which takes its randomness from us; the native one is met in the last tests. */
const suite: Suite = { name: 'ML-KEM-768', kem: noblePrimitives.mlKem768, primitives: noblePrimitives };
const policy: HandshakePolicy = { suites: [suite], origins: new Set([AUD]) };

interface Run {
  readonly pending: PendingHandshake;
  readonly hello: Bytes;
  readonly session: NewSession;
  readonly answer: Bytes;
}

/** Both messages of a handshake; the client has not seen the answer yet. */
async function run(previous?: PreviousSession, seed = 'handshake'): Promise<Run> {
  const random = seeded(seed);
  const pending = await startHandshake(suite, AUD, { previous, random });
  const hello = encodeClientHello(pending.hello);
  const decoded = decodeClientHello(hello, policy);
  const { session, answer } = await answerHandshake(p, decoded, { terms, previous, random });
  return { pending, hello, session, answer };
}

/** The same pending handshake, whose key pair outlives a try. */
function reusable(pending: PendingHandshake): PendingHandshake {
  const { publicKey } = pending.keyPair;
  const keyPair: KemKeyPair = {
    publicKey,
    decapsulate: (ciphertext) => pending.keyPair.decapsulate(ciphertext),
    wipe: () => undefined,
  };
  return { ...pending, keyPair };
}

describe('a handshake', () => {
  it('gives both sides the same session', async () => {
    const { pending, session, answer } = await run();
    const mine = await finishHandshake(p, pending, answer, UNPINNED);
    expect(mine).toEqual(session);
    expect(mine.terms).toEqual(terms);
    expect(Object.values(mine.secrets).map((secret) => secret.length)).toEqual([32, 32, 32, 32]);
    expect(new Set(Object.values(mine.secrets).map(hex)).size).toBe(4);
  });

  it('writes the messages of the protocol', async () => {
    const { pending, hello, session, answer } = await run();
    expect(text(hello)).toBe(
      `{"v":2,"suite":"ML-KEM-768","aud":"${AUD}","pk":"${base64Encode(pending.keyPair.publicKey)}"}`,
    );
    const { ct, hs, ...rest } = parse(answer);
    expect(rest).toEqual({ v: 2, sid: session.sid });
    expect(base64Decode(String(ct))?.length).toBe(1088);
    expect(Object.keys(parse(answer))).toEqual(['v', 'sid', 'ct', 'hs']);
    expect(base64Decode(String(hs))?.length).toBeGreaterThan(16);
    expect(session.sid).toMatch(/^[A-Za-z0-9_-]{21}[AQgw]$/);
  });

  it('keeps the HMAC key off the wire', async () => {
    const { session, hello, answer } = await run();
    const wire = text(concatBytes([hello, answer]));
    for (const secret of Object.values(session.secrets)) {
      expect(wire).not.toContain(base64Encode(secret));
      expect(wire).not.toContain(hex(secret));
    }
  });

  it.each([undefined, { sid: sidOf('old'), exporterSecret: named('old exporter') }])(
    'derives by the schedule of the protocol (previous session: %o)',
    async (previous) => {
      const { pending, session, answer } = await run(previous);
      const message = parse(answer);
      const ct = base64Decode(String(message.ct)) ?? new Uint8Array(0);
      const shared = Uint8Array.from(await pending.keyPair.decapsulate(ct));
      const pk = pending.keyPair.publicKey;
      const transcript = p.sha256(
        input('nen/2 transcript', 'ML-KEM-768', AUD, pk, '', session.sid, ct, '', previous?.sid ?? ''),
      );
      const ikm = concatBytes(previous === undefined ? [shared] : [shared, previous.exporterSecret]);
      const prk = p.macKey(p.extract(transcript, ikm));
      const expand = (label: string): string => hex(p.expand(prk, input(label)));
      expect(hex(session.secrets.requestKey)).toBe(expand('nen/2 request key'));
      expect(hex(session.secrets.responseSecret)).toBe(expand('nen/2 response secret'));
      expect(hex(session.secrets.exporterSecret)).toBe(expand('nen/2 exporter'));
      const handshakeKey = p.aeadKey(p.expand(prk, input('nen/2 handshake key')));
      const hs = base64Decode(String(message.hs)) ?? new Uint8Array(0);
      const opened = await handshakeKey.open(new Uint8Array(12), transcript, hs);
      expect(text(opened)).toBe(
        `{"hmacKey":"${base64Encode(session.secrets.hmacKey)}","now":${NOW},"expiresAt":${NOW + 3_600_000},"epoch":"epoch-1"}`,
      );
    },
  );

  it('draws a new sid, ciphertext and HMAC key for a hello that is played again', async () => {
    const pending = await startHandshake(suite, AUD);
    const hello = decodeClientHello(encodeClientHello(pending.hello), policy);
    const [a, b] = [await answerHandshake(p, hello, { terms }), await answerHandshake(p, hello, { terms })];
    expect(a.session.sid).not.toBe(b.session.sid);
    expect(parse(a.answer).ct).not.toBe(parse(b.answer).ct);
    expect(hex(a.session.secrets.hmacKey)).not.toBe(hex(b.session.secrets.hmacKey));
  });

  it('works the same with the KEM that this runtime has', async () => {
    const native = mlKem768Suite(p);
    const pending = await startHandshake(native, AUD);
    const hello = decodeClientHello(encodeClientHello(pending.hello), policy);
    const { session, answer } = await answerHandshake(p, hello, { terms });
    expect(await finishHandshake(noblePrimitives, pending, answer, UNPINNED)).toEqual(session);
  });
});

describe("the server, reading the client's message", () => {
  const pk = base64Encode((noblePrimitives.mlKem768.generateKeyPair(seeded('pk')) as KemKeyPair).publicKey);
  const good = { v: 2, suite: 'ML-KEM-768', aud: AUD, pk };

  const refused = (message: unknown): Promise<string> =>
    codeOf(() => decodeClientHello(json(message), policy));

  it('takes it in any order of fields and with white space', () => {
    const { pk: key, ...rest } = good;
    const spaced = ascii(JSON.stringify({ pk: key, ...rest }, undefined, 2));
    const hello = decodeClientHello(spaced, policy);
    expect(hello.audience).toBe(AUD);
    expect(hello.suite).toBe(suite);
    expect(base64Encode(hello.publicKey)).toBe(pk);
  });

  it.each([
    ['no public key', { pk: undefined }],
    ['null for a public key', { pk: null }],
    ['an empty public key', { pk: '' }],
    ['a number for a public key', { pk: 5 }],
    ['a list for a public key', { pk: [pk] }],
    ['an object for a public key', { pk: { pk } }],
    ['no version', { v: undefined }],
    ['no suite', { suite: undefined }],
    ['no aud', { aud: undefined }],
    ['a field that nobody knows', { x: 1 }],
  ])('refuses %s with 1001', async (_, change) => {
    expect(await refused({ ...good, ...change })).toBe('ISO-1001');
  });

  it.each([
    ['version 1', { v: 1 }],
    ['version 3', { v: 3 }],
    ['a version that is a string', { v: '2' }],
    ['a version that is null', { v: null }],
    ['another suite', { suite: 'X-Wing' }],
    ['a suite that nobody has', { suite: 'RSA' }],
    ['a suite in lower case', { suite: 'ml-kem-768' }],
    ['an empty suite', { suite: '' }],
    ['a suite called __proto__', { suite: '__proto__' }],
    ['a suite that is a number', { suite: 768 }],
    ["an aud that isn't among the origins", { aud: 'https://other.example' }],
    ['an aud with a path', { aud: `${AUD}/` }],
    ['an aud in upper case', { aud: AUD.toUpperCase() }],
    ['an aud with the default port', { aud: `${AUD}:443` }],
    ['an aud with a user', { aud: 'https://u@app.example' }],
    ['an aud that is no origin', { aud: 'null' }],
    ['an empty aud', { aud: '' }],
    ['an aud that is a number', { aud: 1 }],
    ['an aud that is null', { aud: null }],
  ])('refuses %s with 1003', async (_, change) => {
    expect(await refused({ ...good, ...change })).toBe('ISO-1003');
  });

  it('refuses a public key of another length or spelling with 1002', async () => {
    for (const length of [1, 32, 1183, 1185, 1216, 1568]) {
      expect(await refused({ ...good, pk: base64Encode(new Uint8Array(length)) })).toBe('ISO-1002');
    }
    const padded = base64Encode(new Uint8Array(1184));
    expect(padded.endsWith('=')).toBe(true);
    for (const spelling of [
      pk.slice(0, -1),
      `${pk}=`,
      ` ${pk}`,
      `${pk}\u00e9`,
      pk.replaceAll('+', '-').replaceAll('/', '_'),
      `${padded.slice(0, -2)}B=`,
      Buffer.from(pk, 'base64').toString('hex'),
    ]) {
      expect(await refused({ ...good, pk: spelling }), spelling.slice(-10)).toBe('ISO-1002');
    }
  });

  it('refuses what is no well-formed message with 1001', async () => {
    const source = JSON.stringify(good);
    const bodies: (string | Uint8Array<ArrayBuffer>)[] = [
      '',
      'null',
      '[]',
      '"x"',
      '2',
      source.slice(0, -1),
      `${source}x`,
      `${source}{}`,
      `\ufeff${source}`,
      `[${source}]`,
      source.replace('{', '{"v":2,'),
      source.replace('{', '{"pk":"AAAA",'),
      source.replace('}', ',"pk":"AAAA"}'),
      source.replace('{', '{"__proto__":{},'),
      source.replace('{', '{"constructor":{"prototype":{"v":2}},'),
      source.replace('"pk"', '"p\\u006b"'),
      concatBytes([ascii(source.slice(0, -1)), Uint8Array.of(0xff), ascii('}')]),
      '['.repeat(100_000),
      '{"a":'.repeat(100_000),
    ];
    for (const body of bodies) {
      const bytes = typeof body === 'string' ? ascii(body) : body;
      expect(await codeOf(() => decodeClientHello(bytes, policy)), text(bytes).slice(0, 60)).toBe('ISO-1001');
    }
    expect(Object.prototype).not.toHaveProperty('v');
  });

  it('takes nothing from a polluted Object.prototype', async () => {
    const { pk: _gone, ...without } = good;
    const code = await polluted({ pk, x: 1 }, () => codeOf(() => decodeClientHello(json(without), policy)));
    expect(code).toBe('ISO-1001');
    const aud = await polluted(
      { aud: 'https://other.example' },
      () => decodeClientHello(json(good), policy).audience,
    );
    expect(aud).toBe(AUD);
  });

  it('takes any origin where none are set, but only origins', async () => {
    const open: HandshakePolicy = { suites: [suite], origins: undefined };
    for (const aud of ['http://localhost:3000', 'https://[::1]:8443', 'https://xn--bcher-kva.example']) {
      expect(decodeClientHello(json({ ...good, aud }), open).audience).toBe(aud);
    }
    for (const aud of [
      'ftp://app.example',
      'file://',
      'https://',
      'https://b\u00fccher.example',
      'javascript:1',
      `https://${'a'.repeat(300)}`,
    ]) {
      expect(await codeOf(() => decodeClientHello(json({ ...good, aud }), open)), aud).toBe('ISO-1003');
    }
  });

  it('runs no key operation before it has read everything', async () => {
    const kem: Kem = {
      ...suite.kem,
      encapsulate: () => {
        throw new Error('encapsulated');
      },
    };
    const watched: HandshakePolicy = { suites: [{ ...suite, kem }], origins: new Set([AUD]) };
    for (const change of [{ v: 1 }, { pk: 'AAAA' }, { aud: 'https://x.example' }]) {
      expect(await codeOf(() => decodeClientHello(json({ ...good, ...change }), watched))).not.toBe('ok');
    }
  });
});

describe('the server, answering', () => {
  it('refuses a public key with a coefficient that is not below q with 1002', async () => {
    const { pending } = await run();
    const hello = (publicKey: Bytes): ClientHello => ({ ...pending.hello, publicKey });
    const high = pending.keyPair.publicKey.slice();
    high[0] = 0xff;
    high[1] = (high[1] ?? 0) | 0x0f;
    for (const publicKey of [new Uint8Array(1184).fill(0xff), high, new Uint8Array(1183)]) {
      expect(await codeOf(() => answerHandshake(p, hello(publicKey), { terms }))).toBe('ISO-1002');
    }
    // Valid by FIPS 203, and of use to nobody but who sent it.
    expect(await codeOf(() => answerHandshake(p, hello(new Uint8Array(1184)), { terms }))).toBe('ok');
  });

  it('takes every throw of the KEM for a bad key', async () => {
    const { pending } = await run();
    for (const thrown of [new TypeError('odd'), new RangeError('length'), 'a string']) {
      const kem: Kem = {
        ...suite.kem,
        encapsulate: () => {
          throw thrown;
        },
      };
      const error = await errorOf(() =>
        answerHandshake(p, { ...pending.hello, suite: { ...suite, kem } }, { terms }),
      );
      expect(error.code).toBe('ISO-1002');
      expect(error.message).toBe('The public key was not accepted.');
    }
  });

  it('stops where there is no randomness', async () => {
    const { pending } = await run();
    const broken: RandomBytes = () => {
      throw new Error('no randomness');
    };
    await expect(startHandshake(suite, AUD, { random: broken })).rejects.toThrow('no randomness');
    await expect(answerHandshake(p, pending.hello, { terms, random: broken })).rejects.toThrow();
  });

  it('refuses with 1008 where its signer fails, and leaves no key of the session behind', async () => {
    const { pending } = await run();
    const drawn: Bytes[] = [];
    const random: RandomBytes = (length) => {
      const bytes = seeded(`draw ${drawn.length}`)(length);
      drawn.push(bytes);
      return bytes;
    };
    const identity = {
      keyId: 'kms',
      publicKey: new Uint8Array(1952),
      sign: () => {
        throw new Error('no route to the KMS');
      },
    };
    expect(await codeOf(() => answerHandshake(p, pending.hello, { terms, identity, random }))).toBe(
      'ISO-1008',
    );
    // The last that is drawn is the HMAC key.
    expect(drawn.at(-1)).toEqual(new Uint8Array(32));
  });

  it.each(['sha256', 'extract'] as const)('leaves no secret behind where %s fails', async (broken) => {
    const { pending } = await run();
    const secrets: Bytes[] = [];
    const kept = (bytes: Bytes): Bytes => {
      secrets.push(bytes);
      return bytes;
    };
    const failing: Primitives = {
      ...p,
      [broken]: () => {
        throw new Error('out of memory');
      },
    };
    const kem: Kem = {
      ...suite.kem,
      encapsulate: async (publicKey, random) => {
        const made = await suite.kem.encapsulate(publicKey, random);
        kept(made.sharedSecret);
        return made;
      },
    };
    const hello = { ...pending.hello, suite: { ...suite, kem } };
    const answering = answerHandshake(failing, hello, {
      terms,
      random: (length) => kept(named('k').slice(0, length)),
    });
    await expect(answering).rejects.toThrow('out of memory');
    const [m, sharedSecret, sid, ...others] = secrets;
    expect([m, sharedSecret, sid].map((bytes) => bytes?.length)).toEqual([32, 32, 16]);
    expect([m, sharedSecret, ...others].every((bytes) => bytes?.every((byte) => byte === 0))).toBe(true);
  });
});

describe('the client, reading the answer', () => {
  async function refused(alter: (message: Fields) => unknown, previous?: PreviousSession): Promise<string> {
    const { pending, answer } = await run(previous);
    return codeOf(() => finishHandshake(p, pending, json(alter(parse(answer))), UNPINNED));
  }

  it('takes it in any order of fields', async () => {
    expect(await refused(({ hs, ct, ...rest }) => ({ hs, ct, ...rest }))).toBe('ok');
  });

  it.each([
    ['no version', { v: undefined }],
    ['version 1', { v: 1 }],
    ['version 3', { v: 3 }],
    ['a version that is a string', { v: '2' }],
    ['no sid', { sid: undefined }],
    ['another sid', { sid: sidOf('other') }],
    ['an empty sid', { sid: '' }],
    ['a sid that is too long', { sid: 'A'.repeat(10_000) }],
    ['a sid in the other alphabet', { sid: `+/${sidOf('x').slice(2)}` }],
    ['a sid with non-zero trailing bits', { sid: `${sidOf('x').slice(0, 21)}B` }],
    ['a sid called __proto__', { sid: '__proto__' }],
    ['a sid with a line end', { sid: `${sidOf('x').slice(0, 21)}\n` }],
    ['a sid that is a number', { sid: 1 }],
    ['no ct', { ct: undefined }],
    ['an empty ct', { ct: '' }],
    ['a ct that is too short', { ct: base64Encode(new Uint8Array(1087)) }],
    ['a ct that is too long', { ct: base64Encode(new Uint8Array(1089)) }],
    ['a ct of zeros', { ct: base64Encode(new Uint8Array(1088)) }],
    ['a ct that is a list', { ct: [] }],
    ['no hs', { hs: undefined }],
    ['an empty hs', { hs: '' }],
    ['an hs shorter than a tag', { hs: base64Encode(new Uint8Array(15)) }],
    ['an hs of zeros', { hs: base64Encode(new Uint8Array(100)) }],
    ['an hs that is null', { hs: null }],
    ['a field that nobody knows', { x: 1 }],
  ])('refuses %s with 1007', async (_, change) => {
    expect(await refused((message) => ({ ...message, ...change }))).toBe('ISO-1007');
  });

  it('refuses what is no well-formed message with 1007', async () => {
    const { pending, answer } = await run();
    const source = text(answer);
    for (const body of [
      '',
      'null',
      '[]',
      '<html>',
      '{"error":{"code":"ISO-1003","message":"x"}}',
      source.slice(0, -1),
      `${source} x`,
      `\ufeff${source}`,
      source.replace('{', '{"v":2,'),
      source.replace('{', '{"sid":"x",'),
      '{"a":'.repeat(100_000),
    ]) {
      expect(await codeOf(() => finishHandshake(p, reusable(pending), ascii(body), UNPINNED))).toBe(
        'ISO-1007',
      );
    }
  });

  it('refuses a ciphertext with any bit flipped with 1007, and at nothing earlier or later', async () => {
    const { pending, answer } = await run();
    const message = parse(answer);
    const ct = base64Decode(String(message.ct)) ?? new Uint8Array(0);
    const again = reusable(pending);
    for (let bit = 0; bit < 8704; bit += LONG ? 1 : 31) {
      const altered = json({ ...message, ct: base64Encode(flip(ct, bit)) });
      expect(await codeOf(() => finishHandshake(p, again, altered, UNPINNED)), `bit ${bit}`).toBe('ISO-1007');
    }
    expect(await codeOf(() => finishHandshake(p, again, answer, UNPINNED))).toBe('ok');
  }, 120_000);

  it('refuses terms with any bit flipped, or cut short, with 1007', async () => {
    const { pending, answer } = await run();
    const message = parse(answer);
    const hs = base64Decode(String(message.hs)) ?? new Uint8Array(0);
    const again = reusable(pending);
    for (let bit = 0; bit < hs.length * 8; bit += LONG ? 1 : 13) {
      const altered = json({ ...message, hs: base64Encode(flip(hs, bit)) });
      expect(await codeOf(() => finishHandshake(p, again, altered, UNPINNED))).toBe('ISO-1007');
    }
    for (let length = 0; length < hs.length; length += 9) {
      const altered = json({ ...message, hs: base64Encode(hs.subarray(0, length)) });
      expect(await codeOf(() => finishHandshake(p, again, altered, UNPINNED))).toBe('ISO-1007');
    }
  });

  it('refuses the answer to another hello, another origin, another suite', async () => {
    const { pending, answer } = await run();
    const other = await run(undefined, 'other');
    expect(await codeOf(() => finishHandshake(p, reusable(pending), other.answer, UNPINNED))).toBe(
      'ISO-1007',
    );
    const elsewhere = {
      ...reusable(pending),
      hello: { ...pending.hello, audience: 'https://other.example' },
    };
    expect(await codeOf(() => finishHandshake(p, elsewhere, answer, UNPINNED))).toBe('ISO-1007');
    const xWing: Suite = { name: 'X-Wing', kem: suite.kem, primitives: noblePrimitives };
    const downgraded = { ...reusable(pending), hello: { ...pending.hello, suite: xWing } };
    expect(await codeOf(() => finishHandshake(p, downgraded, answer, UNPINNED))).toBe('ISO-1007');
    expect(await codeOf(() => finishHandshake(p, pending, answer, UNPINNED))).toBe('ok');
  });

  it('refuses the answer to a hello whose public key was swapped on the way', async () => {
    const { pending } = await run();
    const theirs = await startHandshake(suite, AUD, { random: seeded('theirs') });
    const { answer } = await answerHandshake(p, theirs.hello, { terms });
    expect(await codeOf(() => finishHandshake(p, pending, answer, UNPINNED))).toBe('ISO-1007');
  });

  it('refuses terms that are sealed but not well formed with 1007', async () => {
    const good: Fields = { hmacKey: base64Encode(named('k')), now: NOW, expiresAt: NOW + 1, epoch: 'e' };
    const wrong: Fields[] = [
      { ...good, hmacKey: undefined },
      { ...good, hmacKey: base64Encode(new Uint8Array(31)) },
      { ...good, hmacKey: 5 },
      { ...good, now: undefined },
      { ...good, now: String(NOW) },
      { ...good, now: 0 },
      { ...good, now: -NOW },
      { ...good, now: NOW + 0.5 },
      { ...good, now: 1 },
      { ...good, now: 999_999_999_999 },
      { ...good, now: 10_000_000_000_000 },
      { ...good, now: 1e300 },
      { ...good, now: null },
      { ...good, expiresAt: undefined },
      { ...good, expiresAt: 1 },
      { ...good, expiresAt: 10_000_000_000_000 },
      { ...good, epoch: undefined },
      { ...good, epoch: '' },
      { ...good, epoch: 'a b' },
      { ...good, epoch: 'a\u00e9' },
      { ...good, epoch: 'a'.repeat(65) },
      { ...good, epoch: 1 },
      { ...good, x: 1 },
    ];
    expect(await sealedTerms(json(good))).toBe('ok');
    for (const fields of wrong)
      expect(await sealedTerms(json(fields)), JSON.stringify(fields)).toBe('ISO-1007');
    for (const bytes of ['', '[]', '{}', 'null', JSON.stringify(good).replace('{', '{"now":1,')]) {
      expect(await sealedTerms(ascii(bytes)), bytes).toBe('ISO-1007');
    }
  });

  it('says that the call did not run', async () => {
    const { pending } = await run();
    const error = await errorOf(() => finishHandshake(p, pending, ascii('{}'), UNPINNED));
    expect(error).toMatchObject({ code: 'ISO-1007', outcome: 'not-run' });
  });

  /** What the client makes of these terms under the right handshake key. */
  async function sealedTerms(plain: Bytes): Promise<string> {
    const { pending, answer, session } = await run();
    const message = parse(answer);
    const ct = base64Decode(String(message.ct)) ?? new Uint8Array(0);
    const shared = Uint8Array.from(await pending.keyPair.decapsulate(ct));
    const pk = pending.keyPair.publicKey;
    const transcript = p.sha256(
      input('nen/2 transcript', 'ML-KEM-768', AUD, pk, '', session.sid, ct, '', ''),
    );
    const prk = p.macKey(p.extract(transcript, shared));
    const key = p.aeadKey(p.expand(prk, input('nen/2 handshake key')));
    const hs = concatBytes(await key.seal(new Uint8Array(12), transcript, [plain]));
    return codeOf(() => finishHandshake(p, pending, json({ ...message, hs: base64Encode(hs) }), UNPINNED));
  }
});

describe('a rotation', () => {
  const previous: PreviousSession = { sid: sidOf('old'), exporterSecret: named('old exporter') };

  it('gives both sides the same session, which no handshake without the old one gives', async () => {
    const rotated = await run(previous);
    const fresh = await run();
    expect(await finishHandshake(p, rotated.pending, rotated.answer, UNPINNED)).toEqual(rotated.session);
    expect(hex(rotated.session.secrets.requestKey)).not.toBe(hex(fresh.session.secrets.requestKey));
    expect(hex(previous.exporterSecret)).toBe(hex(named('old exporter')));
  });

  it.each([
    ['another exporter secret', { ...previous, exporterSecret: named('other') }],
    ['an exporter secret of zeros', { ...previous, exporterSecret: new Uint8Array(32) }],
    ['another sid', { ...previous, sid: sidOf('other') }],
    ['none', undefined],
  ])('whose client continues %s fails with 1007', async (_, wrong) => {
    const { pending, answer } = await run(previous);
    expect(await codeOf(() => finishHandshake(p, { ...pending, previous: wrong }, answer, UNPINNED))).toBe(
      'ISO-1007',
    );
  });

  it('whose server takes it for a new handshake fails with 1007', async () => {
    const { pending, answer } = await run();
    expect(await codeOf(() => finishHandshake(p, { ...pending, previous }, answer, UNPINNED))).toBe(
      'ISO-1007',
    );
  });
});

describe('the secrets of a handshake', () => {
  /** Primitives that remember every secret that goes through them by reference. */
  function watched(): { primitives: Primitives; secrets: Bytes[]; wiped: () => number } {
    const secrets: Bytes[] = [];
    let keys = 0;
    let wipes = 0;
    const kept = (bytes: Bytes): Bytes => {
      secrets.push(bytes);
      return bytes;
    };
    const counted = <K extends { wipe(): void }>(key: K): K => {
      keys++;
      const { wipe } = key;
      key.wipe = () => {
        wipes++;
        wipe();
      };
      return key;
    };
    return {
      secrets,
      wiped: () => keys - wipes,
      primitives: {
        ...p,
        aeadKey: (raw) => counted(p.aeadKey(kept(raw))),
        macKey: (raw) => counted(p.macKey(kept(raw))),
        extract: (salt, ikm) => kept(p.extract(salt, kept(ikm))),
      },
    };
  }

  /** The same, which remember derived keys too: those that a session keeps, once it is made, are not zero. */
  function alsoDerived(watching: Primitives, secrets: Bytes[]): Primitives {
    return {
      ...watching,
      expand(prk: SyncMacKey, info) {
        const derived = p.expand(prk, info);
        secrets.push(derived);
        return derived;
      },
    };
  }

  /** A KEM whose shared secrets are remembered, and whose key pairs tell when they are wiped. */
  function watchedKem(secrets: Bytes[]): { kem: Kem; wiped: () => boolean } {
    let wiped = false;
    const { kem } = suite;
    return {
      wiped: () => wiped,
      kem: {
        ...kem,
        async encapsulate(publicKey, random) {
          const encapsulation = await kem.encapsulate(publicKey, random);
          secrets.push(encapsulation.sharedSecret);
          return encapsulation;
        },
        async generateKeyPair(random) {
          const pair = await kem.generateKeyPair(random);
          return {
            publicKey: pair.publicKey,
            async decapsulate(ciphertext) {
              const secret = await pair.decapsulate(ciphertext);
              secrets.push(secret);
              return secret;
            },
            wipe() {
              wiped = true;
              pair.wipe();
            },
          };
        },
      },
    };
  }

  const isZero = (bytes: Bytes): boolean => bytes.every((byte) => byte === 0);

  it.each([undefined, { sid: sidOf('old'), exporterSecret: named('old exporter') }])(
    'are zero on both sides once it is over, but for those of the session (previous: %o)',
    async (previous) => {
      const { primitives: spy, secrets, wiped } = watched();
      const { kem, wiped: pairWiped } = watchedKem(secrets);
      const own: Suite = { name: 'ML-KEM-768', kem, primitives: noblePrimitives };
      const pending = await startHandshake(own, AUD, { previous });
      const { session, answer } = await answerHandshake(spy, pending.hello, { terms, previous });
      expect(secrets.length).toBeGreaterThan(3);
      expect(secrets.every(isZero)).toBe(true);
      const mine = await finishHandshake(spy, pending, answer, UNPINNED);
      expect(secrets.every(isZero)).toBe(true);
      expect(wiped()).toBe(0);
      expect(pairWiped()).toBe(true);
      for (const secret of [...Object.values(session.secrets), ...Object.values(mine.secrets)]) {
        expect(isZero(secret)).toBe(false);
      }
      if (previous !== undefined) expect(isZero(previous.exporterSecret)).toBe(false);
    },
  );

  it('are zero on the client when it fails, the key pair too', async () => {
    for (const alter of [
      (message: Fields) => ({ ...message, sid: sidOf('other') }),
      (message: Fields) => ({ ...message, v: 1 }),
    ]) {
      const { primitives: watching, secrets, wiped } = watched();
      const { kem, wiped: pairWiped } = watchedKem(secrets);
      const spy = alsoDerived(watching, secrets);
      const pending = await startHandshake({ name: 'ML-KEM-768', kem, primitives: noblePrimitives }, AUD);
      const { answer } = await answerHandshake(p, pending.hello, { terms });
      secrets.length = 0;
      const code = await codeOf(() => finishHandshake(spy, pending, json(alter(parse(answer))), UNPINNED));
      expect(code).toBe('ISO-1007');
      expect(secrets.every(isZero)).toBe(true);
      expect(wiped()).toBe(0);
      expect(pairWiped()).toBe(true);
      await expect(async () => pending.keyPair.decapsulate(new Uint8Array(1088))).rejects.toThrow('wiped');
    }
  });

  it("are zero on the client when the server's signature can't be verified", async () => {
    const pending = await startHandshake(suite, AUD);
    const identity = { keyId: 'id', publicKey: new Uint8Array(1952), sign: () => new Uint8Array(3309) };
    const { session, answer } = await answerHandshake(p, pending.hello, { terms, identity });
    const wiped: string[] = [];
    const { fill } = Uint8Array.prototype;
    const spy = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, 'fill');
    spy.mockImplementation(function (this: Uint8Array, value, start, end) {
      if (value === 0) wiped.push(hex(this));
      return fill.call(this, value, start, end);
    });
    try {
      const loadVerifier = async (): Promise<never> => Promise.reject(new Error('the script is gone'));
      const finishing = finishHandshake(p, pending, answer, { pins: undefined, loadVerifier });
      await expect(finishing).rejects.toThrow('the script is gone');
    } finally {
      spy.mockRestore();
    }
    for (const [name, secret] of Object.entries(session.secrets)) expect(wiped, name).toContain(hex(secret));
  });

  it('are not left in the plaintext of the terms', async () => {
    const plaintexts: Bytes[] = [];
    const spy: Primitives = {
      ...p,
      aeadKey: (raw) => {
        const key = p.aeadKey(raw);
        return {
          seal(nonce, aad, pieces) {
            plaintexts.push(...pieces);
            return key.seal(nonce, aad, pieces);
          },
          async open(nonce, aad, box) {
            const plain = await key.open(nonce, aad, box);
            plaintexts.push(plain);
            return plain;
          },
          wipe: () => key.wipe(),
        };
      },
    };
    const pending = await startHandshake(suite, AUD);
    const { answer } = await answerHandshake(spy, pending.hello, { terms });
    await finishHandshake(spy, pending, answer, UNPINNED);
    expect(plaintexts.length).toBe(2);
    expect(plaintexts.every(isZero)).toBe(true);
  });

  it('are not left in terms that could not be sealed', async () => {
    const { primitives: watching, secrets, wiped } = watched();
    const failing: Primitives = {
      ...alsoDerived(watching, secrets),
      aeadKey: (raw) => ({
        ...watching.aeadKey(raw),
        seal(_nonce, _aad, pieces) {
          secrets.push(...pieces);
          throw new Error('out of memory');
        },
      }),
    };
    const { hello } = await startHandshake(suite, AUD);
    await expect(answerHandshake(failing, hello, { terms })).rejects.toThrow('out of memory');
    expect(secrets.every(isZero)).toBe(true);
    expect(wiped()).toBe(0);
  });
});
