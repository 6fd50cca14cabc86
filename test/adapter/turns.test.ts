/** What takes long takes turns: each large body is opened, and sealed, in a turn of the event loop that no other has, each handshake answered in one. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { InMemorySessionStore } from '../../src/adapter/server.ts';
import { Turns } from '../../src/adapter/turns.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { ORIGIN, rig } from './rig.ts';

const LARGE = 'x'.repeat(300_000);
const AT_ONCE = 8;

/** How often the event loop has turned. */
let turns = 0;
let ticking: NodeJS.Immediate;
beforeEach(() => {
  const tick = (): void => {
    turns++;
    ticking = setImmediate(tick);
  };
  tick();
});
afterEach(() => clearImmediate(ticking));

const atOnce = Array.from({ length: AT_ONCE }, (_, i) => i);

/** A line in which each number is greater than the one before. */
function expectRising(seen: readonly number[]): void {
  expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
}

describe('turns', () => {
  test('each that waits gets one of its own, in the order in which they came', async () => {
    const line = new Turns();
    const seen = await Promise.all(
      atOnce.map(async (i) => {
        await line.take();
        return { i, turn: turns };
      }),
    );
    expect(seen.map(({ i }) => i)).toEqual(atOnce);
    expectRising(seen.map(({ turn }) => turn));
  });

  test('one that comes later waits behind those who wait, and for nobody who has had its turn', async () => {
    const line = new Turns();
    const order: string[] = [];
    const take = async (name: string): Promise<void> => {
      await line.take();
      order.push(name);
    };
    const first = take('first');
    const others = [take('second'), take('third')];
    await first;
    others.push(take('fourth'));
    await Promise.all(others);
    expect(order).toEqual(['first', 'second', 'third', 'fourth']);
    const from = turns;
    await line.take();
    expect(turns - from).toBeLessThanOrEqual(2);
  });

  test('one whose request the runtime has dropped is not waited for for longer than 10 s', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const line = new Turns(AT_ONCE);
    vi.spyOn(globalThis, 'setImmediate').mockImplementation((() => undefined) as never);
    const dropped = atOnce.map(() => line.take());
    vi.mocked(setImmediate).mockRestore();
    vi.advanceTimersByTime(9_999);
    expect(line.waiting).toBe(AT_ONCE);
    vi.advanceTimersByTime(1);
    expect(line.waiting).toBe(0);
    const from = turns;
    await line.take();
    expect(turns - from).toBeLessThanOrEqual(AT_ONCE + 1);
    expect(line.waiting).toBe(0);
    expect(dropped).toHaveLength(AT_ONCE);
  });
});

describe('calls with large bodies', () => {
  test('are opened one at a turn, and a small call waits for one of them at most', async () => {
    const seen: { length: number; turn: number }[] = [];
    const { client } = rig(async (req) => {
      const { length } = await req.text();
      seen.push({ length, turn: turns });
      return new Response(null);
    });
    const call = client.tunnel('/api');
    const post = (body: string) => call('/api/x', { method: 'POST', body });
    await post('the handshake');
    seen.length = 0;
    await Promise.all([...atOnce.map(() => post(LARGE)), post('small')]);
    const large = seen.filter(({ length }) => length === LARGE.length);
    expect(large).toHaveLength(AT_ONCE);
    expectRising(large.map(({ turn }) => turn));
    expect(seen.findIndex(({ length }) => length < LARGE.length)).toBeLessThanOrEqual(1);
  });

  test('are answered one at a turn', async () => {
    const sealedAt: number[] = [];
    const { client } = rig(() => new Response(LARGE), {
      answer: (response) => {
        sealedAt.push(turns);
        return response;
      },
    });
    const call = client.tunnel('/api');
    const answers = await Promise.all(atOnce.map(() => call('/api/x')));
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(atOnce.map(() => LARGE));
    expectRising(sealedAt);
  });

  test.each(['none', 'padme'] as const)(
    'are sealed a piece at a turn where the handler gives a large chunk, with padding %s',
    async (padding) => {
      const content = 'x'.repeat(5_000_000);
      const sealedAt = new Set<number>();
      const record = (): TransformStream<Uint8Array, Uint8Array> =>
        new TransformStream({
          transform(chunk, controller) {
            sealedAt.add(turns);
            controller.enqueue(chunk);
          },
        });
      const { client } = rig(() => new Response(content), {
        padding,
        answer: (response) => new Response(response.body?.pipeThrough(record()) ?? null, response),
      });
      const answer = await client.tunnel('/api')('/api/x');
      expect(await answer.text()).toBe(content);
      expect(sealedAt.size).toBeGreaterThanOrEqual(5);
    },
  );
});

describe('handshakes', () => {
  const HANDSHAKES = 150;

  test('are answered one at a turn with others between; beyond so many they are refused for now', async () => {
    const answeredAt: number[] = [];
    const { nen, client } = rig(() => new Response('good'), {
      rateLimit: () => 0,
      store: new InMemorySessionStore(),
      onEvent: ({ type }) => type === 'handshake' && answeredAt.push(turns),
    });
    const call = client.tunnel('/api');
    expect(await (await call('/api/x')).text()).toBe('good');
    answeredAt.length = 0;
    const { hello, keyPair } = await startHandshake(mlKem768Suite(primitives()), ORIGIN);
    keyPair.wipe();
    const body = encodeClientHello(hello);
    const ask = (): Promise<Response> =>
      nen.routes.POST(
        new Request(`${ORIGIN}/api/nen/handshake`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        }),
      );
    const flood = Promise.all(Array.from({ length: HANDSHAKES }, ask));
    expect(await (await call('/api/x')).text()).toBe('good');
    expect(answeredAt.length).toBeLessThan(HANDSHAKES / 10);

    const answers = await flood;
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(answeredAt.length);
    expect([answeredAt.length + refused.length, refused.length > 0]).toEqual([HANDSHAKES, true]);
    for (const answer of refused) {
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(await answer.json()).toMatchObject({ error: { code: 'ISO-1008' } });
    }
    expectRising(answeredAt);
    expect((await ask()).status).toBe(200);
  });
});
