/**
 * Flips and cuts, counted in one place: every bit of every field of every message, every cut, every order of the
 * records of a stream, on the server's own entry and on the client's own readers. None is taken for what the other
 * side sent, nothing runs, no nonce is claimed, and each ends with a code that its field allows.
 *
 * What may go by, because nothing of a call hangs on it, is `harmless` in the rules of its group, with the reason,
 * and is counted apart. Messages inside of sealed ones (a rotation's hello, Binary HTTP, JSON lines) have no bits
 * of their own on the wire. `NEN_FIGURES=file` prints the count of each group.
 */
import { describe, expect, test } from 'vitest';
import { createMlDsa65Signer } from '../../src/crypto/ml-dsa-65.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { UNPINNED } from '../../src/protocol/handshake.ts';
import { encodePin, identityDigest } from '../../src/protocol/identity.ts';
import { failOnStrayErrors } from '../trpc/support/stray-errors.ts';
import { overAnswers, overCalls } from './answers.ts';
import { Calls } from './calls.ts';
import {
  overFirstCalls,
  overHello,
  overServerHello,
  overSignedHello,
  overSignedServerHello,
} from './handshake.ts';
import { overRequests } from './requests.ts';
import { Stage } from './stage.ts';
import { overStream, overStreamedCalls } from './streams.ts';
import { Tally } from './tally.ts';

failOnStrayErrors();

const LEAST_CASES = 60_000;
/** The longest takes nine seconds on a core of its own, where ML-KEM is JavaScript. */
const TIMEOUT_MS = process.env.NEN_LONG === '1' ? 600_000 : 180_000;

const tally = new Tally();
const stage = new Stage();
const calls = new Calls(stage, await stage.openSession());

describe('handshakes', { timeout: TIMEOUT_MS }, () => {
  // Of its own: it is left with thousands of sessions that nobody has the keys of.
  const opening = new Stage();
  const signer = createMlDsa65Signer(randomBytes(32), 'server');
  const pin = encodePin(identityDigest(primitives(), signer.publicKey));

  test('rows 5, 6, 8 to 10 and 14: each bit, each cut of a hello', () => overHello(tally, opening));
  test('rows 5, 6, 9 and 10: bits and cuts of a hello with an identity', () =>
    overSignedHello(tally, opening, signer));
  test('rows 1, 12 and 13: each bit, each cut of the answer, all 8 704 bits of its ct', () =>
    overServerHello(tally, opening));
  test("rows 1 and 2: bits and cuts of a pinned server's answer", () =>
    overSignedServerHello(tally, new Stage({ identity: signer }), { ...UNPINNED, pins: new Set([pin]) }));
  test('rows 1 and 12: bits of the answer on its way to the real client, which sends no call', () =>
    overFirstCalls(tally, opening));
});

describe('requests', { timeout: TIMEOUT_MS }, () => {
  test.each(calls.calls)(
    'rows 21 to 27, 29, 30, 32, 33, 35, 36, 46 and 55: each bit, each cut of $name',
    (shape) => overRequests(tally, stage, shape),
  );
  test.each(calls.routes)('rows 53 and 55: bits and cuts of $name', (shape) =>
    overRequests(tally, stage, shape),
  );
});

describe('answers', { timeout: TIMEOUT_MS }, () => {
  test.each(calls.answers)('rows 62 and 63: each bit, each cut, each status of $name', (source) =>
    overAnswers(tally, source),
  );
  test('row 62: each bit of an answer on its way to the real client', () => overCalls(tally, stage));
});

describe.each(['json', 'octets'] as const)('streams in %s', { timeout: TIMEOUT_MS }, (encoding) => {
  const { whole, padded, brokenOff } = calls.streams(encoding);

  test('rows 73 to 79: each bit, each cut, each order, choice and mixture of seven records', () =>
    overStream(tally, whole, 'rearranged'));
  test('rows 76 to 78: each bit, each cut of padded records', () =>
    overStream(tally, padded, 'as they come'));
  test('rows 73 to 79 and 83: the same of a stream that broke off', () =>
    overStream(tally, brokenOff, 'rearranged'));
});

test(
  'rows 76 to 78: bits, and each cut, of a stream on its way to the real client',
  { timeout: TIMEOUT_MS },
  () => overStreamedCalls(tally, stage),
);

test(`${LEAST_CASES} cases at least, none of them accepted`, () => {
  tally.report(`${LEAST_CASES}, none accepted`);
  expect(tally.total().refused).toBeGreaterThanOrEqual(LEAST_CASES);
});
