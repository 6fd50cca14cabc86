/**
 * What must hold on every server, over real HTTP through a tap: calls, batches, streams that are not held
 * back, aborts that arrive, errors, cookies, large bodies, the session routes, and what is refused.
 */
import { createTRPCClient, TRPCClientError } from '@trpc/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NenOptions } from '../../src/adapter/index.ts';
import { NenClient, NenError, type NenLinkOptions, nenLink } from '../../src/link/index.ts';
import type { Listening } from '../support/listen.ts';
import { failOnStrayErrors } from '../trpc/support/stray-errors.ts';
import { type Tap, tap } from '../trpc/support/tap.ts';
import { type App, type AppRouter, createApp } from './app.ts';

export interface ServerOptions {
  /** What the adapter calls maxBodySize, if it has it. */
  readonly maxBodySize?: number;
}

export interface ServerKind {
  readonly name: string;
  /** Serves {base}/trpc and {base}/nen. */
  start(app: App, options: ServerOptions): Promise<Listening>;
  /** Whether bodies may be octets: not behind a parser that takes JSON alone. */
  readonly octets: boolean;
  /** Whether an answer can be streamed. */
  readonly streams: boolean;
  /** Whether a caller that leaves before the answer is noticed; by default where answers stream. */
  readonly aborts?: boolean;
  /** Where trpc and nen lie, as the client sees it: /api by default. */
  readonly base?: string;
  readonly maxBodySize: boolean;
  /** What a createContext sees as the URL of the procedure `seen`. */
  readonly seenUrl?: string;
}

type LinkOptions = Partial<NenLinkOptions<AppRouter>>;

async function start(kind: ServerKind, nen: NenOptions = {}, options: ServerOptions = {}) {
  const app = createApp(nen);
  const server = await kind.start(app, options);
  const relay: Tap = await tap(server.url);
  onTestFinished(async () => {
    await relay.close();
    await server.close();
  });
  const base = kind.base ?? '/api';
  const url = `${relay.url}${base}/trpc`;
  const client = (link: LinkOptions = {}) =>
    createTRPCClient<AppRouter>({
      links: [nenLink<AppRouter>({ url, ...link } as NenLinkOptions<AppRouter>)],
    });
  return { ...app, relay, url, base, nenUrl: `${relay.url}${base}/nen`, client };
}

/** What a call fails with. */
async function failure(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const error = await call.then(
    (value) => expect.unreachable(`answered ${String(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TRPCClientError);
  return error as TRPCClientError<AppRouter>;
}

export function serverSuite(kind: ServerKind): void {
  describe(kind.name, () => {
    failOnStrayErrors();
    const streaming = it.skipIf(!kind.streams);

    it('answers a query, a mutation and a batch, and the wire tells nothing of them', async () => {
      const { client, relay, base } = await start(kind);
      const trpc = client();
      expect(await trpc.echo.query('planted')).toBe('planted');
      expect(await trpc.add.mutate([20, 22])).toBe(42);
      expect(await Promise.all([trpc.echo.query('a'), trpc.echo.query('b')])).toEqual(['a', 'b']);
      const wire = relay.bytes().toString('latin1');
      expect(wire.match(/POST \/\S+/g)).toEqual([
        `POST ${base}/nen/handshake`,
        ...Array(3).fill(`POST ${base}/trpc/sealed`),
      ]);
      for (const word of ['planted', 'echo', 'batch']) expect(wire).not.toContain(word);
    });

    it.runIf(kind.octets)('takes octets', async () => {
      const trpc = (await start(kind)).client({ encoding: 'octets' });
      expect(await trpc.echo.query('planted')).toBe('planted');
      expect(await trpc.size.mutate('x'.repeat(100_000))).toBe(100_000);
    });

    streaming('streams a batch', async () => {
      const { client, stage } = await start(kind);
      const trpc = client({ stream: true });
      const waiting = trpc.wait.query();
      expect(await trpc.echo.query('first')).toBe('first');
      await stage.until('at wait');
      stage.open('wait');
      expect(await waiting).toBe('waited');
    });

    streaming('gives the first event of a subscription while the second is held back', async () => {
      const { client, stage, relay } = await start(kind);
      const events: string[] = [];
      await new Promise<void>((resolve, reject) => {
        client().feed.subscribe(2, {
          onData: (event) => {
            events.push(event);
            if (events.length === 1) void stage.until('at feed 1').then(() => stage.open('feed 1'));
          },
          onError: reject,
          onComplete: resolve,
        });
        stage.open('feed 0');
      });
      expect(events).toEqual(['planted event 0', 'planted event 1']);
      expect(relay.bytes().toString('latin1')).not.toContain('planted');
    });

    streaming('ends the procedure of a subscription that is left', async () => {
      const { client, stage } = await start(kind);
      stage.open('feed 0');
      const subscription = client().feed.subscribe(9, { onData: () => subscription.unsubscribe() });
      await stage.until('feed over');
      expect(stage.count('feed over')).toBe(1);
    });

    it.runIf(kind.aborts ?? kind.streams)('tells the procedure that its caller has left', async () => {
      const { client, stage } = await start(kind);
      const abort = new AbortController();
      const call = client().wait.query(undefined, { signal: abort.signal });
      const failed = failure(call);
      await stage.until('at wait');
      abort.abort();
      await failed;
      await stage.until('wait aborted');
    });

    it("gives the router's errors their shape", async () => {
      const { client, relay } = await start(kind);
      const trpc = client();
      expect(await failure(trpc.fail.query())).toMatchObject({
        message: 'planted conflict',
        data: { code: 'CONFLICT', httpStatus: 409, path: 'fail' },
      });
      expect((await failure(trpc.echo.query(1 as never))).data?.code).toBe('BAD_REQUEST');
      expect(relay.bytes().toString('latin1')).not.toContain('planted');
    });

    it('shows createContext the request that was sealed, and its session', async () => {
      const { client, relay } = await start(kind);
      const trpc = client({ headers: { authorization: 'Bearer planted' } });
      const seen = await trpc.seen.query('authorization');
      expect(seen).toMatchObject({ method: 'GET', header: 'Bearer planted' });
      expect(seen.url).toMatch(kind.seenUrl ?? /^\/api\/(?:parsed\/)?trpc\/seen\?batch=1&input=/);
      expect(seen.sid).toMatch(/^[\w-]{22}$/);
      expect((await trpc.seen.query('x-nen-signature')).header ?? null).toBeNull();
      expect(relay.bytes().toString('latin1')).not.toContain('Bearer');
    });

    it('sends cookies of createContext outside, its other headers inside', async () => {
      const { client, relay } = await start(kind);
      let headers = new Headers();
      const trpc = client({
        fetch: async (url, init) => {
          const response = await fetch(url, init);
          headers = response.headers;
          return response;
        },
      });
      if (!(await trpc.cookies.mutate())) return;
      expect(headers.getSetCookie()).toEqual(['theme=dark; Path=/']);
      expect(headers.has('x-planted')).toBe(false);
      expect(relay.bytes().toString('latin1').toLowerCase()).not.toContain('planted');
    });

    it('refuses what would write past the seal', async () => {
      const { client, relay } = await start(kind);
      const result = await client()
        .send.query()
        .catch((error: unknown) => error);
      if (result !== undefined) expect((result as Error).message).toContain('the answer is sealed');
      expect(relay.bytes().toString('latin1')).not.toContain('past the seal');
    });

    it('takes a body of three megabytes', async () => {
      const trpc = (await start(kind)).client();
      expect(await trpc.size.mutate('x'.repeat(3_000_000))).toBe(3_000_000);
    });

    it('answers a body over the limit with 413, and goes on', async () => {
      const { client, refusals } = await start(kind, { maxBodyBytes: 100_000 });
      const trpc = client();
      const error = await failure(trpc.size.mutate('x'.repeat(1_000_000)));
      expect(NenError.from(error)).toMatchObject({ code: 'ISO-4003' });
      expect(refusals[0]).toContain('ISO-4003');
      expect(await trpc.echo.query('after')).toBe('after');
    });

    it.runIf(kind.maxBodySize)('knows maxBodySize: sealed bytes, a coded 413', async () => {
      const { client } = await start(kind, {}, { maxBodySize: 10_000 });
      const trpc = client();
      const error = await failure(trpc.size.mutate('x'.repeat(20_000)));
      expect(NenError.from(error)).toMatchObject({ code: 'ISO-4003' });
      expect(error.data?.code).toBe('PAYLOAD_TOO_LARGE');
      expect(await trpc.size.mutate('x'.repeat(5000))).toBe(5000);
    });

    it.runIf(kind.maxBodySize)('knows maxBodySize for plain calls too', async () => {
      const { url } = await start(kind, { plain: 'allow' }, { maxBodySize: 10_000 });
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
      const plain = async (characters: number) =>
        (await fetch(`${url}/size?batch=1`, { ...init, body: JSON.stringify({ 0: 'x'.repeat(characters) }) }))
          .status;
      expect([await plain(5000), await plain(20_000)]).toEqual([200, 413]);
    });

    it('has the session routes: status, rotate, terminate', async () => {
      const { relay, nenUrl } = await start(kind);
      const client = new NenClient(relay.url, { nenUrl });
      await client.handshake();
      const before = await client.status();
      expect(before.suite).toBe('ML-KEM-768');
      await client.rotate();
      expect((await client.status()).sid).not.toBe(before.sid);
      await client.terminate();
      expect(await (await fetch(`${nenUrl}/handshake`)).text()).not.toContain('ct');
      expect((await fetch(`${nenUrl}/handshake`)).status).toBe(405);
    });

    it('refuses plain calls, with and without a body, and HEAD', async () => {
      const { url } = await start(kind);
      const body = JSON.stringify([1, 2]);
      const headers = { 'content-type': 'application/json' };
      for (const init of [{}, { method: 'POST', headers, body }]) {
        const response = await fetch(`${url}/add`, init);
        expect(response.status).toBe(403);
        expect(await response.json()).toMatchObject({ error: { code: 'ISO-3007' } });
      }
      expect((await fetch(`${url}/echo`, { method: 'HEAD' })).status).toBe(403);
    });

    it('answers a preflight, and lets the page of an allowed origin read', async () => {
      const origin = 'https://page.example';
      const { url } = await start(kind, { cors: { origins: [origin] } });
      const preflight = await fetch(`${url}/sealed`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
      expect(preflight.headers.get('access-control-allow-headers')).toContain('X-Nen-Signature');
      const refused = await fetch(`${url}/echo`, { headers: { origin } });
      expect(refused.headers.get('access-control-allow-origin')).toBe(origin);
    });

    it("is tRPC's own server to the plain calls that policy lets in", async () => {
      const { client, url } = await start(kind, { plain: 'allow' });
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[1,2]' };
      expect(await (await fetch(`${url}/add`, init)).json()).toEqual({ result: { data: 3 } });
      const seen = await fetch(`${url}/seen?input=${encodeURIComponent('"x-plain"')}`, {
        headers: { 'x-plain': 'yes' },
      });
      expect(await seen.json()).toMatchObject({ result: { data: { method: 'GET', header: 'yes' } } });
      const cookies = await fetch(`${url}/cookies`, { ...init, body: '' });
      if (((await cookies.json()) as { result: { data: boolean } }).result.data) {
        expect(cookies.headers.get('x-planted')).toBe('planted header');
      }
      expect((await client().seen.query('x')).sid).toMatch(/^[\w-]{22}$/);
    });
  });
}
