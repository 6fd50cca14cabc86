/**
 * Attacks on lengths (row 72): what the way reads off the sizes of sealed messages, with padding and without, and
 * what it gets for altering padding: one refusal for each and every bit, from before anything looks at the zeros.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bytes, concatBytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { NenError } from '../../src/link/client/index.ts';
import { encodeRequest } from '../../src/protocol/http.ts';
import { padMessage } from '../../src/protocol/padding.ts';
import { alteringFrames, changingWay, deliver, readWhole, splitFrames, trickle, withBody } from './frames.ts';
import {
  type AttackSession,
  ECHO_PATH,
  expectGood,
  expectNothingRuns,
  expectPlainRefusal,
  expectRefused,
  expectSealedRefusal,
  flipBit,
  openHttp,
  openSession,
  type SealedCall,
  send,
  startWorld,
  type World,
} from './harness.ts';

const BLOCK = { blockBytes: 256 } as const;
const DIAGNOSES = ['flu', 'asthma', 'influenza A', 'chronic kidney disease, stage 4'];
/** A server that pads nothing, one that pads, one that pads and takes small requests. */
let plain: World;
let padded: World;
let small: World;

beforeAll(async () => {
  const echo = async (req: Request): Promise<Response> => {
    const text = await req.text();
    return new URL(req.url).pathname.endsWith('/stream')
      ? new Response(trickle(text.split(' ')))
      : Response.json({ method: req.method, diagnosis: text });
  };
  plain = await startWorld({ echo });
  padded = await startWorld({ padding: BLOCK, echo });
  small = await startWorld({ maxBodyBytes: 4_096 });
});
afterAll(() => Promise.all([plain, padded, small].map((world) => world.close())));

/** What the way sees of some calls: the length of each request and of each answer. */
async function observe(
  world: World,
  padding: typeof BLOCK | 'none',
): Promise<{ sent: number[]; answered: number[] }> {
  const connection = changingWay();
  const sent: number[] = [];
  const answered: number[] = [];
  connection.way = async ({ init }, forward) => {
    const response = await forward();
    const whole = await readWhole(response);
    sent.push(init.body?.length ?? 0);
    answered.push(whole.length);
    return withBody(response, [whole]);
  };
  const client = world.client({ fetch: connection.fetch, padding });
  for (const body of DIAGNOSES) {
    const response = await client.fetch('/api/echo/x', { method: 'POST', body });
    expect(await response.text()).toContain(body);
  }
  return { sent, answered };
}

const distinct = (lengths: readonly number[]): number => new Set(lengths).size;

describe('row 72: the way tells messages apart by their lengths', () => {
  test('without padding it does; with it, it sees one length for all', async () => {
    const bare = await observe(plain, 'none');
    expect([distinct(bare.sent), distinct(bare.answered)]).toEqual([DIAGNOSES.length, DIAGNOSES.length]);
    const hidden = await observe(padded, BLOCK);
    expect([distinct(hidden.sent), distinct(hidden.answered)]).toEqual([1, 1]);
  });

  test('nor does it tell words of a stream apart', async () => {
    const lengths = new Map<World, number[]>();
    for (const world of [padded, plain]) {
      const connection = changingWay();
      connection.way = async (_request, forward) => {
        const response = await forward();
        const whole = await readWhole(response);
        lengths.set(
          world,
          splitFrames('json', whole)
            .slice(1, -1)
            .map((frame) => frame.length),
        );
        return withBody(response, [whole]);
      };
      const call = world
        .client({ fetch: connection.fetch })
        .fetch('/api/echo/stream', { method: 'POST', body: 'I have an incurable disease' });
      expect(await deliver(call)).toEqual({ text: 'Ihaveanincurabledisease', code: 'end' });
    }
    expect(distinct(lengths.get(plain) ?? [])).toBeGreaterThan(2);
    expect(distinct(lengths.get(padded) ?? [])).toBe(1);
    expect(lengths.get(padded)).toHaveLength(5);
  });
});

describe('row 72: padding is altered on the way', () => {
  let session: AttackSession;
  const payload = (message = 'x', zeros?: Bytes): readonly Bytes[] => {
    const encoded = encodeRequest({
      method: 'POST',
      path: ECHO_PATH,
      fields: [],
      body: utf8ToBytes(message),
    });
    return zeros === undefined ? padMessage(encoded, { blockBytes: 64 }) : [...encoded, zeros];
  };
  const octets = (pieces: readonly Bytes[]): Promise<SealedCall> =>
    session.seal({ kind: 'http', encoding: 'octets', payload: pieces });

  test('any bit of a request, in its content, its zeros or its tag: one and the same refusal', async () => {
    session = await openSession(plain);
    const call = await octets(payload());
    const body = call.body ?? new Uint8Array();
    expect(body.length).toBe(64 + 16);
    const altered = Array.from({ length: body.length * 8 }, (_, bit) => ({
      ...call,
      body: flipBit(body, bit),
    }));
    await expectRefused(plain, session, altered, 'ISO-4001');
    // The refusals burned nothing: the call itself still runs.
    expect((await openHttp(call, await send(plain, call))).status).toBe(200);
  });

  test('zeros cut off, or added', async () => {
    session = await openSession(plain);
    const { body = new Uint8Array(), ...call } = await octets(payload());
    const altered = [
      body.subarray(0, -1),
      body.subarray(0, -32),
      concatBytes([body, new Uint8Array(64)]),
      concatBytes([body.subarray(0, -16), new Uint8Array(64), body.subarray(-16)]),
    ].map((other) => ({ ...call, body: other }));
    await expectRefused(plain, session, altered, 'ISO-4001');
  });

  test('by a client of its own: padding that is not zero is 4006, and nothing runs', async () => {
    session = await openSession(plain);
    for (const zeros of [Uint8Array.of(1), new Uint8Array(100).with(99, 1), new Uint8Array(100).fill(0x20)]) {
      await expectGood(plain, session);
      const before = plain.ran.length;
      const call = await octets(payload('x', zeros));
      await expectSealedRefusal(call, await send(plain, call), 'ISO-4006');
      expect(plain.ran.length).toBe(before);
    }
    const good = await octets(payload('x', new Uint8Array(100_000)));
    expect((await openHttp(good, await send(plain, good))).status).toBe(200);
  });

  test('by a client of its own: padding beyond the limit of a body is 4003, whatever is in it', async () => {
    session = await openSession(small);
    await expectNothingRuns(small, session, async () => {
      for (const zeros of [new Uint8Array(5_000), new Uint8Array(5_000).fill(1), new Uint8Array(100_000)])
        expectPlainRefusal(await send(small, await octets(payload('x', zeros))), 'ISO-4003');
    });
  });

  test.each(['json', 'octets'] as const)(
    'any byte of an answer in %s: 4004, or 4005 if it is none any more',
    async (encoding) => {
      const connection = changingWay();
      const client = padded.client({ encoding, fetch: connection.fetch });
      const call = (): Promise<Response> =>
        client.tunnel('/api/echo')('/api/echo/x', { method: 'POST', body: 'flu' });
      expect(await (await call()).json()).toMatchObject({ diagnosis: 'flu' });
      const codes = new Set<string>();
      for (let at = 20; at < 250; at += 5) {
        connection.way = async (_request, forward) => {
          const response = await forward();
          const whole = await readWhole(response);
          const byte = whole[at] ?? 0;
          return withBody(response, [
            whole.with(at, encoding === 'json' ? (byte === 65 ? 66 : 65) : byte ^ 1),
          ]);
        };
        codes.add(
          await call().then(
            (response) => `opened ${response.status}`,
            (error) => NenError.from(error)?.code ?? '',
          ),
        );
      }
      expect([...codes].filter((code) => code !== 'ISO-4004' && code !== 'ISO-4005')).toEqual([]);
      expect(codes).toContain('ISO-4004');
    },
  );

  test('an answer with more padding than a client reads is 4003', async () => {
    const client = padded.client({ maxEnvelopeBytes: 300 });
    await expect(client.fetch('/api/echo/x', { method: 'POST', body: 'flu' })).rejects.toMatchObject({
      code: 'ISO-4003',
    });
  });

  test.each(['json', 'octets'] as const)(
    'any byte of a padded record in %s: 6002 after an exact prefix',
    async (encoding) => {
      const connection = changingWay();
      const client = padded.client({ encoding, fetch: connection.fetch });
      const call = (): Promise<Response> =>
        client.fetch('/api/echo/stream', { method: 'POST', body: 'I have an incurable disease' });
      const whole = { text: 'Ihaveanincurabledisease', code: 'end' };
      expect(await deliver(call())).toEqual(whole);
      const start = encoding === 'json' ? 'event: padded\ndata: '.length : 5;
      const boxCharacters = encoding === 'json' ? 360 : 256 + 16;
      for (let at = start; at < start + boxCharacters; at += 31) {
        connection.way = alteringFrames(encoding, (frames) =>
          frames.map((frame, i) => {
            const byte = frame[at] ?? 0;
            return i === 3 ? frame.with(at, encoding === 'json' ? (byte === 65 ? 66 : 65) : byte ^ 1) : frame;
          }),
        );
        expect(await deliver(call()), `byte ${at}`).toEqual({ text: 'Ihave', code: 'ISO-6002' });
      }
      connection.way = alteringFrames(encoding, (frames) => frames.slice(0, -1));
      expect(await deliver(call())).toEqual({ ...whole, code: 'ISO-6001' });
      connection.way = (_request, forward) => forward();
      expect(await deliver(call())).toEqual(whole);
    },
  );
});
