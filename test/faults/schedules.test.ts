/**
 * The retry that claims its first attempt, in every schedule: a mutation's first attempt and its retry arrive
 * in either order, at instances whose clocks differ by up to 50 s, copies of both again, held back for longer
 * than a claim lives, with the session alive, rotated or terminated in between, and with the store's memory
 * kept or lost. Whatever errors were forged to get there: the call runs at most once.
 * What a real client does in any interleaving: interleavings/.
 */
import { expect, test } from 'vitest';
import { createNen } from '../../src/adapter/server.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { encodeRetry } from '../../src/protocol/claims.ts';
import { sealRequest } from '../../src/protocol/exchange.ts';
import { finishHandshake, startHandshake, UNPINNED } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { importKeys } from '../../src/protocol/keys.ts';
import { FaultyStore } from '../support/faulty-store.ts';

const ORIGIN = 'https://nen.test';
const PATH = '/api/pay';
const HOLDS_MS = [0, 29_000, 31_000, 66_000, 125_000];
const SKEWS_MS = [-50_000, -25_000, 0, 25_000, 50_000];

type Part = 'first' | 'retry' | 'forget';
/** Each order of the first attempt, its retry, their copies, and a store that forgets everything. */
const ORDERS: readonly (readonly Part[])[] = [
  ['first', 'retry'],
  ['retry', 'first'],
  ['first', 'retry', 'first', 'retry'],
  ['retry', 'first', 'retry', 'first'],
  ['retry', 'retry', 'first'],
  ['first', 'forget', 'retry'],
  ['retry', 'forget', 'first', 'retry'],
  ['first', 'forget', 'first', 'retry', 'retry'],
];

interface Sealed {
  readonly headers: Record<string, string>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

async function schedule(order: readonly Part[], holdMs: number, skewMs: number): Promise<number> {
  let now = 1_790_000_000_000;
  const store = new FaultyStore(() => now);
  let runs = 0;
  const instances = [0, skewMs].map((offsetMs) => {
    const nen = createNen({
      store,
      clock: () => now + offsetMs,
      rateLimit: () => 0,
      onEvent: () => undefined,
    });
    const pay = nen.wrap(() => {
      runs++;
      return Response.json('paid');
    });
    return { nen, pay };
  });
  const [one, other] = instances as [(typeof instances)[0], (typeof instances)[0]];

  const handshake = async ({ nen }: typeof one) => {
    const p = primitives();
    const pending = await startHandshake(mlKem768Suite(p), ORIGIN);
    const body = encodeClientHello(pending.hello);
    const answer = await nen.routes.POST(
      new Request(`${ORIGIN}/api/nen/handshake`, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json' },
      }),
    );
    const session = await finishHandshake(p, pending, new Uint8Array(await answer.arrayBuffer()), UNPINNED);
    return { sid: session.sid, terms: session.terms, keys: importKeys(p, session.secrets), at: now };
  };
  const seal = (
    session: Awaited<ReturnType<typeof handshake>>,
    retry: string,
  ): Promise<Sealed & { nonce: string; timestamp: number }> => {
    // The client's clock is that of the instance it shook hands with.
    const timestamp = session.terms.now + (now - session.at);
    const line = { method: 'POST', path: PATH, query: '' };
    const payload = [new TextEncoder().encode('"pay"')];
    return Promise.resolve(
      sealRequest(session, line, payload, { kind: 'json', encoding: 'json', timestamp, retry }),
    ).then((sealed) => ({ ...sealed, timestamp }));
  };
  const arrive = async (at: typeof one, { headers, body }: Sealed): Promise<void> => {
    await at.pay(new Request(ORIGIN + PATH, { method: 'POST', headers, body: body ?? null }));
  };

  const session = await handshake(one);
  const first = await seal(session, '');
  // The way forges an error; the client shakes hands anew, here with the other instance, and tries once more.
  let retry: Sealed | undefined;
  let isFirst = true;
  for (const part of order) {
    if (!isFirst) now += holdMs;
    isFirst = false;
    if (part === 'forget') {
      store.forget();
      continue;
    }
    if (part === 'first') {
      for (const at of [other, one]) await arrive(at, first);
      continue;
    }
    if (retry === undefined) {
      const fresh = await handshake(other);
      const { sid, terms } = session;
      retry = await seal(
        fresh,
        encodeRetry({ sid, timestamp: first.timestamp, nonce: first.nonce, epoch: terms.epoch }),
      );
    }
    for (const at of [one, other]) await arrive(at, retry);
  }
  return runs;
}

test('at most one run in each of the schedules, and exactly one where nothing interferes', {
  timeout: 120_000,
}, async () => {
  let schedules = 0;
  for (const order of ORDERS) {
    for (const holdMs of HOLDS_MS) {
      for (const skewMs of SKEWS_MS) {
        const runs = await schedule(order, holdMs, skewMs);
        schedules++;
        expect(runs, `${order.join(' ')}, held ${holdMs} ms, clocks ${skewMs} ms apart`).toBeLessThanOrEqual(
          1,
        );
        if (holdMs === 0 && Math.abs(skewMs) <= 25_000 && !order.includes('forget')) expect(runs).toBe(1);
      }
    }
  }
  expect(schedules).toBe(ORDERS.length * HOLDS_MS.length * SKEWS_MS.length);
});
