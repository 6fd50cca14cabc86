/** Attacks on a sealed request's headers and line (rows 21 to 36): what the way can alter, it can't make run. */
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  base64Decode,
  base64Encode,
  bytesToLatin1,
  latin1ToBytes,
  utf8ToBytes,
} from '../../src/crypto/bytes.ts';
import { listen } from '../support/listen.ts';
import {
  type AttackSession,
  AUDIENCE,
  ECHO_PATH,
  expectGood,
  expectNothingRuns,
  expectPlainRefusal,
  expectRefused,
  flipBit,
  header,
  open,
  openHttp,
  openSession,
  type SealedCall,
  send,
  sendRaw,
  startWorld,
  TUNNEL_PATH,
  toHttpText,
  type WireRequest,
  type World,
  withHeaders,
} from './harness.ts';

let world: World;
let session: AttackSession;
let call: SealedCall;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  session = await openSession(world);
  call = await session.seal();
});

/** The request with a signature that is right for what its headers say. */
function signedAs(request: WireRequest, changes: Readonly<Record<string, string>>): WireRequest {
  const altered = withHeaders(request, changes);
  const path = request.target.split('?', 1)[0];
  const text = `${request.method}\n${path}\n${header(altered, 'X-Nen-Timestamp')}\n${header(altered, 'X-Nen-Nonce')}`;
  return withHeaders(altered, {
    'X-Nen-Signature': base64Encode(session.keys.hmacKey.mac(utf8ToBytes(text))),
  });
}

describe('row 21: whose session', () => {
  test('row 21: X-Nen-Session is taken away', async () => {
    await expectRefused(world, session, withHeaders(call, { 'X-Nen-Session': undefined }), 'ISO-2001');
  });

  test('row 21: X-Nen-Session names a session that nobody has', async () => {
    await expectRefused(world, session, withHeaders(call, { 'X-Nen-Session': 'A'.repeat(22) }), 'ISO-2002');
  });

  test("row 21: X-Nen-Session names somebody else's session", async () => {
    const { sid } = await openSession(world);
    await expectRefused(world, session, withHeaders(call, { 'X-Nen-Session': sid }), 'ISO-3002');
  });

  test('row 21: X-Nen-Session is no session id', async () => {
    const sids = [
      '',
      'short',
      'A'.repeat(23),
      `${'A'.repeat(21)}B`,
      '__proto__',
      '{}',
      `${'A'.repeat(20)}==`,
    ];
    await expectRefused(
      world,
      session,
      sids.map((sid) => withHeaders(call, { 'X-Nen-Session': sid })),
      'ISO-2001',
    );
  });
});

describe('row 22: no signature', () => {
  const stripped = (signature: string | undefined): WireRequest =>
    withHeaders(call, { 'X-Nen-Signature': signature });

  test('row 22: X-Nen-Signature is taken away, or emptied', async () => {
    await expectRefused(world, session, [stripped(undefined), stripped('')], 'ISO-3001');
  });

  test('row 22: the same where plain requests are let in: any header of ours is a sealed request', async () => {
    const lenient = await startWorld({ plain: 'allow' });
    session = await openSession(lenient);
    call = await session.seal();
    const alone = ['X-Nen-Session', 'X-Nen-Timestamp', 'X-Nen-Nonce'].map((name) => ({
      ...call,
      headers: { 'Content-Type': 'application/json', [name]: header(call, name) },
    }));
    const other = ['X-Nen-Tag', 'X-Nen-Retry'].map((name) => ({ ...call, headers: { [name]: 'x' } }));
    await expectRefused(
      lenient,
      session,
      [stripped(undefined), stripped(''), ...alone, ...other],
      'ISO-3001',
    );
    await lenient.close();
  });
});

describe('row 23: a forged signature', () => {
  const withSignature = (text: string): WireRequest => withHeaders(call, { 'X-Nen-Signature': text });

  test('row 23: each of its 256 bits is turned over', async () => {
    const signature = base64Decode(header(call, 'X-Nen-Signature')) ?? new Uint8Array(0);
    const forged = Array.from({ length: 256 }, (_, bit) =>
      withSignature(base64Encode(flipBit(signature, bit))),
    );
    await expectRefused(world, session, forged, 'ISO-3002');
  });

  test('row 23: it is cut at each length, as bytes and as text', async () => {
    const text = header(call, 'X-Nen-Signature');
    const signature = base64Decode(text) ?? new Uint8Array(0);
    const bytes = Array.from({ length: 31 }, (_, at) => base64Encode(signature.slice(0, at + 1)));
    const texts = Array.from({ length: text.length - 1 }, (_, at) => text.slice(0, at + 1));
    await expectRefused(world, session, [...bytes, ...texts].map(withSignature), 'ISO-3002');
  });

  test('row 23: it is doubled, spelled in hex, in the URL alphabet or without padding', async () => {
    const text = header(call, 'X-Nen-Signature');
    const signature = base64Decode(text) ?? new Uint8Array(0);
    const doubled = new Uint8Array([...signature, ...signature]);
    const hex = Buffer.from(signature).toString('hex');
    const forged = [
      text + text,
      base64Encode(doubled),
      hex,
      text.slice(0, -1),
      `${text}=`,
      `-_${text.slice(2)}`,
    ];
    await expectRefused(world, session, forged.map(withSignature), 'ISO-3002');
  });
});

describe('rows 24 to 27: the nonce and other spellings', () => {
  const withNonce = (nonce: string | undefined): WireRequest => withHeaders(call, { 'X-Nen-Nonce': nonce });

  test('row 24: X-Nen-Nonce is taken away', async () => {
    await expectRefused(world, session, withNonce(undefined), 'ISO-3005');
  });

  test('row 25: a nonce of another length, with a good signature over it', async () => {
    await expectRefused(world, session, withNonce(''), 'ISO-3005');
    const nonces = [8, 11, 13, 24, 1000].map((length) => base64Encode(new Uint8Array(length).fill(7)));
    await expectRefused(
      world,
      session,
      nonces.map((nonce) => signedAs(call, { 'X-Nen-Nonce': nonce })),
      'ISO-3006',
    );
  });

  test('row 26: another spelling of the same nonce is no second nonce', async () => {
    while (!/[+/]/.test(call.sealed.nonce)) call = await session.seal();
    const { nonce } = call.sealed;
    expect((await send(world, call)).status).toBe(200);
    const respelled = [
      nonce.replaceAll('+', '-').replaceAll('/', '_'),
      `${nonce}=`,
      `${nonce}==`,
      `${nonce.slice(0, 8)} ${nonce.slice(8)}`,
      `${nonce.slice(0, 8)}\t${nonce.slice(8)}`,
      `${nonce}!`,
      `!${nonce}`,
      `${nonce},`,
      `${nonce}A`,
      `${nonce}AAAA`,
      `"${nonce}"`,
    ];
    const copies = respelled.flatMap((text) => [withNonce(text), signedAs(call, { 'X-Nen-Nonce': text })]);
    await expectRefused(world, session, copies, 'ISO-3006');
  });

  /** The spellings that differ in the bits after the last byte. */
  function withTrailingBits(text: string): string[] {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const padding = text.length - text.replace(/=+$/, '').length;
    const at = text.length - padding - 1;
    const value = alphabet.indexOf(text[at] ?? '');
    return Array.from({ length: (padding === 2 ? 16 : 4) - 1 }, (_, i) => {
      return text.slice(0, at) + alphabet[value + i + 1] + '='.repeat(padding);
    });
  }

  test('row 27: non-zero trailing bits, on signature, tag and ciphertext', async () => {
    const signatures = withTrailingBits(header(call, 'X-Nen-Signature'));
    expect(
      signatures.map((text) =>
        Buffer.from(text, 'base64').equals(Buffer.from(header(call, 'X-Nen-Signature'), 'base64')),
      ),
    ).not.toContain(false);
    await expectRefused(
      world,
      session,
      signatures.map((text) => withHeaders(call, { 'X-Nen-Signature': text })),
      'ISO-3002',
    );

    const get = await session.seal({ method: 'GET', kind: 'none' });
    const tags = withTrailingBits(header(get, 'X-Nen-Tag'));
    expect(tags).toHaveLength(15);
    await expectRefused(
      world,
      session,
      tags.map((text) => withHeaders(get, { 'X-Nen-Tag': text })),
      'ISO-4002',
    );

    for (const payload of ['"1"', '"22"']) {
      const sealed = await session.seal({ payload });
      const { ct } = JSON.parse(bytesToLatin1(sealed.body ?? new Uint8Array(0)));
      const bodies = withTrailingBits(ct).map((text) => ({
        ...sealed,
        body: latin1ToBytes(`{"ct":"${text}"}`),
      }));
      expect(bodies.length).toBeGreaterThan(0);
      await expectRefused(world, session, bodies, 'ISO-4002');
    }
  });
});

describe('rows 28 and 29: the timestamp', () => {
  test('row 28: 30 000 ms either way is in, 30 001 is out', async () => {
    const at = (ms: number): Promise<SealedCall> => session.seal({ timestamp: world.clock.now() + ms });
    await expectRefused(world, session, [await at(-30_001), await at(30_001)], 'ISO-3003');
    for (const ms of [-30_000, 30_000]) {
      const edge = await at(ms);
      expect((await open(edge, await send(world, edge))).kind).toBe('json');
    }
  });

  test('row 29: anything but 13 digits, with a good signature over it', async () => {
    const now = String(world.clock.now());
    const malformed = [
      'NaN',
      'abc',
      `0x${world.clock.now().toString(16)}`,
      '1.7e12',
      `+${now}`,
      `0${now}`,
      `${now}.5`,
    ];
    malformed.push(
      now.slice(0, 10),
      '9007199254740993',
      `-${now}`,
      `${now.slice(0, 6)} ${now.slice(6)}`,
      `${now},`,
    );
    await expectRefused(
      world,
      session,
      malformed.map((text) => signedAs(call, { 'X-Nen-Timestamp': text })),
      'ISO-3004',
    );
    await expectRefused(
      world,
      session,
      [withHeaders(call, { 'X-Nen-Timestamp': '' }), withHeaders(call, { 'X-Nen-Timestamp': undefined })],
      'ISO-3004',
    );
  });

  test('row 29: full-width digits', async () => {
    await expectNothingRuns(world, session, async () => {
      const wide = String(world.clock.now()).replace(/\d/g, (digit) =>
        String.fromCharCode(0xff10 + Number(digit)),
      );
      const bytes = latin1ToBytes(
        bytesToLatin1(toHttpText(call)).replace(
          header(call, 'X-Nen-Timestamp'),
          bytesToLatin1(utf8ToBytes(wide)),
        ),
      );
      expect(await sendRaw(world, bytes)).toMatch(/^HTTP\/1.1 400 [\s\S]*"ISO-3004"/);
    });
  });
});

describe('rows 30 to 34: the request line', () => {
  test('row 30: another path, in every spelling that is one', async () => {
    const tunnelled = await session.tunnel({ path: '/api/trpc/hello' });
    const others = [
      '/api/echo/y',
      '/api/echo/x/',
      '/api/Echo/x',
      '/api//echo/x',
      '//api/echo/x',
      '/api/echo/x;x',
    ];
    others.push(
      '/api/echo/%78',
      '/api/echo%2Fx',
      '/api/echo/x%00',
      '/api/echo/x%0A',
      '/api/echo/x%5C',
      '/api/echo/x%2e%2e',
    );
    others.push('/api/echo/x%C3%A9', '/api/trpc/hello', TUNNEL_PATH);
    const inTunnel = [
      '/api/trpc/hello',
      '/api/trpc/sealed/',
      '/api/trpc//sealed',
      '/api/trpc/%73ealed',
      ECHO_PATH,
    ];
    await expectRefused(
      world,
      session,
      [
        ...others.map((target) => ({ ...call, target })),
        ...inTunnel.map((target) => ({ ...tunnelled, target })),
      ],
      'ISO-3002',
    );
  });

  test('row 30: a spelling that URL parsers resolve, so that a router sees another path, is refused before anything is read', async () => {
    const spellings = [
      '/api/./echo/x',
      '/api/echo/x/%2e',
      '/api/other/../echo/x',
      '/api/%2e/echo/x',
      '/api/other/%2e%2e/echo/x',
      '/api\\echo\\x',
      '/api/echo/x#f',
    ];
    await expectNothingRuns(world, session, async () => {
      for (const target of spellings) {
        const { status, text } = await send(world, { ...call, target });
        expect([status, text], target).toEqual([400, '']);
      }
    });
    expect((await open(call, await send(world, call))).kind).toBe('json');
  });

  test('row 30: control and non-ASCII characters in the target do not even reach the handler', async () => {
    await expectNothingRuns(world, session, async () => {
      for (const target of [
        '/api/echo/x\r',
        '/api/echo/x\t',
        '/api/echo/x\0',
        '/api/echo/x y',
        '/api/echo/\u00e9',
      ]) {
        expect(await sendRaw(world, toHttpText({ ...call, target }))).toMatch(/^HTTP\/1.1 (400|401) /);
      }
    });
  });

  test('row 31: a newline in the path, encoded or raw, moves no field of the signed text', async () => {
    const timestamp = header(call, 'X-Nen-Timestamp');
    const later = String(Number(timestamp) + 1);
    // "POST\n/api/echo/x\nTS\nN" read as the path "/api/echo/x\nTS" with another timestamp.
    const moved = ['%0A', '%0D%0A', '%0a'].map((newline) =>
      withHeaders({ ...call, target: `${ECHO_PATH}${newline}${timestamp}` }, { 'X-Nen-Timestamp': later }),
    );
    await expectRefused(world, session, moved, 'ISO-3002');
    await expectNothingRuns(world, session, async () => {
      const raw = toHttpText({ ...call, target: `${ECHO_PATH}\n${timestamp}` });
      expect(await sendRaw(world, raw)).toMatch(/^HTTP\/1.1 400 /);
    });
  });

  test('row 32: the query is changed, added, removed or reordered', async () => {
    const query = await session.seal({ target: `${ECHO_PATH}?id=1&name=a` });
    const get = await session.seal({ method: 'GET', kind: 'none', target: `${ECHO_PATH}?id=1&name=a` });
    const targets = [
      '?id=2&name=a',
      '?id=1&name=a&all=1',
      '?name=a&id=1',
      '?id=1',
      '',
      '?',
      '?id=%31&name=a',
    ];
    const altered = targets.flatMap((text) => [
      { ...query, target: ECHO_PATH + text },
      { ...get, target: ECHO_PATH + text },
    ]);
    await expectRefused(world, session, altered, 'ISO-4001');
    await expectRefused(world, session, { ...call, target: `${ECHO_PATH}?id=1` }, 'ISO-4001');
    const tunnelled = await session.tunnel({ path: '/api/trpc/hello' });
    await expectRefused(world, session, { ...tunnelled, target: `${TUNNEL_PATH}?batch=1` }, 'ISO-4001');
  });

  test('row 33: the method is changed', async () => {
    const get = await session.seal({ method: 'GET', kind: 'none' });
    const methods = ['DELETE', 'HEAD', 'PUT'].map((method) => ({ ...get, method }));
    await expectNothingRuns(world, session, async () => {
      for (const request of methods) {
        const response = await send(world, request);
        expect(response.status).toBe(401);
        if (request.method !== 'HEAD') expectPlainRefusal(response, 'ISO-3002');
      }
    });
    const posts = ['PUT', 'PATCH', 'DELETE'].map((method) => ({ ...call, method }));
    await expectRefused(world, session, posts, 'ISO-3002');
  });

  test('row 33: X-HTTP-Method-Override is added: the sealed method counts', async () => {
    const get = await session.seal({ method: 'GET', kind: 'none' });
    const ranBefore = world.ran.length;
    const override = { 'X-HTTP-Method-Override': 'DELETE', 'X-Method-Override': 'DELETE' };
    const response = await send(world, withHeaders(get, override));
    expect(JSON.parse(bytesToLatin1((await open(get, response)).payload))).toMatchObject({ method: 'GET' });
    const query = await session.tunnel({ path: '/api/trpc/add', method: 'GET' });
    expect((await openHttp(query, await send(world, withHeaders(query, override)))).status).toBe(405);
    expect(world.ran.slice(ranBefore)).toEqual([`GET ${ECHO_PATH}`]);
  });

  test('row 34: Host is changed: the handler sees the origin that the client meant', async () => {
    const forwarded = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };
    const response = await send(world, withHeaders(call, forwarded));
    expect(JSON.parse(bytesToLatin1((await open(call, response)).payload))).toMatchObject({
      url: AUDIENCE + ECHO_PATH,
    });
    await expectGood(world, session);
  });

  test('row 34: the request is taken to another origin over the same store', async () => {
    const other = await startWorld({ sharedWith: world, origins: ['https://other.example'] });
    await expectNothingRuns(world, session, async () => {
      expectPlainRefusal(await send(other, call), 'ISO-2002');
      expect(other.ran).toEqual([]);
    });
    await expectGood(other, await openSession(other, 'https://other.example'));
    await other.close();
  });
});

describe('row 35: headers in odd forms', () => {
  const twice = (name: string): WireRequest =>
    withHeaders(call, { [name]: [header(call, name), header(call, name)] });

  test('row 35: a header twice', async () => {
    await expectRefused(world, session, twice('X-Nen-Session'), 'ISO-2001');
    await expectRefused(world, session, twice('X-Nen-Signature'), 'ISO-3002');
    await expectRefused(world, session, twice('X-Nen-Timestamp'), 'ISO-3004');
    await expectRefused(world, session, twice('X-Nen-Nonce'), 'ISO-3006');
    call = await session.seal({ method: 'GET', kind: 'none' });
    await expectRefused(world, session, twice('X-Nen-Tag'), 'ISO-4002');
    const retry = `${session.sid} ${world.clock.now()} AAAAAAAAAAAAAAAA ${session.terms.epoch}`;
    call = await session.seal({ retry });
    await expectRefused(world, session, twice('X-Nen-Retry'), 'ISO-4001');
  });

  test('row 35: the underscore form is another header; another case is the same', async () => {
    const nonce = header(call, 'X-Nen-Nonce');
    const underscore = withHeaders(call, { 'X-Nen-Nonce': undefined, X_Nen_Nonce: nonce });
    await expectRefused(world, session, underscore, 'ISO-3005');
    const lower = withHeaders(call, { 'X-Nen-Nonce': undefined, 'x-nen-NONCE': nonce });
    expect((await open(call, await send(world, lower))).kind).toBe('json');
  });

  test('row 35: a folded header', async () => {
    await expectNothingRuns(world, session, async () => {
      const nonce = header(call, 'X-Nen-Nonce');
      const folded = bytesToLatin1(toHttpText(call)).replace(
        nonce,
        `${nonce.slice(0, 8)}\r\n ${nonce.slice(8)}`,
      );
      expect(await sendRaw(world, latin1ToBytes(folded))).toMatch(/^HTTP\/1.1 400 /);
    });
  });

  test('row 35: a header of 64 KB', async () => {
    await expectNothingRuns(world, session, async () => {
      const long = withHeaders(call, { 'X-Nen-Nonce': 'A'.repeat(65536) });
      expect(await sendRaw(world, toHttpText(long))).toMatch(/^HTTP\/1.1 431 /);
    });
  });
});

describe('row 36: the body', () => {
  test('row 36: it is stripped', async () => {
    await expectRefused(
      world,
      session,
      [
        { ...call, body: undefined },
        { ...call, body: new Uint8Array(0) },
      ],
      'ISO-4002',
    );
  });

  test('row 36: one is added to a request that has none', async () => {
    const remove = await session.seal({ method: 'DELETE', kind: 'none' });
    const envelope = (await session.seal()).body;
    await expectRefused(
      world,
      session,
      { ...withHeaders(remove, { 'Content-Type': 'application/json' }), body: envelope },
      'ISO-4002',
    );
    await expectRefused(
      world,
      session,
      { ...withHeaders(remove, { 'X-Nen-Tag': undefined }), body: envelope },
      'ISO-4001',
    );
  });

  test('row 36: one is added to a GET, which has none', async () => {
    const { url, close } = await listen(createServer(world.nen.node(() => new Response('ran'))));
    onTestFinished(close);
    const node = { port: Number(new URL(url).port) };
    const read = await session.seal({ method: 'GET', kind: 'none' });
    const chunked = withHeaders(read, { 'Transfer-Encoding': 'chunked' });
    const body = latin1ToBytes('add');
    await expectNothingRuns(world, session, async () => {
      for (const added of [
        { ...read, body },
        { ...chunked, body },
      ])
        expectPlainRefusal(await send(node, added), 'ISO-4002');
    });
    // What a gateway makes of an HTTP/2 request whose end it did not see at once: none is added.
    const answer = await open(read, await send(node, { ...chunked, body: new Uint8Array(0) }));
    expect(bytesToLatin1(answer.payload)).toContain('ran');
  });

  test('row 36: it is replaced by the valid body of another request', async () => {
    await expectRefused(world, session, { ...call, body: (await session.seal()).body }, 'ISO-4001');
    const mine = await openSession(world);
    await expectRefused(world, session, { ...call, body: (await mine.seal()).body }, 'ISO-4001');
  });

  test('row 36: it is declared to be of the other kind or encoding', async () => {
    const text = bytesToLatin1(call.body ?? new Uint8Array(0));
    const asHttp = { ...call, body: latin1ToBytes(text.replace('{', '{"t":"http",')) };
    const octets = withHeaders(call, { 'Content-Type': 'application/octet-stream' });
    await expectRefused(world, session, [asHttp, octets], 'ISO-4001');
  });
});
