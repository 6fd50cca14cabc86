/**
 * Sealed answers of the server's own entry with one thing altered, given to what the client reads them with; and the
 * real client, with each bit of an answer altered on its way: the handler ran once, its answer is not believed.
 */
import { createTRPCClient } from '@trpc/client';
import { expect } from 'vitest';
import { bytesToLatin1 } from '../../src/crypto/bytes.ts';
import { nenLink } from '../../src/link/index.ts';
import { NenError } from '../../src/protocol/errors.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import { AUDIENCE, flipBit, type SealedCall } from '../attack/harness.ts';
import { bits, flipText } from './alterations.ts';
import {
  type Handle,
  openWhole,
  readWhole,
  type Stage,
  type StageRouter,
  toRequest,
  toResponse,
  type Way,
  type Whole,
} from './stage.ts';
import { type Group, harmless, type Outcome, type Rules, refused, rulesOf, type Tally } from './tally.ts';

/** An answer to be altered. */
export interface Source {
  readonly name: string;
  readonly handle: Handle;
  readonly call: () => Promise<SealedCall>;
  /** Rules that differ from those of every answer. */
  readonly rules?: Rules;
}

/** The answer to a call, as it leaves the server. */
export async function answerOf({ handle, call }: Source): Promise<{ exchange: Exchange; honest: Whole }> {
  const sealed = await call();
  const request = toRequest(sealed);
  if (request === undefined) throw new Error('no request');
  return { exchange: sealed.sealed.exchange, honest: await readWhole(await handle(request)) };
}

/** One altered answer. */
type Case = readonly [field: string, which: string, answer: Whole];

function* alterationsOf(honest: Whole): Generator<Case> {
  const { bytes, headers, status } = honest;
  for (const bit of bits(bytes.length))
    yield ['body', `bit ${bit}`, { ...honest, bytes: flipBit(bytes, bit) }];
  for (const end of bytes.keys()) yield ['body', `cut at ${end}`, { ...honest, bytes: bytes.slice(0, end) }];
  for (let byte = 0; byte < 256 && bytes.length > 0; byte++) {
    const more = Uint8Array.of(...bytes, byte);
    yield ['body, extended', `by ${byte}`, { ...honest, bytes: more }];
  }
  for (let other = 200; other < 600; other++)
    if (other !== status) yield ['status', String(other), { ...honest, status: other }];
  for (const [name, value] of headers) {
    if (!READ.has(name)) continue;
    for (const bit of bits(value.length))
      yield* withHeader(name, `bit ${bit}`, honest, name, flipText(value, bit));
    for (let end = 0; end < value.length; end++)
      yield* withHeader(name, `cut at ${end}`, honest, name, value.slice(0, end));
    for (const bit of bits(name.length))
      yield* withHeader(`name of ${name}`, `bit ${bit}`, honest, flipText(name, bit), value);
    yield* withHeader(name, 'twice', honest, name, `${value}, ${value}`);
  }
}

/** The headers of a sealed answer that the client reads. */
const READ = new Set(['content-type', 'x-nen-nonce', 'x-nen-tag']);

/** None where HTTP can't carry it. */
function* withHeader(
  field: string,
  which: string,
  { headers, ...answer }: Whole,
  name: string,
  value: string,
): Generator<Case> {
  const [own = ''] = /[a-z-]+$/.exec(field) ?? [];
  const altered = new Headers(headers);
  altered.delete(own);
  try {
    altered.set(name, value);
  } catch {
    return;
  }
  yield [field, which, { ...answer, headers: altered }];
}

const CASE = 'names of headers are the same in either case';
const RULES: Rules = {
  body: refused('ISO-4004', 'ISO-4005'),
  status: refused('ISO-4004', 'ISO-4005'),
  'content-type': harmless('types are the same in either case', 'ISO-4005'),
  'x-nen-nonce': refused('ISO-4004'),
  'x-nen-tag': refused('ISO-4004'),
  'name of content-type': harmless(CASE, 'ISO-4005'),
  'name of x-nen-nonce': harmless(CASE, 'ISO-4004'),
  'name of x-nen-tag': harmless(CASE, 'ISO-4005'),
  'body, extended': harmless('white space after JSON means nothing', 'ISO-4005'),
};

const IN_OCTETS: Rules = { ...RULES, 'body, extended': refused('ISO-4004') };

/** With another first byte they are a stream, of which a record is too long. */
export const READS_AS_STREAM: Rules = { body: refused('ISO-4004', 'ISO-4005', 'ISO-6003') };

/** Nothing but headers: no status makes a plain answer of it. */
const WITHOUT_BODY: Rules = { ...RULES, status: refused('ISO-4004') };

export async function overAnswers(tally: Tally, source: Source): Promise<void> {
  const { exchange, honest } = await answerOf(source);
  const cases = [...alterationsOf(honest)];
  const fields = new Set(cases.map(([field]) => field));
  const isEmpty = honest.bytes.length === 0;
  const rules = isEmpty ? WITHOUT_BODY : exchange.encoding === 'octets' ? IN_OCTETS : RULES;
  const group = tally.group(`answers: ${source.name}`, rulesOf(fields, { ...rules, ...source.rules }));
  const expected = await opened(exchange, honest);
  for (const [field, which, answer] of cases) {
    const outcome = await opened(exchange, answer);
    group.add(field, outcome.code === expected.code ? 'same' : outcome.code, which);
    if (outcome.code === expected.code) expect(outcome).toEqual(expected);
  }
  expect(group.unused()).toEqual([]);
  expect(await opened(exchange, honest)).toEqual(expected);
}

/** `same`, or the code that it fails with; and what was read. */
async function opened(exchange: Exchange, answer: Whole): Promise<{ code: Outcome; text: string }> {
  try {
    return { code: 'same', text: bytesToLatin1(await openWhole(exchange, toResponse(answer))) };
  } catch (error) {
    if (error instanceof NenError) return { code: error.code, text: '' };
    throw error;
  }
}

// ----------------------------------------------------------------------------------------- the real client

/** Of the calls of tRPC's client, an answer with one bit in so many. */
const TRPC_STEP = 7;

/** Each bit of an answer, to the real client and to tRPC's: the handler ran once, and nobody knows it. */
export async function overCalls(tally: Tally, stage: Stage): Promise<void> {
  for (const encoding of ['json', 'octets'] as const) {
    const group = tally.group(`answers: to the real client in ${encoding}`, TO_A_CLIENT[encoding]);
    const { client, way } = stage.client(stage.echo, { encoding });
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"amount":1840}' };
    const call = async (): Promise<string> => (await client.fetch('/api/echo/json', init)).text();
    await overBits(group, stage, way, call, 1);
  }
  const { client, way } = stage.client(stage.trpc);
  const url = `${AUDIENCE}/api/trpc`;
  const trpc = createTRPCClient<StageRouter>({ links: [nenLink({ url, client })] });
  const mutate = (): Promise<string> => trpc.add.mutate('a');
  await overBits(tally.group("answers: to tRPC's client", TO_A_CLIENT.json), stage, way, mutate, TRPC_STEP);
}

const TO_A_CLIENT: Readonly<Record<Exchange['encoding'], Rules>> = {
  json: { body: refused('ISO-4004', 'ISO-4005') },
  octets: READS_AS_STREAM,
};

async function overBits(
  group: Group,
  stage: Stage,
  way: Way,
  call: () => Promise<string>,
  step: number,
): Promise<void> {
  let length = 0;
  way.alter = (body) => {
    length = body.length;
    return body;
  };
  const honest = await call();
  for (const bit of bits(length, step)) {
    way.alter = (body) => flipBit(body, bit);
    const before = stage.ran.length;
    const error = NenError.from(await call().catch((thrown: unknown) => thrown));
    expect([error?.outcome, stage.ran.length - before], `bit ${bit}`).toEqual(['unknown', 1]);
    group.add('body', error?.code ?? 'same', `bit ${bit}`);
  }
  expect(group.unused()).toEqual([]);
  way.alter = (body) => body;
  expect(await call()).toEqual(honest);
}
