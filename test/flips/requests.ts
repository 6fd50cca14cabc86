/**
 * Sealed requests with one thing altered: every bit of the method, the path, the query, each header's name and value
 * and the body; each of them cut at every length; each header taken away or doubled; the body extended by any byte.
 * What is refused runs nothing and claims no nonce: the very call goes through afterwards, once.
 */
import { expect } from 'vitest';
import { bytesToLatin1, latin1ToBytes } from '../../src/crypto/bytes.ts';
import type { NenErrorCode } from '../../src/protocol/errors.ts';
import { type SealedCall, type WireRequest, withHeaders } from '../attack/harness.ts';
import { bits, flipText } from './alterations.ts';
import { type Handle, openWhole, readWhole, refusalIn, type Stage, toRequest, toResponse } from './stage.ts';
import { harmless, type Outcome, type Rules, refused, rulesOf, type Tally } from './tally.ts';

/** A kind of call, and who answers it. */
export interface Shape {
  readonly name: string;
  readonly handle: Handle;
  /** A new one, which nobody has sent yet. */
  readonly call: () => Promise<SealedCall>;
  /** Rules that differ from those of every call. */
  readonly rules?: Rules;
  /** One bit of the body in so many, and one cut: of a long one that is sealed like any other. */
  readonly bodyStep?: number;
  /** What a copy comes to, after the call itself. */
  readonly again?: NenErrorCode;
}

/** One field of a request as text, one character being one byte. */
interface Part {
  readonly field: string;
  readonly read: (call: WireRequest) => string;
  readonly write: (call: WireRequest, text: string) => WireRequest;
}

const METHOD: Part = {
  field: 'method',
  read: ({ method }) => method,
  write: (call, method) => ({ ...call, method }),
};

const PATH: Part = {
  field: 'path',
  read: ({ target }) => target.replace(/\?.*/, ''),
  write: (call, path) => ({ ...call, target: path + QUERY.read(call) }),
};

const QUERY: Part = {
  field: 'query',
  read: ({ target }) => target.replace(/^[^?]*/, ''),
  write: (call, query) => ({ ...call, target: PATH.read(call) + query }),
};

const BODY: Part = {
  field: 'body',
  read: ({ body }) => (body === undefined ? '' : bytesToLatin1(body)),
  write: (call, text) => ({ ...call, body: latin1ToBytes(text) }),
};

function value(name: string): Part {
  return {
    field: name,
    read: ({ headers }) => String(headers[name]),
    write: (call, text) => withHeaders(call, { [name]: text }),
  };
}

function nameOf(name: string): Part {
  return {
    field: `name of ${name}`,
    read: () => name,
    write: (call, other) => withHeaders(call, { [name]: undefined, [other]: String(call.headers[name]) }),
  };
}

/** One alteration of a call: it is made anew for each call of the shape. */
interface Alteration {
  readonly field: string;
  readonly which: string;
  readonly apply: (call: WireRequest) => WireRequest;
}

function* alterationsOf(call: SealedCall, bodyStep = 1): Generator<Alteration> {
  const names = Object.keys(call.headers);
  const parts = [METHOD, PATH, QUERY, BODY, ...names.flatMap((name) => [value(name), nameOf(name)])];
  for (const { field, read, write } of parts) {
    const { length } = read(call);
    const step = field === 'body' ? bodyStep : 1;
    for (const bit of bits(length, step))
      yield { field, which: `bit ${bit}`, apply: (one) => write(one, flipText(read(one), bit)) };
    for (let end = 0; end < length; end += step)
      yield { field, which: `cut at ${end}`, apply: (one) => write(one, read(one).slice(0, end)) };
  }
  for (const field of names) {
    const { read } = value(field);
    yield { field, which: 'absent', apply: (one) => withHeaders(one, { [field]: undefined }) };
    yield {
      field,
      which: 'twice',
      apply: (one) => withHeaders(one, { [field]: `${read(one)}, ${read(one)}` }),
    };
  }
  if (call.body === undefined) return;
  for (let end = 0; end < call.body.length; end += bodyStep)
    yield {
      field: 'body, of a length that was told',
      which: `cut at ${end}`,
      apply: (one) => cutShort(one, end),
    };
  for (let byte = 0; byte < 256; byte++) {
    const apply = (one: WireRequest): WireRequest =>
      BODY.write(one, BODY.read(one) + String.fromCharCode(byte));
    yield { field: 'body, extended', which: `by ${byte}`, apply };
  }
}

function cutShort(call: WireRequest, end: number): WireRequest {
  const { length } = BODY.read(call);
  return BODY.write(withHeaders(call, { 'Content-Length': String(length) }), BODY.read(call).slice(0, end));
}

const CASE = 'names of headers are the same in either case';

/** What becomes of an altered call of any shape. */
const RULES: Rules = {
  method: harmless('a Request writes the methods that it knows in capitals', 'ISO-3002', 'unsent'),
  path: refused('ISO-3002', 'unsent'),
  query: refused('ISO-3002', 'ISO-4001'),
  body: refused('ISO-4001', 'ISO-4002'),
  'body, of a length that was told': refused('ISO-4007'),
  'body, extended': harmless('white space after JSON means nothing', 'ISO-4002'),
  'X-Nen-Session': refused('ISO-2001', 'ISO-2002', 'unsent'),
  'X-Nen-Timestamp': refused('ISO-3002', 'ISO-3004', 'unsent'),
  'X-Nen-Nonce': refused('ISO-3002', 'ISO-3005', 'ISO-3006', 'unsent'),
  'X-Nen-Signature': refused('ISO-3001', 'ISO-3002', 'unsent'),
  'X-Nen-Tag': refused('ISO-4001', 'ISO-4002', 'unsent'),
  'X-Nen-Retry': refused('ISO-4001', 'unsent'),
  'Content-Type': harmless(
    'nobody signs it: whatever is not octets is read as JSON, and sealed as such',
    'unsent',
  ),
  'name of X-Nen-Session': harmless(CASE, 'ISO-2001', 'unsent'),
  'name of X-Nen-Timestamp': harmless(CASE, 'ISO-3004', 'unsent'),
  'name of X-Nen-Nonce': harmless(CASE, 'ISO-3005', 'unsent'),
  'name of X-Nen-Signature': harmless(CASE, 'ISO-3001', 'unsent'),
  'name of X-Nen-Tag': harmless(CASE, 'ISO-4002', 'unsent'),
  'name of X-Nen-Retry': harmless(CASE, 'ISO-4001', 'unsent'),
  'name of Content-Type': harmless('see Content-Type', 'unsent'),
};

/** A body in octets is an envelope whatever its length, and nothing but its type tells that it is one. */
export const IN_OCTETS: Rules = {
  'body, extended': refused('ISO-4001'),
  'Content-Type': harmless('a type that begins so is read as octets', 'ISO-4002', 'unsent'),
  'name of Content-Type': harmless(CASE, 'ISO-4002', 'unsent'),
};

/** A session route is told by its last segment and its method, before anything is read. */
export const ON_A_ROUTE: Rules = {
  method: harmless('a Request writes the methods that it knows in capitals', '405', 'unsent'),
  path: refused('ISO-3002', '404', 'unsent'),
};

export async function overRequests(tally: Tally, stage: Stage, shape: Shape): Promise<void> {
  const first = await shape.call();
  const alterations = [...alterationsOf(first, shape.bodyStep)];
  const fields = new Set(alterations.map(({ field }) => field));
  const group = tally.group(`requests: ${shape.name}`, rulesOf(fields, { ...RULES, ...shape.rules }));
  const honest = await send(stage, shape, first, first);
  expect(honest).toMatchObject({ outcome: 'same' });

  let call = await shape.call();
  for (const { field, which, apply } of alterations) {
    const before = stage.mark();
    const { outcome, ran } = await send(stage, shape, apply(call), call);
    group.add(field, outcome, which);
    if (outcome === 'same') {
      expect(ran, `${field}, ${which}`).toEqual(honest.ran);
      call = await shape.call();
    } else if (stage.mark() !== before)
      throw new Error(`${field}, ${which}: ${before} became ${stage.mark()}`);
  }
  expect(group.unused()).toEqual([]);
  expect(await send(stage, shape, call, call)).toEqual(honest);
  expect((await send(stage, shape, call, call)).outcome).toBe(shape.again ?? 'ISO-5001');
}

/** What became of a request, and what ran of it. An answer that is no refusal must open as the answer to `call`. */
async function send(
  stage: Stage,
  { handle }: Shape,
  wire: WireRequest,
  { sealed }: SealedCall,
): Promise<{ outcome: Outcome; ran: readonly string[] }> {
  const request = toRequest(wire);
  if (request === undefined) return { outcome: 'unsent', ran: [] };
  const ranBefore = stage.ran.length;
  const { status, headers, bytes } = await readWhole(await handle(request));
  const ran = stage.ran.slice(ranBefore);
  const refusal = refusalIn(bytesToLatin1(bytes), status);
  if (refusal !== undefined) return { outcome: refusal, ran };
  await openWhole(sealed.exchange, toResponse({ status, headers, bytes }));
  return { outcome: 'same', ran };
}
