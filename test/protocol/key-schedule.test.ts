/**
 * Properties of the key schedule, whatever is hashed and derived: each key has one purpose and one session, and
 * no change of what it comes from leaves any key as it was.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import type { Primitives } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import {
  LABEL_ANSWER_KEY,
  LABEL_EXPORTED_KEY,
  LABEL_EXPORTER,
  LABEL_HANDSHAKE_KEY,
  LABEL_REQUEST_KEY,
  LABEL_RESPONSE_SECRET,
  LABEL_STREAM_KEY,
} from '../../src/protocol/constants.ts';
import { input } from '../../src/protocol/input.ts';
import {
  deriveSchedule,
  hashTranscript,
  type PreviousSession,
  type TranscriptFields,
} from '../../src/protocol/key-schedule.ts';
import {
  deriveResponseKey,
  exportKey,
  importKeys,
  type SessionKeys,
  type SyncSessionKeys,
} from '../../src/protocol/keys.ts';
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property.ts';
import { bytesOf, flip, hex, named, secretsOf, sidOf } from './support.ts';

const p = primitives();
const NONCE = new Uint8Array(12);

const key = bytesOf(32);
const nonce = bytesOf(12);
const name = fc.string({ maxLength: 24 });
const sid = fc.string({ minLength: 1, maxLength: 8 }).map(sidOf);

const fields: fc.Arbitrary<TranscriptFields> = fc.record({
  suite: name,
  audience: name,
  publicKey: bytesOf(8),
  clientIdentity: fc.option(key, { nil: undefined }),
  sid,
  ciphertext: bytesOf(8),
  serverIdentity: fc.option(key, { nil: undefined }),
  previousSid: fc.option(sid, { nil: undefined }),
});

/** What a transcript is of, without its framing. */
function told(transcript: TranscriptFields): string {
  return JSON.stringify(Object.values(transcript).map((one) => (one instanceof Uint8Array ? hex(one) : one)));
}

const transcriptOf = async (transcript: TranscriptFields): Promise<string> =>
  hex(await hashTranscript(p, transcript));

describe('the transcript', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  it('is the same for the same fields and another for any others', async () => {
    await fc.assert(
      fc.asyncProperty(fields, fields, async (one, other) => {
        expect(await transcriptOf(one)).toBe(await transcriptOf({ ...one }));
        expect((await transcriptOf(one)) === (await transcriptOf(other))).toBe(told(one) === told(other));
      }),
      runs(100),
    );
  });

  it('changes with each field alone', async () => {
    await fc.assert(
      fc.asyncProperty(fields, fields, async (one, other) => {
        for (const field of Object.keys(one) as (keyof TranscriptFields)[]) {
          const mixed = { ...one, [field]: other[field] };
          expect((await transcriptOf(mixed)) === (await transcriptOf(one)), field).toBe(
            told(mixed) === told(one),
          );
        }
      }),
      runs(100),
    );
  });

  it('tells whose identity it holds, and on which side of a field a byte lies', async () => {
    await fc.assert(
      fc.asyncProperty(fields, key, name, fc.nat(24), async (one, identity, text, at) => {
        const proved = [{}, { clientIdentity: identity }, { serverIdentity: identity }];
        const both = { clientIdentity: identity, serverIdentity: identity };
        const nobody = { clientIdentity: undefined, serverIdentity: undefined };
        const transcripts = await Promise.all(
          [...proved, both].map((sides) => transcriptOf({ ...one, ...nobody, ...sides })),
        );
        expect(new Set(transcripts).size).toBe(4);
        const cut = Math.min(at, text.length);
        const whole = await transcriptOf({ ...one, suite: text, audience: '' });
        const split = await transcriptOf({ ...one, suite: text.slice(0, cut), audience: text.slice(cut) });
        expect(whole === split).toBe(cut === text.length);
      }),
      runs(100),
    );
  });
});

/** What one handshake brings: its transcript and the shared secret. */
interface Handshake {
  readonly transcript: Bytes;
  readonly shared: Bytes;
}

const handshake: fc.Arbitrary<Handshake> = fc.record({ transcript: key, shared: key });

function previousOf(exporterSecret: Bytes | undefined): PreviousSession | undefined {
  return exporterSecret && { sid: sidOf('previous'), exporterSecret };
}

/** All keys of a handshake, as text. The shared secret that is given is a copy: deriving wipes it. */
async function keysOf({ transcript, shared }: Handshake, exporterSecret?: Bytes): Promise<readonly string[]> {
  const previous = previousOf(exporterSecret);
  const { handshakeKey, secrets } = await deriveSchedule(p, transcript, shared.slice(), previous);
  return [handshakeKey, secrets.requestKey, secrets.responseSecret, secrets.exporterSecret].map(hex);
}

function expectAllDifferent(...keys: readonly (readonly string[])[]): void {
  const all = keys.flat();
  expect(new Set(all).size).toBe(all.length);
}

describe('the keys of a handshake', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  it('are four of 32 bytes, one for each purpose and way, and the same on both sides', async () => {
    await fc.assert(
      fc.asyncProperty(handshake, fc.option(key, { nil: undefined }), async (made, exporterSecret) => {
        const keys = await keysOf(made, exporterSecret);
        expect(keys).toEqual(await keysOf(made, exporterSecret));
        for (const one of keys) expect(one).toHaveLength(64);
        expectAllDifferent(keys, [hex(made.transcript)], [hex(made.shared)]);
      }),
      runs(100),
    );
  });

  it('change all four with any bit of the transcript, the shared secret and the previous exporter secret', async () => {
    await fc.assert(
      fc.asyncProperty(handshake, key, fc.nat(255), async (made, exporterSecret, bit) => {
        expectAllDifferent(
          await keysOf(made, exporterSecret),
          await keysOf({ ...made, transcript: flip(made.transcript, bit) }, exporterSecret),
          await keysOf({ ...made, shared: flip(made.shared, bit) }, exporterSecret),
          await keysOf(made, flip(exporterSecret, bit)),
          await keysOf(made),
          await keysOf({ ...made, shared: exporterSecret }, made.shared),
        );
      }),
      runs(100),
    );
  });

  it('leave no shared secret behind, and what is not theirs untouched', async () => {
    await fc.assert(
      fc.asyncProperty(handshake, key, async ({ transcript, shared }, exporterSecret) => {
        const [given, previous, salt] = [shared.slice(), exporterSecret.slice(), transcript.slice()];
        await deriveSchedule(p, salt, given, previousOf(previous));
        expect([given, previous, salt].map(hex)).toEqual([
          '00'.repeat(32),
          hex(exporterSecret),
          hex(transcript),
        ]);
      }),
      runs(50),
    );
  });

  it.each([0, 1, 2, 3])('leave nothing behind where the derivation after %i keys fails', async (made) => {
    const secrets: Bytes[] = [];
    const kept = (bytes: Bytes): Bytes => {
      secrets.push(bytes);
      return bytes;
    };
    let expanded = 0;
    const wipe = vi.fn();
    const failing: Primitives = {
      ...p,
      extract: (salt, ikm) => kept(p.extract(salt, kept(ikm))),
      macKey: (raw) => ({ ...p.macKey(raw), wipe }),
      expand: () => (expanded++ < made ? kept(named('derived')) : Promise.reject(new Error('out of memory'))),
    };
    const deriving = deriveSchedule(failing, named('transcript'), kept(named('shared')), undefined);
    await expect(deriving).rejects.toThrow('out of memory');
    expect(secrets.map(hex)).toEqual(Array(3 + made).fill('00'.repeat(32)));
    expect(wipe).toHaveBeenCalledOnce();
  });
});

describe('a chain of rotations', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  const chain = fc.array(handshake, { minLength: 2, maxLength: 6 });

  /** The keys of each session of the chain. */
  async function epochs(handshakes: readonly Handshake[]): Promise<readonly (readonly string[])[]> {
    const all: (readonly string[])[] = [];
    let exporterSecret: Bytes | undefined;
    for (const { transcript, shared } of handshakes) {
      all.push(await keysOf({ transcript, shared }, exporterSecret));
      const previous = previousOf(exporterSecret);
      const { secrets } = await deriveSchedule(p, transcript, shared.slice(), previous);
      exporterSecret = secrets.exporterSecret;
    }
    return all;
  }

  it('has new keys at each step, even for one and the same handshake over and over', async () => {
    await fc.assert(
      fc.asyncProperty(chain, handshake, async (handshakes, same) => {
        expectAllDifferent(...(await epochs(handshakes)));
        expectAllDifferent(...(await epochs(handshakes.map(() => same))));
      }),
      runs(50),
    );
  });

  it('shares its keys with another up to where they part, and none from there on', async () => {
    await fc.assert(
      fc.asyncProperty(
        chain,
        fc.nat(),
        fc.nat(255),
        fc.boolean(),
        async (handshakes, place, bit, inTranscript) => {
          const at = place % handshakes.length;
          const parting = handshakes.map((made, i) => {
            if (i !== at) return made;
            if (inTranscript) return { ...made, transcript: flip(made.transcript, bit) };
            return { ...made, shared: flip(made.shared, bit) };
          });
          const [one, other] = [await epochs(handshakes), await epochs(parting)];
          expect(other.slice(0, at)).toEqual(one.slice(0, at));
          expectAllDifferent(...one.slice(at), ...other.slice(at));
        },
      ),
      runs(50),
    );
  });
});

/** What a key makes of one message under one nonce: two keys that agree in it are the same. */
async function fingerprint(one: ReturnType<typeof deriveResponseKey>): Promise<string> {
  return (await one.seal(NONCE, NONCE, [NONCE])).map(hex).join('');
}

/** Names a session. */
const who = fc.string({ maxLength: 8 });
const sessionKeys = (of: string): SyncSessionKeys => importKeys(p, secretsOf(of));

describe('the key of an answer', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  it('is another for each session, request, stream and label, and never the key of requests', async () => {
    const request = fc.record({ nonce, base: nonce });
    await fc.assert(
      fc.asyncProperty(who, who, request, request, async (me, them, first, second) => {
        fc.pre(me !== them && hex(first.nonce) !== hex(second.nonce));
        fc.pre(hex(first.base) !== hex(second.base) && hex(first.base) !== hex(first.nonce));
        const [one, other] = [sessionKeys(me), sessionKeys(them)];
        const answer = (keys: SessionKeys, ...parts: Bytes[]) =>
          deriveResponseKey(keys, LABEL_ANSWER_KEY, ...parts);
        const stream = (keys: SessionKeys, ...parts: Bytes[]) =>
          deriveResponseKey(keys, LABEL_STREAM_KEY, ...parts);
        const all = [
          one.requestKey,
          other.requestKey,
          answer(one, first.nonce),
          answer(one, second.nonce),
          answer(other, first.nonce),
          stream(one, first.nonce, first.base),
          stream(one, first.base, first.nonce),
          stream(one, first.nonce, second.base),
          stream(one, second.nonce, first.base),
          stream(other, first.nonce, first.base),
          stream(one, first.nonce),
        ];
        expectAllDifferent(await Promise.all(all.map(fingerprint)));
        expect(await fingerprint(answer(one, first.nonce))).toBe(
          await fingerprint(answer(one, first.nonce.slice())),
        );
      }),
      runs(50),
    );
  });
});

/** Texts that UTF-8, normal forms or framing might take for one another, and the schedule's own labels. */
const label = fc.oneof(
  fc.string({ unit: fc.integer({ max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 4 }),
  fc.string({ unit: 'grapheme', maxLength: 4 }),
  fc.constantFrom('', '\0', '\ud800', '\udfff', '\ufffd', '\u00e9', 'e\u0301', 'constructor'),
  fc.constantFrom(LABEL_EXPORTER, LABEL_EXPORTED_KEY, LABEL_HANDSHAKE_KEY),
  fc.constantFrom(LABEL_REQUEST_KEY, LABEL_RESPONSE_SECRET, LABEL_ANSWER_KEY, LABEL_STREAM_KEY),
);

/** What may be taken for the same label, and the same label. */
const likeness = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.normalize('NFC'),
  (text) => text.normalize('NFD'),
  (text) => text.toLowerCase(),
  (text) => text.trim(),
  (text) => `${text}\0`,
);

/** Hex; undefined for a label that is refused. */
function exported(keys: SyncSessionKeys, of: string): string | undefined {
  try {
    return hex(exportKey(keys, of));
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return undefined;
  }
}

describe('an exported key', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  it('is the same for the same label, another for any other and in any other session', () => {
    fc.assert(
      fc.property(who, who, label, fc.oneof(label, likeness), (me, them, mine, other) => {
        const theirs = typeof other === 'string' ? other : other(mine);
        const keys = sessionKeys(me);
        const first = exported(keys, mine);
        expect(exported(sessionKeys(me), mine)).toBe(first);
        if (first === undefined) return;
        expect(exported(keys, theirs) === first).toBe(mine === theirs);
        expect(exported(sessionKeys(them), mine) === first).toBe(me === them);
      }),
      runs(300),
    );
  });

  it('is no key of the session, whatever its label spells', () => {
    fc.assert(
      fc.property(who, label, nonce, (me, of, requestNonce) => {
        const mine = exported(sessionKeys(me), of);
        if (mine === undefined) return;
        const secrets = secretsOf(me);
        const prk = p.macKey(secrets.responseSecret);
        const derived = [LABEL_ANSWER_KEY, LABEL_STREAM_KEY].map((inner) =>
          p.expand(prk, input(inner, requestNonce)),
        );
        expectAllDifferent([mine], Object.values(secrets).map(hex), derived.map(hex));
      }),
      runs(100),
    );
  });
});
