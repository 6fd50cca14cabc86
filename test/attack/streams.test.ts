/**
 * Attacks on sealed streams (rows 73 to 82): frames dropped, moved, repeated, cut, forged and spliced, in both
 * encodings. What the victim gets is an exact prefix and then one typed error, never a clean end.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Bytes, base64Encode, bytesToLatin1, latin1ToBytes } from '../../src/crypto/bytes.ts';
import type { NenClient } from '../../src/link/client/index.ts';
import { StreamSealer } from '../../src/protocol/stream.ts';
import {
  alteringFrames,
  changingWay,
  deliver,
  honestly,
  joined,
  readWhole,
  splitFrames,
  trickle,
  withBody,
} from './frames.ts';
import { startWorld, type World } from './harness.ts';

const CHUNKS = ['zero;', 'one;', 'two;', 'three;'] as const;
const ALL = CHUNKS.join('');
/** Frames of such a stream: the head, the data, the final record. */
const FRAMES = CHUNKS.length + 2;
const prefix = (count: number): string => CHUNKS.slice(0, Math.max(0, count)).join('');

let world: World;
beforeAll(async () => {
  world = await startWorld({ echo: () => new Response(trickle(CHUNKS), { headers: { 'x-inner': '1' } }) });
});
afterAll(() => world.close());

describe.each(['json', 'octets'] as const)('in %s', (encoding) => {
  const connection = changingWay();
  let client: NenClient;
  const call = (from: NenClient = client): Promise<Response> =>
    from.fetch('/api/echo/stream', { method: 'POST', body: 'please' });
  beforeEach(async () => {
    client = world.client({ encoding, fetch: connection.fetch });
  });

  /** The victim's call with its frames altered, a good one before it and after. The handler runs once for each. */
  async function underAttack(alter: (frames: Bytes[]) => readonly Bytes[]) {
    const honest = connection.way;
    expect(await deliver(call())).toEqual({ text: ALL, code: 'end' });
    connection.way = alteringFrames(encoding, alter);
    const before = world.ran.length;
    const delivered = await deliver(call());
    expect(world.ran.length).toBe(before + 1);
    connection.way = honest;
    expect(await deliver(call())).toEqual({ text: ALL, code: 'end' });
    return delivered;
  }

  /** The frames of one honest answer. */
  async function record(from: NenClient, way = connection): Promise<Bytes[]> {
    const honest = way.way;
    let frames: Bytes[] = [];
    way.way = async (_request, forward) => {
      const response = await forward();
      const whole = await readWhole(response);
      frames = splitFrames(encoding, whole);
      return withBody(response, [whole]);
    };
    expect(await deliver(call(from))).toEqual({ text: ALL, code: 'end' });
    way.way = honest;
    expect(frames).toHaveLength(FRAMES);
    return frames;
  }

  /** Without its head, a body in octets is no stream any more, but an envelope that doesn't open. */
  const WITHOUT_HEAD = encoding === 'octets' ? 'ISO-4004' : 'ISO-6002';

  test('row 73: any one frame is dropped', async () => {
    for (let i = 0; i < FRAMES; i++) {
      const delivered = await underAttack((frames) => frames.toSpliced(i, 1));
      const code = i === 0 ? WITHOUT_HEAD : i === FRAMES - 1 ? 'ISO-6001' : 'ISO-6002';
      expect(delivered, `frame ${i}`).toEqual({ text: prefix(i - 1), code });
    }
  });

  test('row 74: any two neighbours are swapped', async () => {
    for (let i = 0; i < FRAMES - 1; i++) {
      const delivered = await underAttack((frames) =>
        frames.toSpliced(i, 2, ...frames.slice(i, i + 2).reverse()),
      );
      expect(delivered, `frame ${i}`).toEqual({
        text: prefix(i - 1),
        code: i === 0 ? WITHOUT_HEAD : 'ISO-6002',
      });
    }
  });

  test('row 74: all frames are reversed, or permuted at random behind the head', async () => {
    const reversed = await underAttack((frames) => [frames.slice(0, 1), frames.slice(1).reverse()].flat());
    expect(reversed).toEqual({ text: '', code: 'ISO-6002' });
    let seed = 73;
    for (let round = 0; round < 20; round++) {
      let firstMoved = 0;
      const delivered = await underAttack((frames) => {
        const [head, ...rest] = frames;
        const order = rest
          .map((frame, index) => {
            seed = (seed * 48_271) % 0x7fffffff;
            return { frame, index, at: seed };
          })
          .sort((a, b) => a.at - b.at);
        firstMoved = order.findIndex(({ index }, at) => index !== at);
        return [...(head === undefined ? [] : [head]), ...order.map(({ frame }) => frame)];
      });
      if (firstMoved === -1) expect(delivered).toEqual({ text: ALL, code: 'end' });
      else expect(delivered).toEqual({ text: prefix(firstMoved), code: 'ISO-6002' });
    }
  });

  test('row 75: any one frame is sent twice', async () => {
    for (let i = 0; i < FRAMES; i++) {
      const delivered = await underAttack((frames) => frames.toSpliced(i, 0, ...frames.slice(i, i + 1)));
      // Nothing after the final record is read. A second head reads as a frame of 16 MiB in octets.
      const code = i === FRAMES - 1 ? 'end' : i === 0 && encoding === 'octets' ? 'ISO-6003' : 'ISO-6002';
      const expected = { text: prefix(i), code };
      expect(delivered, `frame ${i}`).toEqual(expected);
    }
  });

  test('row 76: the stream is cut after any frame', async () => {
    for (let count = 0; count < FRAMES; count++) {
      const delivered = await underAttack((frames) => frames.slice(0, count));
      const code = count === 0 && encoding === 'octets' ? 'ISO-4005' : 'ISO-6001';
      expect(delivered, `${count} frames`).toEqual({ text: prefix(count - 1), code });
    }
  });

  test('row 77: frames arrive a byte at a time, or all in one', async () => {
    const inBytes = await underAttack((frames) => [...joined(...frames)].map((byte) => Uint8Array.of(byte)));
    const inOne = await underAttack((frames) => [joined(...frames)]);
    const inNothings = await underAttack((frames) => frames.flatMap((frame) => [new Uint8Array(0), frame]));
    for (const delivered of [inBytes, inOne, inNothings])
      expect(delivered).toEqual({ text: ALL, code: 'end' });
  });

  test('row 78: a final record is forged behind any frame', async () => {
    const forgeries = [new Uint8Array(16), new Uint8Array(16).fill(255), new Uint8Array(48)];
    for (const box of forgeries) {
      for (let count = 1; count < FRAMES; count++) {
        const delivered = await underAttack((frames) => [...frames.slice(0, count), frameOf('final', box)]);
        expect(delivered).toEqual({ text: prefix(count - 1), code: 'ISO-6002' });
      }
    }
  });

  test('row 78: a data record is labelled final, failed or padded', async () => {
    for (const kind of ['final', 'failed', 'padded'] as const) {
      for (let i = 1; i < FRAMES - 1; i++) {
        const delivered = await underAttack((frames) => relabelled(frames, i, kind));
        expect(delivered).toEqual({ text: prefix(i - 1), code: 'ISO-6002' });
      }
    }
  });

  test('row 78: the final record is labelled data, failed or padded', async () => {
    for (const kind of ['data', 'failed', 'padded'] as const) {
      const delivered = await underAttack((frames) => relabelled(frames, FRAMES - 1, kind));
      expect(delivered).toEqual({ text: ALL, code: 'ISO-6002' });
    }
  });

  test('row 78: a record of an unknown kind, and one without a tag', async () => {
    for (const forged of [frameOf('other', new Uint8Array(32)), frameOf('data', new Uint8Array(15))]) {
      const delivered = await underAttack((frames) => frames.toSpliced(2, 0, forged));
      expect(delivered).toEqual({ text: prefix(1), code: 'ISO-6002' });
    }
  });

  test('row 78: what follows the final record is not read', async () => {
    const garbage = [
      latin1ToBytes('garbage'),
      frameOf('data', new Uint8Array(40)),
      new Uint8Array(1_000_000),
    ];
    for (const more of garbage) {
      expect(await underAttack((frames) => [...frames, more])).toEqual({ text: ALL, code: 'end' });
      expect(await underAttack((frames) => [joined(...frames, more)])).toEqual({ text: ALL, code: 'end' });
    }
  });

  test('row 79: any frame is taken from another stream of the same session', async () => {
    const old = await record(client);
    for (let i = 0; i < FRAMES; i++) {
      const delivered = await underAttack((frames) => frames.toSpliced(i, 1, ...old.slice(i, i + 1)));
      expect(delivered, `frame ${i}`).toEqual({ text: prefix(i - 1), code: 'ISO-6002' });
    }
  });

  test('row 80: any frame is taken from another session', async () => {
    const way = changingWay();
    const other = await record(world.client({ encoding, fetch: way.fetch }), way);
    for (let i = 0; i < FRAMES; i++) {
      const delivered = await underAttack((frames) => frames.toSpliced(i, 1, ...other.slice(i, i + 1)));
      expect(delivered, `frame ${i}`).toEqual({ text: prefix(i - 1), code: 'ISO-6002' });
    }
  });

  test("row 80: the client's own ciphertext is sent back as a record, under its own nonce as the base", async () => {
    const honest = connection.way;
    for (const asHead of [true, false]) {
      connection.way = async ({ init }, forward) => {
        const response = await forward();
        const frames = splitFrames(encoding, await readWhole(response));
        const nonce = init.headers['X-Nen-Nonce'] ?? '';
        const body = init.body ?? new Uint8Array(0);
        const ct = encoding === 'octets' ? body : boxOf(bytesToLatin1(body));
        return withBody(
          response,
          asHead ? [headOf(nonce, ct), ...frames.slice(1)] : frames.toSpliced(1, 1, frameOf('data', ct)),
        );
      };
      expect(await deliver(call())).toEqual({ text: '', code: 'ISO-6002' });
    }
    connection.way = honest;
    expect(await deliver(call())).toEqual({ text: ALL, code: 'end' });
  });

  test('row 80: no stream has a base that was used before, and none has the nonce of its request', async () => {
    const seen = new Set<string>();
    connection.way = async ({ init }, forward) => {
      const response = await forward();
      const whole = await readWhole(response);
      const [head] = splitFrames(encoding, whole);
      const base =
        encoding === 'octets'
          ? base64Encode(whole.slice(1, 13))
          : (/"n":"([^"]+)"/.exec(bytesToLatin1(head ?? whole))?.[1] ?? '');
      expect(base).toHaveLength(16);
      expect(base).not.toBe(init.headers['X-Nen-Nonce']);
      seen.add(base);
      return withBody(response, [whole]);
    };
    for (let i = 0; i < 20; i++) expect((await deliver(call())).code).toBe('end');
    expect(seen.size).toBe(20);
    connection.way = honestly;
  });

  test('row 81: a whole old stream is the answer to a new request', async () => {
    const old = await record(client);
    expect(await underAttack(() => old)).toEqual({ text: '', code: 'ISO-6002' });
  });

  test('row 82: a record says that it is longer than any may be', async () => {
    const long =
      encoding === 'octets'
        ? Uint8Array.of(255, 255, 255, 255, 1, 0, 0)
        : latin1ToBytes(`data: ${'A'.repeat(200_000)}\n\n`);
    expect(await underAttack((frames) => frames.toSpliced(2, 0, long))).toEqual({
      text: prefix(1),
      code: 'ISO-6003',
    });
  });

  const KINDS = { data: 1, final: 2, failed: 3, padded: 4, other: 5 } as const;
  type Kind = keyof typeof KINDS;

  function frameOf(kind: Kind, box: Bytes): Bytes {
    if (encoding === 'json') {
      return latin1ToBytes(`${kind === 'data' ? '' : `event: ${kind}\n`}data: ${base64Encode(box)}\n\n`);
    }
    const head = new Uint8Array(5);
    new DataView(head.buffer).setUint32(0, box.length);
    head[4] = KINDS[kind];
    return joined(head, box);
  }

  function headOf(nonce: string, box: Bytes): Bytes {
    if (encoding === 'json') return latin1ToBytes(`data: {"n":"${nonce}","ct":"${base64Encode(box)}"}\n\n`);
    const head = frameOf('data', box);
    head[4] = 0;
    return joined(
      Uint8Array.of(1),
      Uint8Array.from(atob(nonce), (c) => c.charCodeAt(0)),
      head,
    );
  }

  function boxOf(text: string): Bytes {
    const base64 = /"ct":"([^"]+)"|^(?:event: \w+\n)?data: (\S+)/.exec(text);
    return Uint8Array.from(atob(base64?.[1] ?? base64?.[2] ?? ''), (c) => c.charCodeAt(0));
  }

  function relabelled(frames: readonly Bytes[], index: number, kind: Kind): Bytes[] {
    return frames.map((frame, i) => {
      if (i !== index) return frame;
      return frameOf(kind, encoding === 'octets' ? frame.slice(5) : boxOf(bytesToLatin1(frame)));
    });
  }
});

describe('row 77: server-sent events, written in another way', () => {
  const connection = changingWay();
  const rewritten = async (rewrite: (text: string) => string) => {
    const client = world.client({ fetch: connection.fetch });
    connection.way = async (_request, forward) => {
      const response = await forward();
      return withBody(response, [latin1ToBytes(rewrite(bytesToLatin1(await readWhole(response))))]);
    };
    const delivered = await deliver(client.fetch('/api/echo/stream', { method: 'POST', body: 'please' }));
    connection.way = honestly;
    expect((await deliver(client.fetch('/api/echo/stream', { method: 'POST', body: 'x' }))).code).toBe('end');
    return delivered;
  };

  test.each([
    ['CR LF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['CR', (text: string) => `${text.replaceAll('\n', '\r')}: \r`],
    ['comments', (text: string) => `: a\n\n${text.replaceAll('\n\n', '\n: b\n\n: c\n\n')}`],
    ['a byte order mark', (text: string) => `\xef\xbb\xbf${text}`],
    ['no space after the colon', (text: string) => text.replaceAll('data: ', 'data:')],
    ['ids and retry times', (text: string) => text.replaceAll('data:', 'id: 1\nretry: 1\ndata:')],
  ])('row 77: with %s, it means the same', async (_name, rewrite) => {
    expect(await rewritten(rewrite)).toEqual({ text: ALL, code: 'end' });
  });

  test.each([
    [
      'a record folded into two lines',
      (text: string) => text.replace(/^data: (....)(.*)$/gm, 'data: $1\ndata: $2'),
    ],
    ['a space at its end', (text: string) => text.replace(/^(data: .*)$/gm, '$1 ')],
    [
      'the URL alphabet',
      (text: string) => text.replace(/^(data: )(?!\{)(.*)$/gm, (_, a, b) => a + b.replace(/[+/A]/g, '-')),
    ],
    ['the padding left out', (text: string) => text.replaceAll('=', '')],
  ])('row 77: with %s, it is refused', async (_name, rewrite) => {
    const { text, code } = await rewritten(rewrite);
    expect(ALL.startsWith(text)).toBe(true);
    expect(['ISO-6001', 'ISO-6002']).toContain(code);
  });
});

describe('row 82: the counter of records', () => {
  test('row 82: the last number is used, and none after it', async () => {
    const { newExchange } = await import('../link/exchange.ts');
    for (const encoding of ['json', 'octets'] as const) {
      const sealer = new StreamSealer(newExchange(encoding), 200, { firstIndex: 2 ** 32 - 2 });
      await sealer.head(200, []);
      await sealer.data(new Uint8Array(1));
      await expect(sealer.data(new Uint8Array(1))).rejects.toMatchObject({ code: 'ISO-6003' });
      await expect(sealer.final()).rejects.toMatchObject({ code: 'ISO-6003' });
    }
  });
});
