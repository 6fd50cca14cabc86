/**
 * The two messages of a handshake with one bit altered, or cut. The hello goes to the server's route, and where that
 * answers, the answer goes to the client that sent the honest hello: no client ends with a session. ML-KEM takes
 * any ciphertext and almost any key: every bit of a ciphertext is tried, and where ML-KEM is JavaScript every eleventh
 * of a key. `NEN_LONG=1` tries each bit of all.
 */
import * as nodeCrypto from 'node:crypto';
import { expect } from 'vitest';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  bytesToLatin1,
  latin1ToBytes,
} from '../../src/crypto/bytes.ts';
import type { KemKeyPair } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { Signer } from '../../src/crypto/signature.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { NenClient } from '../../src/link/client/index.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import { NenError } from '../../src/protocol/errors.ts';
import {
  finishHandshake,
  type PendingHandshake,
  type ServerTrust,
  startHandshake,
  UNPINNED,
} from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { AUDIENCE, flipBit, handshakeRequest, type WireRequest, withHeaders } from '../attack/harness.ts';
import { LONG } from '../protocol/support.ts';
import { bits, cuts, flipText, isBase64 } from './alterations.ts';
import { readWhole, refusalIn, type Stage, toRequest } from './stage.ts';
import { type Group, harmless, type Outcome, rarely, refused, type Tally } from './tally.ts';

/** Of the bits of an `ek`, which cost both halves of ML-KEM, one in so many: each where the runtime has it. */
const KEY_STEP = LONG || 'encapsulate' in nodeCrypto ? 1 : 11;
/** The same of what costs a verification by ML-DSA-65. */
const VERIFIED_STEP = LONG ? 1 : 127;
/** The same of what costs the real client's whole handshake. */
const CLIENT_STEP = LONG ? 1 : 61;
/** The same of what is long and costs little: identities as text, and cuts of messages that have them. */
const TEXT_STEP = LONG ? 1 : 13;
const VERIFIED: Steps = { bit: VERIFIED_STEP, text: TEXT_STEP };

/** A message of JSON, one character being one byte, in which each field can be found and replaced. */
class Message {
  readonly text: string;

  constructor(bytes: Bytes) {
    this.text = bytesToLatin1(bytes);
  }

  /** The place of the string that is `value`. */
  #place(value: string): [start: number, end: number] {
    const start = this.text.indexOf(`"${value}"`) + 1;
    return [start, start + value.length];
  }

  replaced(value: string, other: string): Bytes {
    const [start, end] = this.#place(value);
    return latin1ToBytes(this.text.slice(0, start) + other + this.text.slice(end));
  }

  /** Every bit that is in none of these. */
  *outside(values: readonly string[]): Generator<number> {
    const places = values.map((value) => this.#place(value));
    for (const bit of bits(this.text.length)) {
      const at = bit >> 3;
      if (!places.some(([start, end]) => at >= start && at < end)) yield bit;
    }
  }

  /** The values of base64 in it. */
  get fields(): Record<string, string> & { id?: { pk: string; sig: string } } {
    return JSON.parse(this.text);
  }
}

/** One altered message. */
type Case = readonly [field: string, which: string, message: Bytes];

interface Steps {
  /** One in so many of the bits of its bytes. */
  readonly bit?: number;
  /** One in so many of its cuts, and of the bits of its text that leave no base64. */
  readonly text?: number;
}

/** A field of base64: its bits, as bytes; those of its text that leave no base64; its cuts. */
function* field(name: string, message: Message, value: string, steps: Steps = {}): Generator<Case> {
  const bytes = base64Decode(value) ?? new Uint8Array(0);
  for (const bit of bits(bytes.length, steps.bit))
    yield [name, `bit ${bit}`, message.replaced(value, base64Encode(flipBit(bytes, bit)))];
  for (const bit of bits(value.length, steps.text)) {
    const text = flipText(value, bit);
    if (!isBase64(text)) yield [`${name}, no base64`, `bit ${bit}`, message.replaced(value, text)];
  }
  for (const cut of cuts(bytes, steps.text))
    yield [`${name}, cut`, `at ${cut.length}`, message.replaced(value, base64Encode(cut))];
}

function* rest(message: Message, values: readonly string[], step = 1): Generator<Case> {
  const { text } = message;
  for (const bit of message.outside(values))
    yield ['all else', `bit ${bit}`, flipBit(latin1ToBytes(text), bit)];
  for (const cut of cuts(latin1ToBytes(text), step)) yield ['cut', `at ${cut.length}`, cut];
}

/** One key pair for many answers: decapsulated once for each ciphertext, and never wiped. */
async function begin(identity?: Signer): Promise<PendingHandshake> {
  const pending = await startHandshake(mlKem768Suite(primitives()), AUDIENCE, { identity });
  let last: { readonly ciphertext: Bytes; readonly secret: Bytes } | undefined;
  const keyPair: KemKeyPair = {
    publicKey: pending.keyPair.publicKey,
    wipe: () => undefined,
    decapsulate: async (ciphertext) => {
      if (last === undefined || Buffer.compare(last.ciphertext, ciphertext) !== 0)
        last = { ciphertext, secret: await pending.keyPair.decapsulate(ciphertext) };
      return Uint8Array.from(last.secret);
    },
  };
  return { ...pending, keyPair };
}

async function finish(pending: PendingHandshake, answer: Bytes, trust: ServerTrust): Promise<Outcome> {
  try {
    await finishHandshake(primitives(), pending, answer, trust);
    return 'same';
  } catch (error) {
    if (error instanceof NenError) return error.code;
    throw error;
  }
}

async function exchange(stage: Stage, pending: PendingHandshake, wire: WireRequest): Promise<Outcome> {
  const request = toRequest(wire);
  if (request === undefined) return 'unsent';
  const { status, bytes } = await readWhole(await stage.nen.routes.POST(request));
  const refusal = refusalIn(bytesToLatin1(bytes), status);
  return refusal ?? finish(pending, bytes, UNPINNED);
}

// ----------------------------------------------------------------------------------------------- the hello

export async function overHello(tally: Tally, stage: Stage): Promise<void> {
  const group = tally.group('handshake: hello', {
    pk: refused('ISO-1002', 'ISO-1007'),
    'pk, no base64': refused('ISO-1001', 'ISO-1002'),
    'pk, cut': refused('ISO-1001', 'ISO-1002'),
    'all else': refused('ISO-1001', 'ISO-1003', 'ISO-1007'),
    cut: refused('ISO-1001'),
    method: harmless('a Request writes the methods that it knows in capitals', '405', 'unsent'),
    path: harmless(
      'the route is told by the last segment: nothing but `aud` names the server',
      '404',
      'unsent',
    ),
    'Content-Type': harmless('types are the same in either case', '415', 'unsent'),
  });
  const pending = await begin();
  const message = new Message(encodeClientHello(pending.hello));
  const honest = handshakeRequest(latin1ToBytes(message.text));
  const { pk = '' } = message.fields;
  expect(await exchange(stage, pending, honest)).toBe('same');
  for (const [name, which, body] of [...field('pk', message, pk, { bit: KEY_STEP }), ...rest(message, [pk])])
    group.add(name, await exchange(stage, pending, { ...honest, body }), which);
  const type = String(honest.headers['Content-Type']);
  for (const [name, value, write] of [
    ['method', honest.method, (method: string) => ({ ...honest, method })],
    ['path', honest.target, (target: string) => ({ ...honest, target })],
    ['Content-Type', type, (other: string) => withHeaders(honest, { 'Content-Type': other })],
  ] as const) {
    const flipped = [...bits(value.length)].map((bit) => flipText(value, bit));
    const cut = Array.from(value, (_, end) => value.slice(0, end));
    for (const text of [...flipped, ...cut])
      group.add(name, await exchange(stage, pending, write(text)), text);
  }
  expect(group.unused()).toEqual([]);
  expect(await exchange(stage, pending, honest)).toBe('same');
}

export async function overSignedHello(tally: Tally, stage: Stage, client: Signer): Promise<void> {
  const group = tally.group('handshake: hello with an identity', {
    pk: rarely(refused('ISO-1004'), 'ISO-1002'),
    'pk, no base64': refused('ISO-1001', 'ISO-1002'),
    'pk, cut': refused('ISO-1001', 'ISO-1002'),
    ...signed('ISO-1004', 'ISO-1001'),
    'all else': refused('ISO-1001', 'ISO-1003', 'ISO-1004'),
    cut: refused('ISO-1001'),
  });
  const pending = await begin(client);
  const message = new Message(encodeClientHello(pending.hello));
  const honest = handshakeRequest(latin1ToBytes(message.text));
  const { pk = '', id = { pk: '', sig: '' } } = message.fields;
  expect(await exchange(stage, pending, honest)).toBe('same');
  for (const [name, which, body] of [
    ...field('pk', message, pk, VERIFIED),
    ...field('id.pk', message, id.pk, VERIFIED),
    ...field('id.sig', message, id.sig, VERIFIED),
    ...rest(message, [pk, id.pk, id.sig], TEXT_STEP),
  ])
    group.add(name, await exchange(stage, pending, { ...honest, body }), which);
  expect(group.unused()).toEqual([]);
  expect(await exchange(stage, pending, honest)).toBe('same');
}

/** The rules of an identity's fields. */
function signed(invalid: Outcome, noMessage: Outcome) {
  return Object.fromEntries(
    ['id.pk', 'id.sig'].flatMap((name) => [
      [name, refused(invalid)],
      [`${name}, no base64`, refused(invalid, noMessage)],
      [`${name}, cut`, refused(invalid)],
    ]),
  );
}

// ---------------------------------------------------------------------------------------------- the answer

async function answerTo(stage: Stage, pending: PendingHandshake): Promise<Message> {
  const request = toRequest(handshakeRequest(encodeClientHello(pending.hello)));
  if (request === undefined) throw new Error('no request');
  const { status, bytes } = await readWhole(await stage.nen.routes.POST(request));
  expect(status).toBe(200);
  return new Message(bytes);
}

async function overAnswers(
  group: Group,
  pending: PendingHandshake,
  honest: Message,
  trust: ServerTrust,
  cases: Iterable<Case>,
): Promise<void> {
  expect(await finish(pending, latin1ToBytes(honest.text), trust)).toBe('same');
  for (const [name, which, answer] of cases) group.add(name, await finish(pending, answer, trust), which);
  expect(group.unused()).toEqual([]);
  expect(await finish(pending, latin1ToBytes(honest.text), trust)).toBe('same');
}

export async function overServerHello(tally: Tally, stage: Stage): Promise<void> {
  const names = ['ct', 'hs'].flatMap((name) => [name, `${name}, no base64`, `${name}, cut`]);
  const rules = Object.fromEntries([...names, 'all else', 'cut'].map((name) => [name, refused('ISO-1007')]));
  const pending = await begin();
  const message = await answerTo(stage, pending);
  const { ct = '', hs = '' } = message.fields;
  await overAnswers(tally.group('handshake: answer', rules), pending, message, UNPINNED, [
    ...field('ct', message, ct),
    ...field('hs', message, hs),
    ...rest(message, [ct, hs]),
  ]);
}

/** @param stage of a server with an identity. */
export async function overSignedServerHello(tally: Tally, stage: Stage, trust: ServerTrust): Promise<void> {
  const pending = await begin();
  const message = await answerTo(stage, pending);
  const { ct = '', hs = '', id = { pk: '', sig: '' } } = message.fields;
  const group = tally.group('handshake: answer of a pinned server', {
    ...signed('ISO-1006', 'ISO-1007'),
    'all else': refused('ISO-1006', 'ISO-1007'),
    cut: refused('ISO-1007'),
  });
  await overAnswers(group, pending, message, trust, [
    ...field('id.pk', message, id.pk, { bit: TEXT_STEP, text: TEXT_STEP }),
    ...field('id.sig', message, id.sig, VERIFIED),
    ...rest(message, [ct, hs, id.pk, id.sig], TEXT_STEP),
  ]);
  const unpinned = tally.group('handshake: answer of a server that shows its identity first', {
    'id.pk': refused('ISO-1007'),
    'id.pk, no base64': refused('ISO-1006', 'ISO-1007'),
    'id.pk, cut': refused('ISO-1006'),
    'id.sig': refused('ISO-1006'),
    'id.sig, no base64': refused('ISO-1006', 'ISO-1007'),
    'id.sig, cut': refused('ISO-1006'),
  });
  await overAnswers(unpinned, pending, message, UNPINNED, [
    ...field('id.pk', message, id.pk, VERIFIED),
    ...field('id.sig', message, id.sig, VERIFIED),
  ]);
}

// ----------------------------------------------------------------------------------------- the real client

/** The answer of each handshake is altered on its way to a client that wants to call: it fails and sends nothing. */
export async function overFirstCalls(tally: Tally, stage: Stage): Promise<void> {
  const group = tally.group('handshake: answer, to the real client', { answer: refused('ISO-1007') });
  const { length } = (await answerTo(stage, await begin())).text;
  expect(await firstCall(stage, (bytes) => bytes)).toBe('same');
  for (const bit of bits(length, CLIENT_STEP))
    group.add('answer', await firstCall(stage, (bytes) => flipBit(bytes, bit)), `bit ${bit}`);
  expect(await firstCall(stage, (bytes) => bytes)).toBe('same');
}

async function firstCall(stage: Stage, alter: (answer: Bytes) => Bytes): Promise<Outcome> {
  const sent: string[] = [];
  const fetch: Transport = async (url, init) => {
    const { pathname } = new URL(url);
    sent.push(pathname);
    const request = new Request(url, init);
    if (!pathname.startsWith('/api/nen/')) return stage.echo(request);
    const { status, headers, bytes } = await readWhole(await stage.nen.routes.POST(request));
    return new Response(alter(bytes), { status, headers });
  };
  const clock = { wall: stage.clock.now, monotonic: stage.clock.now };
  const before = stage.ran.length;
  try {
    const client = new NenClient(AUDIENCE, { fetch, clock });
    await client.fetch('/api/echo/json', { method: 'POST', body: '1' });
    return 'same';
  } catch (error) {
    expect(NenError.from(error)?.outcome).toBe('not-run');
    expect([...sent, stage.ran.length - before]).toEqual(['/api/nen/handshake', 0]);
    return NenError.from(error)?.code ?? 'same';
  }
}
