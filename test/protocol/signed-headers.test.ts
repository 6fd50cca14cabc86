/** The signed headers: read strictly, in the order of the protocol; verified in one way only. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Decode, base64Encode } from '../../src/crypto/bytes.ts';
import {
  canonicalRequest,
  hasSealedHeaders,
  type RequestLine,
  readSealedHeaders,
  type SealedHeaders,
  verifyRequest,
  writeSealedHeaders,
} from '../../src/protocol/signed-headers.ts';
import { ascii, codeOf, errorOf, flip, hex, NOW, named, seeded, sessionOf, sidOf } from './support.ts';

const session = sessionOf('a');
const line: RequestLine = { method: 'POST', path: '/api/trpc/sealed', query: '?x=1' };
const nonceBytes = seeded('n')(12);
const nonce = base64Encode(nonceBytes);
const write = (signed: RequestLine, retry = ''): Record<string, string> => {
  const mac = session.keys.hmacKey.mac(canonicalRequest(signed, String(NOW), nonce));
  return writeSealedHeaders(session.sid, String(NOW), nonce, mac, retry);
};
const good = write(line);

const read = (headers: Record<string, string>): SealedHeaders => readSealedHeaders(new Headers(headers));
const without = (...names: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name)));

describe('the headers of a sealed request', () => {
  it('are session, timestamp, nonce and signature; on a retry one more', () => {
    const signed = ascii(`POST\n/api/trpc/sealed\n${NOW}\n${nonce}`);
    expect(good).toEqual({
      'X-Nen-Session': sidOf('a'),
      'X-Nen-Timestamp': '1700000000000',
      'X-Nen-Nonce': nonce,
      'X-Nen-Signature': base64Encode(session.keys.hmacKey.mac(signed)),
    });
    expect(write(line, 'first')).toEqual({
      ...good,
      'X-Nen-Retry': 'first',
    });
  });

  it('are read as they were written', () => {
    expect(read(good)).toEqual({
      sid: sidOf('a'),
      timestamp: String(NOW),
      nonce,
      nonceBytes,
      signature: good['X-Nen-Signature'],
      retry: '',
      tag: null,
    });
    expect(read({ ...good, 'x-nen-retry': 'first', 'x-nen-tag': 'tag' })).toMatchObject({
      retry: 'first',
      tag: 'tag',
    });
  });

  it.each([
    ['no signature', { 'X-Nen-Signature': undefined }, 'ISO-3001'],
    ['an empty signature', { 'X-Nen-Signature': '' }, 'ISO-3001'],
    ['no timestamp', { 'X-Nen-Timestamp': undefined }, 'ISO-3004'],
    ['an empty timestamp', { 'X-Nen-Timestamp': '' }, 'ISO-3004'],
    ['a timestamp in seconds', { 'X-Nen-Timestamp': '1700000000' }, 'ISO-3004'],
    ['a timestamp that is no number', { 'X-Nen-Timestamp': 'NaN' }, 'ISO-3004'],
    ['two timestamps', { 'X-Nen-Timestamp': `${NOW}, ${NOW}` }, 'ISO-3004'],
    ['no nonce', { 'X-Nen-Nonce': undefined }, 'ISO-3005'],
    ['an empty nonce', { 'X-Nen-Nonce': '' }, 'ISO-3005'],
    ['a nonce of 11 bytes', { 'X-Nen-Nonce': base64Encode(new Uint8Array(11)) }, 'ISO-3006'],
    ['a nonce of 13 bytes', { 'X-Nen-Nonce': base64Encode(new Uint8Array(13)) }, 'ISO-3006'],
    ['a nonce of 1000 bytes', { 'X-Nen-Nonce': base64Encode(new Uint8Array(1000)) }, 'ISO-3006'],
    ['two nonces', { 'X-Nen-Nonce': `${nonce}, ${nonce}` }, 'ISO-3006'],
    ['a nonce in the other alphabet', { 'X-Nen-Nonce': '-___-___-___-___' }, 'ISO-3006'],
    ['no session', { 'X-Nen-Session': undefined }, 'ISO-2001'],
    ['an empty session', { 'X-Nen-Session': '' }, 'ISO-2001'],
    ['a long session', { 'X-Nen-Session': 'A'.repeat(10_000) }, 'ISO-2001'],
    ['two sessions', { 'X-Nen-Session': `${sidOf('a')}, ${sidOf('a')}` }, 'ISO-2001'],
    ['a session called __proto__', { 'X-Nen-Session': '__proto__' }, 'ISO-2001'],
  ])('with %s are refused', async (_, change, code) => {
    const changed: Record<string, string> = without(...Object.keys(change));
    for (const [name, value] of Object.entries(change)) if (value !== undefined) changed[name] = value;
    expect(await codeOf(() => read(changed))).toBe(code);
  });

  it('are refused in the order signature, timestamp, nonce, session', async () => {
    expect(await codeOf(() => read({}))).toBe('ISO-3001');
    expect(await codeOf(() => read({ 'X-Nen-Signature': 'x' }))).toBe('ISO-3004');
    expect(await codeOf(() => read({ 'X-Nen-Signature': 'x', 'X-Nen-Timestamp': String(NOW) }))).toBe(
      'ISO-3005',
    );
    expect(await codeOf(() => read(without('X-Nen-Session')))).toBe('ISO-2001');
  });

  it('are found in any case, and not under a name with underscores', async () => {
    const lower = Object.fromEntries(
      Object.entries(good).map(([name, value]) => [name.toLowerCase(), value]),
    );
    expect(read(lower).nonce).toBe(nonce);
    expect(await codeOf(() => read({ ...without('X-Nen-Nonce'), X_Nen_Nonce: nonce }))).toBe('ISO-3005');
  });

  it('are there if any of them is', () => {
    const has = (headers: Record<string, string>): boolean => hasSealedHeaders(new Headers(headers));
    expect(has({})).toBe(false);
    expect(has({ 'content-type': 'application/json', 'x-nenuphar': '1' })).toBe(false);
    for (const name of ['Session', 'Signature', 'Nonce', 'Timestamp', 'Tag', 'Retry']) {
      expect(has({ [`X-Nen-${name}`]: 'x' }), name).toBe(true);
      expect(has({ [`x-nen-${name.toLowerCase()}`]: '' }), name).toBe(true);
    }
  });
});

describe('a signature', () => {
  const verify = (headers: SealedHeaders, at: RequestLine = line, now = NOW): Promise<string> =>
    codeOf(() => verifyRequest(session.keys, at, headers, now));
  const headers = read(good);

  it('is good for its own method, path, timestamp and nonce', async () => {
    expect(await verify(headers)).toBe('ok');
    // The query is the AAD's.
    expect(await verify(headers, { ...line, query: '' })).toBe('ok');
  });

  it('with any of its 256 bits flipped is refused', async () => {
    const bytes = base64Decode(headers.signature) ?? new Uint8Array(0);
    for (let bit = 0; bit < 256; bit++) {
      expect(await verify({ ...headers, signature: base64Encode(flip(bytes, bit)) })).toBe('ISO-3002');
    }
  });

  it('of another length or spelling is refused, and nothing is thrown but that', async () => {
    const { signature } = headers;
    const bytes = base64Decode(signature) ?? new Uint8Array(0);
    for (let length = 0; length <= 64; length++) {
      if (length === 32) continue;
      const other = new Uint8Array(length);
      other.set(bytes.subarray(0, Math.min(32, length)));
      expect(await verify({ ...headers, signature: base64Encode(other) })).toBe('ISO-3002');
    }
    for (let length = 0; length < signature.length; length++) {
      expect(await verify({ ...headers, signature: signature.slice(0, length) })).toBe('ISO-3002');
    }
    for (const other of [
      hex(bytes),
      `${signature}${signature}`,
      `${signature}, ${signature}`,
      `${signature}=`,
      ` ${signature}`,
      `${signature}\u00e9`,
      '\ud83d\ude00',
      'x'.repeat(65_536),
    ]) {
      expect(await verify({ ...headers, signature: other })).toBe('ISO-3002');
    }
  });

  it('of another session is refused', async () => {
    expect(await codeOf(() => verifyRequest(sessionOf('b').keys, line, headers, NOW))).toBe('ISO-3002');
  });

  it.each([
    ['GET', '/api/trpc/sealed'],
    ['post', '/api/trpc/sealed'],
    ['DELETE', '/api/trpc/sealed'],
    ['', '/api/trpc/sealed'],
    ['POST', ''],
    ['POST', '/'],
    ['POST', '/api/trpc/sealed/'],
    ['POST', '/api/trpc//sealed'],
    ['POST', '/api/./trpc/sealed'],
    ['POST', '/api/x/../trpc/sealed'],
    ['POST', '/api/%2e%2e/api/trpc/sealed'],
    ['POST', '/api/trpc/%73ealed'],
    ['POST', '/api/trpc%2Fsealed'],
    ['POST', '/API/trpc/sealed'],
    ['POST', '/api/trpc/sealed;x'],
    ['POST', '/api/trpc/sealed%00'],
    ['POST', '/api/trpc/sealed%0A'],
    ['POST', '/api\\trpc\\sealed'],
    ['POST', '/api/trpc/s\u00e9aled'],
    ['POST', '/api/trpc/sealed?x=1'],
    ['POST\n/api', '/trpc/sealed'],
    ['POST', `/api/trpc/sealed\n${NOW}`],
  ])('is refused for %j %j', async (method, path) => {
    expect(await verify(headers, { method, path, query: line.query })).toBe('ISO-3002');
  });

  it('of one line is never that of another, wherever a line end is smuggled in', () => {
    const part = fc.string({ unit: fc.constantFrom('G', 'E', 'T', '/', 'a', '\n', '1'), maxLength: 6 });
    fc.assert(
      fc.property(part, part, part, part, (methodA, pathA, methodB, pathB) => {
        fc.pre(!methodA.includes('\n') && !methodB.includes('\n'));
        const sign = (method: string, path: string): string | undefined =>
          write({ method, path, query: '' })['X-Nen-Signature'];
        const same = methodA === methodB && pathA === pathB;
        expect(sign(methodA, pathA) === sign(methodB, pathB)).toBe(same);
      }),
    );
  });

  it.each([
    [-30_001, 'ISO-3003'],
    [-30_000, 'ok'],
    [0, 'ok'],
    [30_000, 'ok'],
    [30_001, 'ISO-3003'],
    [86_400_000, 'ISO-3003'],
  ])('is good %i ms later: %s', async (ageMs, code) => {
    expect(await verify(headers, line, NOW + ageMs)).toBe(code);
  });

  it.each([-30_001, 30_001])(
    'that is refused %i ms later tells the log which clock to set',
    async (ageMs) => {
      const error = await errorOf(() => verifyRequest(session.keys, line, headers, NOW + ageMs));
      expect(error.hint).toBe(`the timestamp is ${ageMs} ms old`);
    },
  );

  it('is looked at before the timestamp', async () => {
    const forged = { ...headers, signature: base64Encode(named('forged')) };
    expect(await verify(forged, line, NOW + 86_400_000)).toBe('ISO-3002');
  });

  it('that is refused says nothing on the wire but its code', async () => {
    const error = await errorOf(() =>
      verifyRequest(session.keys, { ...line, path: '/secret' }, headers, NOW),
    );
    expect(error.message).toBe('Request signature invalid.');
    expect(error.cause).toBeUndefined();
  });
});
