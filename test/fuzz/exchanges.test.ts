/**
 * Altered messages between a client and a server that share a session. Nobody may take what the other did not send:
 * whatever opens must say what was sealed, and all else ends with a code.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { createNen, type Wrapped } from '../../src/adapter/index.ts';
import {
  type Bytes,
  bytesToLatin1,
  concatBytes,
  equalBytes,
  latin1ToBytes,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { type Exchange, openResponse, sealRequest, sealResponse } from '../../src/protocol/exchange.ts';
import {
  answerHandshake,
  finishHandshake,
  type NewSession,
  startHandshake,
  UNPINNED,
} from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { encodeRequest } from '../../src/protocol/http.ts';
import { importKeys, type SessionContext } from '../../src/protocol/keys.ts';
import { StreamOpener, StreamSealer } from '../../src/protocol/stream.ts';
import { mutate } from './mutate.ts';
import { type Chance, chance } from './random.ts';
import { CASES, SEED } from './run.ts';

/** Half of all cases, in the shares that their costs suggest. */
const SHARES = { request: 0.2, answer: 0.18, stream: 0.1, handshake: 0.02 } as const;
const MINUTES_AT_MOST = 30;

function casesOf(what: keyof typeof SHARES): number {
  return Math.ceil(CASES * SHARES[what]);
}

const AUDIENCE = 'http://test.example';
const PATH = '/api/echo';
const SUITE = mlKem768Suite(primitives());
const ENCODINGS: readonly Encoding[] = ['json', 'octets'];

let session: SessionContext;
let wrapped: Wrapped<[]>;
let seen: string[] = [];

function contextOf({ sid, secrets }: NewSession): SessionContext {
  return { sid, keys: importKeys(SUITE.primitives, secrets) };
}

beforeAll(async () => {
  const nen = createNen({ onEvent: () => undefined });
  const pending = await startHandshake(SUITE, AUDIENCE);
  const answer = await nen.routes.POST(
    new Request(`${AUDIENCE}/api/nen/handshake`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: encodeClientHello(pending.hello),
    }),
  );
  session = contextOf(
    await finishHandshake(SUITE.primitives, pending, new Uint8Array(await answer.arrayBuffer()), UNPINNED),
  );
  wrapped = nen.wrap(async (req) => {
    seen.push(`${req.method} ${new URL(req.url).pathname} ${await req.text()}`);
    return Response.json('ran');
  });
});

/** @returns the code, or undefined where nothing failed. @throws what has none. */
async function codeOf(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    const code = NenError.from(error)?.code;
    if (code === undefined) throw error;
    return code;
  }
}

/** @throws {Error} that names the case. */
async function each(cases: number, one: (by: Chance) => Promise<void>): Promise<void> {
  for (let at = 0; at < cases; at++) {
    const seed = (SEED + at) >>> 0;
    try {
      await one(chance(seed));
    } catch (cause) {
      throw new Error(`NEN_FUZZ_SEED=${seed}`, { cause });
    }
  }
}

describe(`altered exchanges, NEN_FUZZ_SEED=${SEED}`, () => {
  it(
    `requests: of ${casesOf('request')}, the handler runs those that say what was sealed`,
    () =>
      each(casesOf('request'), async (by) => {
        const encoding = by.pick(ENCODINGS);
        const text = `"${by.int(1_000_000)}"`;
        const line = { method: 'POST', path: PATH, query: '' };
        const kind = encoding === 'octets' ? 'http' : by.pick(['json', 'http'] as const);
        const fields = [['content-type', 'application/json']] as const;
        const payload =
          kind === 'json'
            ? [utf8ToBytes(text)]
            : encodeRequest({ method: 'POST', path: PATH, fields, body: utf8ToBytes(text) });
        const { headers, body } = await sealRequest(session, line, payload, {
          kind,
          encoding,
          timestamp: Date.now(),
          retry: '',
        });
        const altered = alter(by, { ...headers }, body ?? new Uint8Array(0));
        if (altered === undefined) return;
        seen = [];
        const response = await wrapped(altered);
        await response.arrayBuffer();
        if (seen.length > 0) expect(seen).toEqual([`POST ${PATH} ${text}`]);
        else expect(response.status).toBeGreaterThanOrEqual(200);
      }),
    MINUTES_AT_MOST * 60_000,
  );

  it(
    `answers: of ${casesOf('answer')}, the client opens those that say what was sealed`,
    () =>
      each(casesOf('answer'), async (by) => {
        const exchange = exchangeOf(by);
        const kind = by.pick(['json', 'http', 'error'] as const);
        const payload = utf8ToBytes(`{"secret":${by.int(1_000_000)}}`);
        const { body = new Uint8Array(0), headers } = await sealResponse(exchange, 200, kind, [payload]);
        const altered = mutate(body, by, [body]);
        const code = await codeOf(async () => {
          const opened = await openResponse(exchange, 200, new Headers(headers), altered);
          expect(equalBytes(opened.payload, payload) && opened.kind === kind).toBe(true);
        });
        expect([undefined, 'ISO-4004']).toContain(code);
      }),
    MINUTES_AT_MOST * 60_000,
  );

  it(
    `streams: of ${casesOf('stream')}, none gives a byte that was not sent, and only the whole one ends`,
    () =>
      each(casesOf('stream'), async (by) => {
        const exchange = exchangeOf(by);
        const sealer = new StreamSealer(exchange, 200, { padding: by.pick(['none', 'padme'] as const) });
        const sent = [utf8ToBytes('one '), utf8ToBytes('two '), utf8ToBytes('three')];
        const records = [await sealer.head(200, [['content-type', 'text/plain']])];
        for (const part of sent) records.push(await sealer.data(part));
        records.push(await sealer.final());
        const whole = concatBytes(records);
        const altered = by.int(3) === 0 ? concatBytes(reordered(records, by)) : mutate(whole, by, records);
        const got: string[] = [];
        const opener = new StreamOpener(exchange, 200);
        const code = await codeOf(async () => {
          const cut = by.int(altered.length + 1);
          for (const chunk of [altered.slice(0, cut), altered.slice(cut)]) {
            for await (const record of opener.push(chunk))
              if (record.type === 'data') got.push(bytesToLatin1(record.bytes));
          }
          opener.end();
        });
        const all = bytesToLatin1(concatBytes(sent));
        expect(all.startsWith(got.join(''))).toBe(true);
        if (code === undefined) expect(got.join('')).toBe(all);
        else expect(['ISO-6001', 'ISO-6002', 'ISO-6003']).toContain(code);
      }),
    MINUTES_AT_MOST * 60_000,
  );

  it(
    `handshakes: of ${casesOf('handshake')} answers, a client takes those that lead to the server's keys`,
    async () => {
      const terms = { now: Date.now(), expiresAt: Date.now() + 60_000, epoch: 'e' };
      await each(casesOf('handshake'), async (by) => {
        const pending = await startHandshake(SUITE, AUDIENCE);
        const { session: made, answer } = await answerHandshake(SUITE.primitives, pending.hello, { terms });
        const altered = mutate(answer, by, [answer]);
        const code = await codeOf(async () => {
          const finished = await finishHandshake(SUITE.primitives, pending, altered, UNPINNED);
          expect(finished.sid).toBe(made.sid);
          expect(equalBytes(finished.secrets.requestKey, made.secrets.requestKey)).toBe(true);
        });
        expect([undefined, 'ISO-1006', 'ISO-1007']).toContain(code);
      });
    },
    MINUTES_AT_MOST * 60_000,
  );
});

function exchangeOf(by: Chance): Exchange {
  const nonce = Uint8Array.from({ length: 12 }, () => by.int(256));
  return { session, nonce, kind: 'http', encoding: by.pick(ENCODINGS) };
}

/** One of the parts altered; undefined for what fetch itself would not send. */
function alter(by: Chance, headers: Record<string, string>, body: Bytes): Request | undefined {
  const names = Object.keys(headers);
  const part = by.pick(['body', 'body', 'header', 'drop', 'path', 'query', 'method', 'nothing'] as const);
  const name = by.pick(names);
  if (part === 'header') {
    headers[name] = bytesToLatin1(
      mutate(latin1ToBytes(headers[name] ?? ''), by, [latin1ToBytes(headers[name] ?? '')]),
    );
  }
  if (part === 'drop') delete headers[name];
  const path = part === 'path' ? bytesToLatin1(mutate(latin1ToBytes(PATH), by, [latin1ToBytes(PATH)])) : PATH;
  try {
    return new Request(`${AUDIENCE}${path}${part === 'query' ? `?q=${by.int(9)}` : ''}`, {
      method: part === 'method' ? by.pick(['PUT', 'PATCH', 'DELETE', 'POST']) : 'POST',
      headers,
      body: part === 'body' ? mutate(body, by, [body]) : body,
    });
  } catch {
    return undefined;
  }
}

/** Records dropped, repeated or swapped whole. */
function reordered(records: readonly Bytes[], by: Chance): readonly Bytes[] {
  const order = records.map((record) => record);
  for (let left = 1 + by.int(2); left > 0; left--) {
    const at = by.int(order.length + 1);
    const how = by.int(3);
    if (how === 0) order.splice(at, 1);
    else if (how === 1) order.splice(at, 0, by.pick(records));
    else order.push(...order.splice(at, 1));
  }
  return order;
}
