/** What nenLink's own fetch answers: no real Response until one is needed, and never to be told from one. */
import { describe, expect, it } from 'vitest';
import { utf8ToBytes } from '../../src/crypto/bytes.ts';
import { toResponse } from '../../src/link/client/fetch.ts';
import { lightTunnel } from '../../src/link/client/nen-client.ts';
import { toOpenedResponse } from '../../src/link/client/opened-response.ts';
import { openChannel } from './channel.ts';

const TEXT = '{"result":{"data":"höher"}}';
const FIELDS = [
  ['content-type', 'application/json'],
  ['vary', 'trpc-accept'],
] as const;
const MESSAGE = {
  method: 'POST',
  url: new URL('https://nen.test/api/trpc/echo?batch=1#part'),
  fields: [],
  body: new Uint8Array(0),
  signal: null,
  credentials: undefined,
  keepalive: undefined,
};

function answer(text = TEXT, status = 207): Parameters<typeof toResponse>[0] {
  return { status, fields: FIELDS, body: utf8ToBytes(text) };
}

describe('the opened response of nenLink', () => {
  it('says what a real Response of the same answer says', async () => {
    for (const status of [200, 207, 400, 500]) {
      const opened = toOpenedResponse(answer(TEXT, status), MESSAGE);
      const real = toResponse(answer(TEXT, status), MESSAGE);
      expect(opened).toBeInstanceOf(Response);
      for (const name of ['status', 'ok', 'statusText', 'url', 'type', 'redirected', 'bodyUsed'] as const) {
        expect([name, opened[name]]).toEqual([name, real[name]]);
      }
      expect([...opened.headers]).toEqual([...real.headers]);
      expect(await opened.json()).toEqual(await real.json());
      expect([opened.bodyUsed, real.bodyUsed]).toEqual([true, true]);
    }
  });

  it('gives its body in every form, once', async () => {
    const forms: Record<string, (response: Response) => Promise<unknown>> = {
      text: (response) => response.text(),
      json: (response) => response.json(),
      arrayBuffer: (response) => response.arrayBuffer(),
      blob: (response) => response.blob(),
      clone: (response) => response.clone().text(),
      stream: (response) => new Response(response.body).text(),
    };
    for (const [name, read] of Object.entries(forms)) {
      const real = await read(toResponse(answer(), MESSAGE));
      const response = toOpenedResponse(answer(), MESSAGE);
      expect([name, await read(response)]).toEqual([name, real]);
      if (name !== 'clone') await expect(response.text(), name).rejects.toBeInstanceOf(TypeError);
    }
  });

  it('is read up for the real one too, and the other way round', async () => {
    const first = toOpenedResponse(answer(), MESSAGE);
    await first.text();
    expect(first.statusText).toBe('');
    expect(() => first.clone()).toThrow(TypeError);
    await expect(first.blob()).rejects.toBeInstanceOf(TypeError);

    const second = toOpenedResponse(answer(), MESSAGE);
    await second.blob();
    expect(second.bodyUsed).toBe(true);
    await expect(second.json()).rejects.toBeInstanceOf(TypeError);
  });

  it('drops a byte order mark and replaces what is not UTF-8, as a Response does', async () => {
    const body = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff);
    const response = toOpenedResponse({ status: 200, fields: [], body }, MESSAGE);
    expect(await response.text()).toBe('a\ufffd');
  });

  it('has no body where there can be none', async () => {
    expect(toOpenedResponse(answer('', 204), MESSAGE).body).toBeNull();
    expect(toOpenedResponse(answer(), { ...MESSAGE, method: 'HEAD' }).body).toBeNull();
  });

  it('is what nenLink gets; the public tunnel and fetch give real Responses', async () => {
    const { client } = openChannel({ handler: () => Response.json({ ok: true }), endpoint: '/api' });
    const url = 'https://nen.test/api/hello';
    const nativeStatus = Object.getOwnPropertyDescriptor(Response.prototype, 'status');
    const isReal = (response: Response): boolean => {
      try {
        return Reflect.apply(nativeStatus?.get ?? (() => 0), response, []) === 200;
      } catch {
        return false;
      }
    };
    const light = await lightTunnel(client, '/api')(url);
    const whole = await client.tunnel('/api')(url);
    expect([isReal(light), isReal(whole)]).toEqual([false, true]);
    expect([await light.json(), await whole.json()]).toEqual([{ ok: true }, { ok: true }]);
  });
});
