/** Refusals as bytes: constant on the way out; on the way in a hint if plain, the server's word if sealed. */
import { describe, expect, it } from 'vitest';
import { type NenErrorCode, WIRE_ERRORS } from '../../src/protocol/errors.ts';
import {
  decodePlainRefusal,
  decodeRefusal,
  encodePlainRefusal,
  encodeRefusal,
} from '../../src/protocol/refusal.ts';
import { ascii, polluted, text } from './support.ts';

const CODES = Object.keys(WIRE_ERRORS) as NenErrorCode[];

describe('a plain refusal', () => {
  it.each(CODES)('%s is {"error":{"code","message"}}, constant, and reads back', (code) => {
    const body = encodePlainRefusal(code);
    expect(body).toBe(`{"error":{"code":"${code}","message":"${WIRE_ERRORS[code].message}"}}`);
    expect(decodePlainRefusal(ascii(body))).toBe(code);
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"error":null}',
    '{"error":"ISO-2002"}',
    '{"error":["ISO-2002"]}',
    '{"error":{}}',
    '{"error":{"code":"ISO-2002"}}',
    '{"error":{"code":"ISO-9999","message":"x"}}',
    '{"error":{"code":"toString","message":"x"}}',
    '{"error":{"code":"__proto__","message":"x"}}',
    '{"error":{"code":2002,"message":"x"}}',
    '{"error":{"code":["ISO-2002"],"message":"x"}}',
    '{"error":{"code":"ISO-2002","message":"x","stack":"y"}}',
    '{"error":{"code":"ISO-2002","code":"ISO-2002","message":"x"}}',
    '{"error":{"code":"ISO-2002","message":"x"},"id":1}',
    '{"error":{"code":"ISO-2002","message":"x"},"error":{"code":"ISO-2002","message":"x"}}',
    '{"code":"ISO-2002","message":"x"}',
    '\ufeff{"error":{"code":"ISO-2002","message":"x"}}',
    '{"error":{"code":"ISO-2002","message":"x"}} x',
    '<html><body>502</body></html>',
    '{"n":"AAAA","ct":"AAAA"}',
  ])('is not read out of %s', (body) => {
    expect(decodePlainRefusal(ascii(body))).toBeUndefined();
  });

  it('is not read out of a polluted Object.prototype', async () => {
    const found = await polluted({ error: { code: 'ISO-2002', message: 'x' } }, () =>
      decodePlainRefusal(ascii('{}')),
    );
    expect(found).toBeUndefined();
    const code = await polluted({ code: 'ISO-2002', message: 'x' }, () =>
      decodePlainRefusal(ascii('{"error":{}}')),
    );
    expect(code).toBeUndefined();
  });
});

describe('a sealed refusal', () => {
  it.each(CODES)('%s is {"code","message"}, constant, and reads back', (code) => {
    const payload = encodeRefusal(code);
    expect(text(payload)).toBe(`{"code":"${code}","message":"${WIRE_ERRORS[code].message}"}`);
    const error = decodeRefusal(payload);
    expect(error?.code).toBe(code);
    expect(error?.message).toBe(WIRE_ERRORS[code].message);
  });

  it('says that the call did not run only where it was refused before the handler', () => {
    for (const code of CODES) {
      expect(decodeRefusal(encodeRefusal(code))?.outcome).toBe(code === 'ISO-4006' ? 'not-run' : 'unknown');
    }
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    '{"code":"ISO-5002"}',
    '{"code":"ISO-9999","message":"x"}',
    '{"code":5002,"message":"x"}',
    '{"code":"hasOwnProperty","message":"x"}',
    '{"code":"ISO-5002","message":"x","x":1}',
    '{"code":"ISO-5002","message":"x"}x',
    '{"error":{"code":"ISO-5002","message":"x"}}',
  ])('is not read out of %s', (payload) => {
    expect(decodeRefusal(ascii(payload))).toBeUndefined();
  });

  it("has our own message, not the wire's", () => {
    const error = decodeRefusal(ascii('{"code":"ISO-5002","message":"click here"}'));
    expect(error?.message).toBe('The first attempt may have run.');
  });
});
