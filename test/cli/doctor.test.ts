/**
 * The doctor, as a child process, before real servers: in order, out of order, and behind proxies of which
 * each has one fault.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createNen, InMemorySessionStore, type NenOptions } from '../../src/adapter/server.ts';
import { serve } from '../support/serve.ts';
import { bundleCommand, type CommandLine } from './command.ts';
import { type Fault, startFaultyProxy } from './faulty-proxy.ts';

let command: CommandLine;

beforeAll(async () => {
  command = await bundleCommand();
});

afterAll(() => command?.remove());

const seed = randomBytes(32).toString('base64');
const anotherPin = randomBytes(32).toString('base64url');

async function startServer(options: NenOptions = {}): Promise<string> {
  const nen = createNen({
    store: new InMemorySessionStore(),
    identity: seed,
    onEvent: () => undefined,
    ...options,
  });
  const server = await serve((req) => {
    if (!new URL(req.url).pathname.startsWith('/api/nen/')) return new Response('Not Found', { status: 404 });
    return req.method === 'GET' ? nen.routes.GET(req) : nen.routes.POST(req);
  });
  onTestFinished(() => server.close());
  return server.url;
}

async function behind(fault: Fault, ...targets: readonly string[]): Promise<string> {
  const proxy = await startFaultyProxy(targets, fault);
  onTestFinished(() => proxy.close());
  return proxy.url;
}

async function pin(): Promise<string> {
  return (await command.run(['fingerprint'], { env: { NEN_IDENTITY: seed } })).out.trim();
}

/** What was found: the subjects, and all that was said. */
async function examine(...args: readonly string[]) {
  const { code, out, err } = await command.run(['doctor', ...args]);
  expect(err).toBe('');
  const found = [...out.matchAll(/^ {2}FOUND {2}(\S+(?: \S+)*)/gm)].map(([, subject]) => subject);
  return { code, out, found };
}

describe('before a server in order', () => {
  it('finds nothing, and shows suite, pin, clock, session, path, headers, compression and streams', async () => {
    const { code, out } = await examine(await startServer(), '--pin', await pin());
    expect(out).not.toMatch(/^ {2}(FOUND|note)/m);
    expect(code).toBe(0);
    const subjects = [...out.matchAll(/^ {2}ok {5}(.{14})/gm)].map(([, subject = '']) => subject.trim());
    expect(subjects).toEqual([
      ...['handshake', 'pin', 'clock', 'session', 'path', 'X-Nen headers', 'compression', 'streams'],
    ]);
    expect(out).toMatch(/ML-KEM-768, in \d+ ms/);
    expect(out).toContain(await pin());
    expect(out).toContain('lasts 60 min');
    expect(out).toMatch(/5 records, sent over (\d+\.\d s|9\d\d ms), arrived over/);
  });

  it('takes another suite, one of several pins, and routes elsewhere', async () => {
    const url = await startServer();
    const routes = ['--nen-url', `${url}/api/nen/`, '--suite', 'X-Wing'];
    const { code, out } = await examine(
      'http://app.example/base',
      ...routes,
      '--pin',
      `${anotherPin},${await pin()}`,
    );
    expect(code).toBe(0);
    expect(out).toContain('X-Wing, in');
    expect(out).toContain('as a client of http://app.example');
  });

  it('asks no more of a server that knows no probes, and says so', async () => {
    const nen = createNen({ store: new InMemorySessionStore(), identity: seed, onEvent: () => undefined });
    const status = nen.wrap(async () => Response.json({ sid: 'as it was' }));
    const server = await serve((req) => (req.method === 'GET' ? status(req) : nen.routes.POST(req)));
    onTestFinished(() => server.close());
    const { code, out } = await examine(server.url, '--pin', await pin());
    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}note {3}probes/m);
  });

  it('shows a pin that nobody named, and says that it was not compared', async () => {
    const { code, out } = await examine(await startServer());
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^  note {3}pin +${await pin()}$`, 'm'));
  });
});

describe('who answers', () => {
  it('finds a key that is not pinned', async () => {
    const { code, out, found } = await examine(await startServer(), '--pin', anotherPin);
    expect({ code, found }).toEqual({ code: 1, found: ['pin'] });
    expect(out).toContain('answers in its place');
  });

  it.each(['-', '--'])('takes a pin that begins with %s', async (start) => {
    const dashed = start.padEnd(43, 'A');
    expect(await examine(await startServer(), '--pin', dashed)).toMatchObject({ code: 1, found: ['pin'] });
  });

  it('finds that there is no key where one is pinned, and only notes it otherwise', async () => {
    const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
    const server = await serve((req) => nen.routes.POST(req));
    onTestFinished(() => server.close());
    expect(await examine(server.url, '--pin', anotherPin)).toMatchObject({ code: 1, found: ['pin'] });
    expect(await examine(server.url)).toMatchObject({ code: 0, found: [] });
  });

  it.each([
    ['nobody', () => closedPort(), 'connection', 'ECONNREFUSED'],
    [
      'a server without the routes',
      async () => `${await startServer()}/else`,
      'handshake',
      'Mount nen.routes',
    ],
    ['a page', () => answering('<p>', 200, 'text/html'), 'handshake', 'place with --nen-url'],
    ['a login', () => answering('no', 401, 'text/html'), 'handshake', "answers in the server's place"],
    ['a server that fails', () => answering('', 502, 'text/html'), 'handshake', "the server's log"],
    ['a redirect', () => redirecting(), 'handshake', 'https://elsewhere.example/'],
    [
      'a server that means another origin',
      () => startServer({ origins: ['https://app.example'] }),
      'handshake',
      'ISO-1003',
    ],
  ])('%s', async (_, start, subject, said) => {
    const { code, out, found } = await examine(await start());
    expect({ code, found }).toEqual({ code: 1, found: [subject] });
    expect(out).toContain(said);
  });

  async function answering(body: string, status: number, type: string): Promise<string> {
    const server = await serve(() => new Response(body, { status, headers: { 'Content-Type': type } }));
    onTestFinished(() => server.close());
    return server.url;
  }

  /** An address where a server was a moment ago. */
  async function closedPort(): Promise<string> {
    const server = await serve(() => new Response());
    await server.close();
    return server.url;
  }

  async function redirecting(): Promise<string> {
    const server = await serve(() => Response.redirect('https://elsewhere.example/', 308));
    onTestFinished(() => server.close());
    return server.url;
  }
});

describe('what the way does', () => {
  it.each<[string, Fault, string, string, string?]>([
    ['rewrites the path', { rewrite: (target) => target.replace('/app', '') }, 'path', 'mountPath', '/app'],
    ['strips X- headers of requests', { stripsRequest: /^x-/ }, 'X-Nen headers', 'ISO-3001'],
    ['strips one header of requests', { stripsRequest: /^x-nen-nonce$/ }, 'X-Nen headers', 'ISO-3005'],
    ['strips the tag of requests', { stripsRequest: /^x-nen-tag$/ }, 'X-Nen headers', 'ISO-4002'],
    ['strips X- headers of answers', { stripsAnswer: /^x-/ }, 'answers', 'X-Nen-*'],
    ['gzips', { gzips: true }, 'compression', 'gzip'],
    ['buffers streams', { buffers: true }, 'streams', 'something holds them back'],
    ['alters queries', { rewrite: (target) => target.replace('?', '?utm=1&') }, 'query', 'ISO-4001'],
  ])('a proxy that %s', async (_, fault, subject, said, prefix = '') => {
    const url = await behind(fault, await startServer());
    const { code, out, found } = await examine(`${url}${prefix}`, '--pin', await pin());
    expect({ code, found }).toEqual({ code: 1, found: [subject] });
    expect(out).toContain(said);
    expect(out).toContain('1 finding\n');
  });

  it('a proxy that removes a prefix which the server knows of is in order', async () => {
    const target = await startServer({ mountPath: '/app' });
    const url = await behind({ rewrite: (path) => path.replace('/app', '') }, target);
    expect(await examine(`${url}/app`)).toMatchObject({ code: 0, found: [] });
  });

  it('two instances that share no store', async () => {
    const url = await behind({}, await startServer(), await startServer());
    const { code, out, found } = await examine(url);
    expect({ code, found }).toEqual({ code: 1, found: ['session'] });
    expect(out).toContain('ISO-2002');
  });

  it('a server whose clock is five minutes ahead', async () => {
    const { code, out, found } = await examine(await startServer({ clock: () => Date.now() + 300_000 }));
    expect({ code, found }).toEqual({ code: 1, found: ['clock'] });
    expect(out).toContain('5 min ahead of');
  });
});

it.each([
  ['no address', []],
  ['two addresses', ['http://a.example', 'http://b.example']],
  ['another scheme', ['ftp://a.example']],
  ['a user', ['http://me:secret@a.example']],
  ['a pin that is none', ['http://a.example', '--pin', 'abc']],
  ['a suite that is none', ['http://a.example', '--suite', 'RSA']],
  ['an unknown option', ['http://a.example', '--nope']],
])('refuses %s with exit code 2', async (_, args) => {
  const { code, err } = await command.run(['doctor', ...args]);
  expect(code).toBe(2);
  expect(err).toContain('trpc-nen doctor <url>');
  expect(err).not.toContain('secret');
});
