/**
 * PROTOCOL.md is enough to build on, and says what the code does: a client written from it alone talks to the
 * server, and its tables agree with the constants.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createNen } from '../../src/adapter/server.ts';
import * as constants from '../../src/protocol/constants.ts';
import { isNenErrorCode, statusOf, WIRE_ERRORS } from '../../src/protocol/errors.ts';
import { call, type Encoding, encodeRequest, type Handler, handshake, retryOf } from './second-client.ts';

const root = new URL('../../', import.meta.url);
const document = readFileSync(new URL('PROTOCOL.md', root), 'utf8');
const AUD = 'https://app.example';
const ENCODINGS: readonly Encoding[] = ['json', 'octets'];

const nen = createNen({ origins: [AUD], onEvent: () => undefined });
const routes: Handler = (req) => nen.routes.POST(req);
const seen: string[] = [];

/** What each path does. */
const handler = nen.wrap(async (req) => {
  const { pathname, search } = new URL(req.url);
  const line = `${req.method} ${pathname}${search} ${req.headers.get('authorization')} ${await req.text()}`;
  seen.push(line);
  if (pathname.endsWith('/stream')) return new Response(slowly(['one ', 'two ', 'three']), { status: 201 });
  if (pathname.endsWith('/gone')) return new Response(null, { status: 204 });
  if (pathname.endsWith('/json')) return Response.json({ line }, { status: 202 });
  return new Response(line, { status: 203, headers: { 'x-own': 'sealed' } });
});

function slowly(parts: readonly string[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const part = parts[next++];
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

const tunnelled = (path: string, padding = 0): Buffer =>
  encodeRequest('POST', `/api/trpc/${path}`, { authorization: 'Bearer x' }, 'content', padding);

describe('a client written from PROTOCOL.md alone', () => {
  it.each(ENCODINGS)('handshakes, and tunnels a call in %s', async (encoding) => {
    const session = await handshake(routes, AUD);
    const options = { url: `${AUD}/api/trpc/sealed`, kind: 'http', encoding } as const;
    const answer = await call(handler, session, { ...options, payload: tunnelled('a.b?x=1', 7) });
    const line = 'POST /api/trpc/a.b?x=1 Bearer x content';
    expect(answer).toEqual({ kind: 'http', status: 203, text: line, records: [] });
  });

  it.each(ENCODINGS)('opens a stream in %s to its authenticated end', async (encoding) => {
    const session = await handshake(routes, AUD);
    const options = { url: `${AUD}/api/trpc/sealed`, kind: 'http', encoding } as const;
    const answer = await call(handler, session, { ...options, payload: tunnelled('stream') });
    expect(answer).toMatchObject({ kind: 'stream', status: 201, text: 'one two three' });
    expect(answer.records).toEqual([0, 1, 1, 1, 2]);
  });

  it('calls directly: a JSON body, no body with a query, an answer without a body', async () => {
    const session = await handshake(routes, AUD);
    const payload = Buffer.from('{"a":1}');
    const json = await call(handler, session, { url: `${AUD}/x/json?q=1`, kind: 'json', payload });
    expect(json).toMatchObject({
      kind: 'json',
      status: 202,
      text: '{"line":"POST /x/json?q=1 null {\\"a\\":1}"}',
    });
    const none = await call(handler, session, { url: `${AUD}/x?q=2`, method: 'DELETE', kind: 'none' });
    expect(none).toMatchObject({ kind: 'http', status: 203, text: 'DELETE /x?q=2 null ' });
    const gone = await call(handler, session, { url: `${AUD}/gone`, method: 'GET', kind: 'none' });
    expect(gone).toMatchObject({ kind: 'none', status: 204, text: '' });
    const stream = await call(handler, session, { url: `${AUD}/stream`, method: 'GET', kind: 'none' });
    expect(stream).toMatchObject({ kind: 'stream', status: 201, text: 'one two three' });
  });

  it('rotates: the new session works, the old one is unknown', async () => {
    const old = await handshake(routes, AUD);
    const session = await handshake(routes, AUD, old);
    const options = { url: `${AUD}/x`, method: 'GET', kind: 'none' } as const;
    expect(await call(handler, session, options)).toMatchObject({ status: 203 });
    expect(await call(handler, old, options)).toMatchObject({
      kind: 'plain',
      status: 401,
      text: expect.stringContaining('ISO-2002'),
    });
  });

  it('asks for its session and ends it', async () => {
    const session = await handshake(routes, AUD);
    const status = await call(routes, session, { url: `${AUD}/api/nen/status`, method: 'GET', kind: 'none' });
    expect(JSON.parse(status.text)).toMatchObject({ sid: session.sid, suite: 'ML-KEM-768' });
    const ended = await call(routes, session, { url: `${AUD}/api/nen/terminate`, kind: 'none' });
    expect(ended).toMatchObject({ kind: 'json', text: '{"terminated":true}' });
  });

  it.each(ENCODINGS)(
    'retries at most once in %s: a first attempt that ran gives a sealed 5002',
    async (encoding) => {
      const session = await handshake(routes, AUD);
      const nonce = Buffer.from('twelve bytes');
      const options = { url: `${AUD}/api/trpc/sealed`, kind: 'http', encoding } as const;
      const payload = tunnelled('mutation');
      const never = retryOf(session, Buffer.from('never sent !'));
      expect(await call(handler, session, { ...options, payload, retry: never })).toMatchObject({
        status: 203,
      });
      await call(handler, session, { ...options, payload, nonce });
      const before = seen.length;
      const answer = await call(handler, session, { ...options, payload, retry: retryOf(session, nonce) });
      expect(answer).toMatchObject({ kind: 'error', status: 200 });
      expect(JSON.parse(answer.text)).toEqual({ code: 'ISO-5002', message: WIRE_ERRORS['ISO-5002'].message });
      expect(seen.length).toBe(before);
    },
  );
});

describe('PROTOCOL.md', () => {
  it.each(Object.keys(WIRE_ERRORS).filter(isNenErrorCode))('has %s as the code has it', (code) => {
    const row = document.split('\n').find((line) => line.startsWith(`| ${code.slice('ISO-'.length)} |`));
    const [, , message, status = ''] = (row ?? '').split('|').map((cell) => cell.trim());
    expect(message).toBe(WIRE_ERRORS[code].message);
    if (status !== '') expect(Number(status)).toBe(statusOf(code));
    else expect(WIRE_ERRORS[code].status).toBeUndefined();
  });

  it('has every label and every header name of the code', () => {
    for (const [name, value] of Object.entries(constants)) {
      if (name.startsWith('LABEL_'))
        expect(document).toContain(`"${value}"`.replaceAll('"nen/2 client hello"', 'nen/2 client hello'));
      if (name.startsWith('HEADER_')) expect(document).toContain(`\`${value}\``);
    }
  });

  it('has the limits of the code', () => {
    const limits: readonly (readonly [row: string, value: number])[] = [
      ['timestamp window | 30 s', constants.WINDOW_MS / 1000],
      ['margin of a claim | 60 s', constants.CLAIM_MARGIN_MS / 1000],
      ['life of a session | 1 h', constants.SESSION_TTL_MS / 3_600_000],
      ['idle time of a session | 15 min', constants.SESSION_IDLE_MS / 60_000],
      ['unconfirmed session | 30 s', constants.UNCONFIRMED_TTL_MS / 1000],
      ['handshake, client waits | 10 s', constants.HANDSHAKE_TIMEOUT_MS / 1000],
      ['handshake message and answer | 16 KiB', constants.MAX_HANDSHAKE_BYTES / 1024],
      ['sealed request body | 8 MiB', constants.MAX_REQUEST_BYTES / 2 ** 20],
      ['as the client reads it | 8 MiB', constants.MAX_ENVELOPE_BYTES / 2 ** 20],
      ['as the server writes it | 1 MiB', constants.MAX_SINGLE_ANSWER_BYTES / 2 ** 20],
      ['plain refusal, as the client reads it | 16 KiB', constants.MAX_PLAIN_ANSWER_BYTES / 1024],
      ['record of a stream, plaintext | 64 KiB', constants.MAX_RECORD_BYTES / 1024],
      ['empty record after | 15 s', constants.KEEP_ALIVE_MS / 1000],
      ['silence on a stream | 45 s', constants.SILENCE_MS / 1000],
      ['JSON of kind `json` | 64 levels', constants.MAX_JSON_DEPTH],
    ];
    for (const [row, value] of limits) {
      expect(document).toContain(row);
      expect(Number(/\| (\d+)/.exec(row)?.[1])).toBe(value);
    }
    expect(constants.SESSION_MAX_REQUESTS).toBe(2 ** 20);
    expect(constants.MAX_RECORDS).toBe(2 ** 32);
  });

  it('links to sections and files that exist', () => {
    const headings = [...document.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, target = ''] of document.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      if (target.startsWith('#')) expect(headings).toContain(target.slice(1));
      else expect(existsSync(new URL(target, root)), target).toBe(true);
    }
  });
});
