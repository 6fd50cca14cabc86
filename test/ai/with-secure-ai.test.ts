/**
 * withSecureAI against clients that mean it ill: what is not on the lists does not reach the provider, what reaches
 * it is what was checked, and the server's key stays where it is.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createNen, NenHttpError } from '../../src/adapter/server.ts';
import { type AIUsage, type SecureAIOptions, withSecureAI } from '../../src/ai/server/index.ts';
import { NenClient } from '../../src/link/client/index.ts';
import { serve } from '../support/serve.ts';
import { until } from '../support/until.ts';
import { PROVIDER_KEY } from './support/provider.ts';
import { openStage, type Stage } from './support/stage.ts';

let stage: Stage;
let client: NenClient;

async function open(options?: Partial<SecureAIOptions>): Promise<void> {
  stage = await openStage(options);
  client = new NenClient(stage.url);
}

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

afterEach(async () => {
  await stage?.close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** A call inside the tunnel, as an SDK makes it. */
function call(path: string, init: RequestInit = {}): Promise<Response> {
  return client.tunnel('/api/ai')(`${stage.url}/api/ai${path}`, { method: 'POST', ...init });
}

function chat(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return call('/chat/completions', {
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const saying = (content: string) => ({ messages: [{ role: 'user', content }] });
const sent = (): Record<string, unknown>[] => stage.provider.seen.map(({ body }) => JSON.parse(body));
const codeOf = async (response: Response): Promise<[number, unknown]> => {
  const { error } = (await response.json()) as { error: { code: unknown } };
  return [response.status, error.code];
};

describe('the list of models', () => {
  beforeEach(() => open());

  it.each([{}, { model: null }])('puts the first one in where a call names none (%o)', async (model) => {
    expect((await chat({ ...saying('say it'), ...model })).status).toBe(200);
    expect(sent()).toEqual([{ ...saying('say it'), model: 'gpt-test' }]);
  });

  it.each([
    ['another model', { model: 'gpt-expensive' }],
    ['a model that is no text', { model: ['gpt-test'] }],
    ['nothing', { model: '' }],
    ['the name of a method', { model: 'constructor' }],
  ])('refuses %s', async (_, model) => {
    expect(await codeOf(await chat({ ...saying('say it'), ...model }))).toEqual([403, 'model_not_allowed']);
    expect(stage.provider.seen).toEqual([]);
    expect((await chat(saying('say it'))).status).toBe(200);
  });

  it('refuses a second model under the same name, whichever is first, or lets only the checked one through', async () => {
    const rest = '"messages":[{"role":"user","content":"say it"}]';
    expect((await chat(`{"model":"gpt-test",${rest},"model":"gpt-expensive"}`)).status).toBe(403);
    expect((await chat(`{"model":"gpt-test",${rest},"mod\\u0065l":"gpt-expensive"}`)).status).toBe(403);
    expect(stage.provider.seen).toEqual([]);
    expect((await chat(`{"model":"gpt-expensive",${rest},"model":"gpt-other"}`)).status).toBe(200);
    expect(stage.provider.seen[0]?.body).toBe(`{${rest},"model":"gpt-other"}`);
  });

  it.each([
    ['the name in another case, which a server in Go takes for the same', { Model: 'gpt-expensive' }],
    ["OpenRouter's list", { models: ['gpt-test', 'gpt-expensive'] }],
    ["LiteLLM's fallbacks", { fallbacks: ['gpt-expensive'] }],
    ['its fallbacks for each model', { fallbacks: [{ 'gpt-test': ['gpt-expensive'] }] }],
  ])('refuses another model by %s', async (_, more) => {
    expect((await chat({ ...saying('say it'), model: 'gpt-test', ...more })).status).toBe(403);
    expect(stage.provider.seen).toEqual([]);
    const allowed = { model: 'gpt-test', models: ['gpt-other'], fallbacks: null };
    expect((await chat({ ...saying('say it'), ...allowed })).status).toBe(200);
    expect(sent()).toEqual([{ ...saying('say it'), ...allowed }]);
  });

  it('is not got round by a prototype', async () => {
    const messages = '"messages":[{"role":"user","content":"say it"}]';
    expect((await chat(`{"__proto__":{"model":"gpt-expensive"},${messages}}`)).status).toBe(200);
    expect(JSON.parse(stage.provider.seen[0]?.body ?? '')).toHaveProperty('model', 'gpt-test');
    expect({}).not.toHaveProperty('model');
  });
});

describe('what is no JSON object', () => {
  beforeEach(() => open());

  it.each([
    ['text', 'not JSON', 400],
    ['a list', '[]', 400],
    ['a number', '1', 400],
    ['two values', '{}{}', 400],
    ['what is nested without end', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400],
  ])('%s is refused', async (_, body, status) => {
    // With a second header it is a message of its own, and not the kind that the seal reads itself.
    expect((await chat(body, { accept: '*/*' })).status).toBe(status);
    expect(stage.provider.seen).toEqual([]);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
  ])('a body of type %s is refused where a model must be named', async (type) => {
    const body = '{"model":"gpt-expensive","messages":[]}';
    const response = await call('/chat/completions', { headers: { 'content-type': type }, body });
    expect(await codeOf(response)).toEqual([415, 'unsupported_media_type']);
    expect(stage.provider.seen).toEqual([]);
  });

  it('no body at all is refused there too', async () => {
    expect((await call('/chat/completions')).status).toBe(415);
    expect(stage.provider.seen).toEqual([]);
  });

  it('a body over the limit of the server never gets here', async () => {
    const huge = { ...saying('x'.repeat(9 * 1024 * 1024)) };
    await expect(chat(huge)).rejects.toMatchObject({ code: 'ISO-4003' });
    expect(stage.provider.seen).toEqual([]);
  });

  it('one of some megabytes does, whole', async () => {
    const long = saying('x'.repeat(3 * 1024 * 1024));
    expect((await chat({ ...long, stream: false })).status).toBe(200);
    expect(sent()).toEqual([{ ...long, stream: false, model: 'gpt-test' }]);
  });
});

describe('the list of paths', () => {
  it.each([
    '/files',
    '/chat/completions/',
    '/chat/completions/1',
    '/chat',
    '/CHAT/completions',
    '/chat%2Fcompletions',
    '/chat/completion%73',
    '/chat/completions;x',
    '/chat/completions%00',
    '/',
    '/constructor',
  ])('refuses %s, inside the tunnel and outside of it', async (path) => {
    await open();
    const init = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(saying('say it')) };
    expect((await call(path, init)).status).toBe(404);
    expect((await client.fetch(`${stage.url}/api/ai${path}`, { method: 'POST', ...init })).status).toBe(404);
    expect(stage.provider.seen).toEqual([]);
    expect((await chat(saying('say it'))).status).toBe(200);
  });

  it.each(['GET', 'DELETE', 'PUT', 'PATCH', 'HEAD'])('refuses %s', async (method) => {
    await open();
    expect((await call('/chat/completions', { method })).status).toBe(404);
    expect(stage.provider.seen).toEqual([]);
  });

  it('a star is one segment, and leads nowhere else', async () => {
    await open({ paths: ['GET /files/*', 'GET /v1/*/x'] });
    const get = (path: string) => call(path, { method: 'GET' });
    expect((await get('/files/file-1')).status).toBe(404);
    expect(stage.provider.seen.map(({ url }) => url)).toEqual(['/v1/files/file-1']);
    const elsewhere = [
      '/files/',
      '/files/.',
      '/files/..',
      '/files/..%2fmodels',
      '/files/%2e%2e',
      '/files/a/b',
    ];
    for (const path of elsewhere) {
      const response = await get(path).catch(() => undefined);
      expect([path, response?.status ?? 404]).toEqual([path, 404]);
    }
    expect(stage.provider.seen).toHaveLength(1);
  });

  it('lets the query through, and none of it replaces what the upstream has', async () => {
    await open();
    await stage.close();
    await openUpstreamWith('?api-version=1');
    const path = '/chat/completions?api-version=2&after=x';
    const init = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(saying('say it')) };
    expect((await call(path, init)).status).toBe(200);
    expect(stage.provider.seen[0]?.url).toBe('/v1/chat/completions?api-version=1&after=x');
  });

  async function openUpstreamWith(query: string): Promise<void> {
    const first = await openStage();
    await open({ upstream: `${first.provider.url}/v1${query}` });
    stage = { ...stage, provider: first.provider, close: () => first.close() };
  }
});

describe('headers', () => {
  it("takes none of the client's credentials, cookies or orders to the provider", async () => {
    await open();
    const planted = {
      authorization: 'Bearer planted',
      'x-api-key': 'planted',
      'api-key': 'planted',
      cookie: 'login=planted',
      'openai-organization': 'planted',
      'openai-project': 'planted',
      'x-portkey-custom-host': 'planted.example',
      'x-litellm-api-key': 'planted',
      'proxy-authorization': 'planted',
      'x-forwarded-for': 'planted',
      host: 'planted.example',
      connection: 'x-planted',
      'x-planted': 'planted',
      'idempotency-key': 'let through',
    };
    expect((await chat(saying('say it'), planted)).status).toBe(200);
    const headers = stage.provider.seen[0]?.headers;
    expect(JSON.stringify(headers)).not.toContain('planted"');
    expect(headers).toMatchObject({
      authorization: `Bearer ${PROVIDER_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': 'let through',
    });
  });

  it('sends its own over all others', async () => {
    await open({ headers: { 'x-portkey-config': 'mine', 'openai-beta': 'mine' }, apiKey: PROVIDER_KEY });
    await chat(saying('say it'), { 'openai-beta': 'theirs' });
    expect(stage.provider.seen[0]?.headers).toMatchObject({
      'x-portkey-config': 'mine',
      'openai-beta': 'mine',
    });
  });

  it('gives the client few of the answer', async () => {
    await open();
    const response = await chat(saying('say it'));
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/json',
      'x-request-id': 'req_1',
    });
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(stage.wire()).not.toMatch(/__cf_bm|org-planted|ratelimit/);
  });
});

describe("the server's key", () => {
  it.each([401, 400, 429, 500])('is not in an error %i that quotes it', async (status) => {
    await open();
    const response = await chat(saying(`fail ${status}`));
    const text = await response.text();
    expect(response.status).toBe(status);
    expect(text).not.toContain(PROVIDER_KEY);
    expect(text).toContain(status === 401 ? 'upstream_refused' : '[hidden]');
  });

  it('hides no more than secrets: an error stays what it is beside headers of a few letters, or none', async () => {
    await open({ headers: { 'x-region': 'e', 'x-empty': '' } });
    const { error } = (await (await chat(saying('fail 400'))).json()) as { error: { message: string } };
    expect(error.message).toBe('It failed, says [hidden].');
  });

  it('that the provider refuses is told to the operator, and to the client that it was refused', async () => {
    await open({ apiKey: 'sk-wrong-planted' });
    const response = await chat(saying('say it'));
    expect(await codeOf(response)).toEqual([401, 'upstream_refused']);
    expect(stage.told).toEqual([expect.objectContaining({ message: expect.stringContaining('status 401') })]);
  });

  it('is not sent where a redirect leads', async () => {
    const elsewhere: string[] = [];
    const other = await serve((req) => {
      elsewhere.push(req.url);
      return new Response('{}');
    });
    const redirecting = await serve(() => Response.redirect(`${other.url}/planted`, 307));
    await open({ upstream: redirecting.url });
    const response = await chat(saying('say it'));
    expect(await codeOf(response)).toEqual([502, 'upstream_redirect']);
    expect(response.headers.get('location')).toBeNull();
    expect(elsewhere).toEqual([]);
    await Promise.all([other.close(), redirecting.close()]);
  });

  it.each(['OPENAI_API_KEY', 'ANTHROPIC_API_KEY'])(
    'of the environment (%s) goes to no other upstream',
    async (name) => {
      vi.stubEnv(name, 'sk-planted-environment');
      await open({ apiKey: undefined });
      const response = await chat(saying('say it'));
      expect(await codeOf(response)).toEqual([503, 'not_configured']);
      expect(response.headers.get('x-should-retry')).toBe('false');
      expect(stage.provider.seen).toEqual([]);
      expect(String(stage.told)).toContain('apiKey');
    },
  );

  it('of the environment goes to the provider that it is for', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-planted-environment');
    const asked: [string, string | null][] = [];
    const nen = createNen({ onEvent: () => undefined });
    const route = withSecureAI({
      models: ['gpt-test'],
      nen,
      fetch: async (url, init) => {
        asked.push([url, new Headers(init.headers).get('authorization')]);
        return Response.json({});
      },
    });
    const fetchInto = (url: string, init: object): Promise<Response> =>
      url.includes('/nen/') ? nen.routes.POST(new Request(url, init)) : route(new Request(url, init));
    const own = new NenClient('http://app.test', { fetch: fetchInto });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"messages":[]}' };
    expect((await own.tunnel('/api/ai')('http://app.test/api/ai/chat/completions', init)).status).toBe(200);
    expect(asked).toEqual([['https://api.openai.com/v1/chat/completions', 'Bearer sk-planted-environment']]);
    await open();
  });

  it('may be none', async () => {
    const asked: (string | null)[] = [];
    const free = await serve((req) => {
      asked.push(req.headers.get('authorization'));
      return Response.json({ free: true });
    });
    await open({ upstream: `${free.url}/v1`, apiKey: null });
    expect(await (await chat(saying('say it'))).json()).toEqual({ free: true });
    expect(asked).toEqual([null]);
    await free.close();
  });
});

describe('hooks', () => {
  it('authorize: false is a sealed 403, and the provider hears nothing', async () => {
    const asked: unknown[] = [];
    await open({
      authorize: (req, session) => {
        asked.push(req.headers.get('authorization'), session.sid.length);
        return req.headers.get('authorization') === 'Bearer planted-login';
      },
    });
    expect(await codeOf(await chat(saying('say it')))).toEqual([403, 'not_authorized']);
    expect(stage.provider.seen).toEqual([]);
    expect((await chat(saying('say it'), { authorization: 'Bearer planted-login' })).status).toBe(200);
    expect(asked).toEqual([null, 22, 'Bearer planted-login', 22]);
    expect(stage.wire()).not.toContain('planted-login');
  });

  it('authorize: an error with a status is answered with it, any other with a 500 that says nothing', async () => {
    await open({
      authorize: (req) => {
        throw req.headers.has('x-first') ? new NenHttpError(402, { pay: 'first' }) : new Error('planted');
      },
    });
    const paid = await chat(saying('say it'), { 'x-first': '1' });
    expect([paid.status, await paid.json()]).toEqual([402, { pay: 'first' }]);
    const broken = await chat(saying('say it'));
    expect([broken.status, await broken.text()]).toEqual([500, expect.not.stringContaining('planted')]);
  });

  it.each([undefined, 'yes', 1, null])('authorize: %s is no yes', async (answer) => {
    await open({ authorize: () => answer as never });
    expect((await chat(saying('say it'))).status).toBe(403);
    expect(stage.provider.seen).toEqual([]);
  });

  it('prepare adds what the client need not know', async () => {
    await open({
      prepare: (body, session) => ({
        ...body,
        messages: [{ role: 'system', content: 'planted context' }, ...(body.messages as unknown[])],
        user: session.sid,
      }),
    });
    expect((await chat(saying('say it'))).status).toBe(200);
    expect(sent()[0]?.messages).toEqual([
      { role: 'system', content: 'planted context' },
      ...saying('say it').messages,
    ]);
    expect(stage.wire()).not.toContain('planted context');
  });
});

describe('usage', () => {
  const told: AIUsage[] = [];
  beforeEach(async () => {
    told.length = 0;
    await open({ onUsage: (usage) => void told.push(usage) });
  });

  it.each([
    ['one piece', false],
    ['a stream, though the client did not ask for it', true],
  ])('of a chat completion in %s', async (_, stream) => {
    const response = await chat({ ...saying('say one two three'), stream });
    await response.text();
    expect(told).toEqual([
      {
        path: '/chat/completions',
        model: 'gpt-test',
        inputTokens: 11,
        outputTokens: 3,
        details: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
        outcome: 'complete',
        session: expect.objectContaining({ sid: expect.any(String) }),
      },
    ]);
  });

  it('changes no byte of the answer', async () => {
    const body = { ...saying('say one two three'), model: 'gpt-test', stream: true };
    const stream_options = { include_usage: true };
    const direct = await fetch(`${stage.provider.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${PROVIDER_KEY}` },
      body: JSON.stringify({ ...body, stream_options }),
    });
    expect(await (await chat(body)).text()).toBe(await direct.text());
  });

  it.each([
    ['/responses', '/api/ai', { input: 'say one two three' }],
    ['/v1/messages', '/api/anthropic', { ...saying('say one two three'), max_tokens: 9 }],
  ] as const)('of %s', async (path, endpoint, body) => {
    for (const stream of [false, true]) {
      const response = await client.tunnel(endpoint)(`${stage.url}${endpoint}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, stream }),
      });
      await response.text();
    }
    expect(told).toHaveLength(2);
    for (const usage of told) {
      expect(usage).toMatchObject({ path, inputTokens: 11, outputTokens: 3, outcome: 'complete' });
    }
  });

  it.each(['cut', 'end early', 'fail inside'])('of an answer that failed (%s) says so', async (prompt) => {
    const response = await chat({ ...saying(prompt), stream: true });
    await response.text().catch(() => undefined);
    await until('the usage is told', () => told.length > 0);
    expect(told).toMatchObject([{ outcome: 'failed', model: 'gpt-test' }]);
  });

  it('of an answer that the client left says so', async () => {
    const response = await chat({ ...saying('for ever'), stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await stage.provider.abandoned();
    await until('the usage is told', () => told.length > 0);
    expect(told).toMatchObject([{ outcome: 'aborted' }]);
  });

  it('a meter that throws is told of, and changes nothing', async () => {
    await stage.close();
    await open({
      onUsage: () => {
        throw new Error('the meter broke');
      },
    });
    expect((await chat(saying('say it'))).status).toBe(200);
    expect(String(stage.told)).toContain('the meter broke');
  });
});

describe('an onError that fails itself', () => {
  const onError = (): void => {
    throw new Error('the log broke');
  };

  it('changes no answer, and ends no process', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await open({ onError, upstream: 'http://127.0.0.1:9/v1' });
    expect(await codeOf(await chat(saying('say it')))).toEqual([502, 'upstream_unreachable']);
    await stage.close();
    await open({
      onError,
      onUsage: () => {
        throw new Error('the meter broke');
      },
    });
    expect((await chat(saying('say it'))).status).toBe(200);
    expect(log).toHaveBeenCalledTimes(2);
  });
});

describe('forms', () => {
  const upload = (form: FormData) => call('/files', { body: form });

  it('go through, with the model that they name checked', async () => {
    await open({ paths: ['POST /files'] });
    const form = new FormData();
    form.set('file', new File(['planted'], 'a.txt'));
    form.set('model', 'gpt-other');
    expect(await (await upload(form)).json()).toMatchObject({ bytes: 7, filename: 'a.txt' });
    form.append('model', 'gpt-expensive');
    expect(await codeOf(await upload(form))).toEqual([403, 'model_not_allowed']);
    form.set('model', new File(['gpt-other'], 'model'));
    expect(await codeOf(await upload(form))).toEqual([403, 'model_not_allowed']);
    expect(stage.provider.seen).toHaveLength(1);
  });

  it('that are none are refused', async () => {
    await open({ paths: ['POST /files'] });
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const response = await call('/files', { headers, body: 'no form' });
    expect(await codeOf(response)).toEqual([400, 'invalid_form']);
    expect(stage.provider.seen).toEqual([]);
  });
});

describe('padding', () => {
  it('and coalescing, asked for here, make the records of a token stream alike', async () => {
    const sizesOf = async (options: Partial<SecureAIOptions>): Promise<Set<number>> => {
      await open(options);
      await (await chat({ ...saying('say a few words of many different lengths'), stream: true })).text();
      const records = stage.wire().match(/(?<!event: final\n)^data: [\w+/=]+$/gm) ?? [];
      await stage.close();
      return new Set(records.map(({ length }) => length));
    };
    expect((await sizesOf({})).size).toBeGreaterThan(1);
    expect((await sizesOf({ padding: { blockBytes: 8192 }, coalesceMs: 20 })).size).toBe(1);
    await open();
  });
});

describe('plain requests', () => {
  it('are refused, even where the server lets them in elsewhere', async () => {
    const asked: string[] = [];
    const nen = createNen({ plain: 'allow', onEvent: () => undefined });
    const route = withSecureAI({
      models: ['gpt-test'],
      apiKey: PROVIDER_KEY,
      nen,
      fetch: async (url) => {
        asked.push(url);
        return Response.json({});
      },
    });
    const plain = (method: string) =>
      route(new Request('http://app.test/api/ai/chat/completions', { method, body: '{"messages":[]}' }));
    const response = await plain('POST');
    expect(await codeOf(response)).toEqual([403, 'ISO-3007']);
    expect(asked).toEqual([]);
    expect((await plain('OPTIONS')).status).toBe(204);
    await open();
  });
});

describe('an upstream that is not there', () => {
  it('is a 502 for the client, and the reason is for the operator', async () => {
    await open({ upstream: 'http://127.0.0.1:1/planted-address' });
    const response = await chat(saying('say it'));
    expect(await response.clone().text()).not.toContain('planted-address');
    expect(await codeOf(response)).toEqual([502, 'upstream_unreachable']);
    expect(stage.told).toHaveLength(1);
  });
});

describe('options', () => {
  const models = ['gpt-test'];
  it.each([
    ['no models', {}],
    ['an empty list of models', { models: [] }],
    ['a model without a name', { models: [''] }],
    ['another provider', { models, provider: 'constructor' }],
    ['an empty list of paths', { models, paths: [] }],
    ['a path without a method', { models, paths: ['/chat/completions'] }],
    ['a path with dots', { models, paths: ['GET /files/../models'] }],
    ['a path with an escape', { models, paths: ['GET /files/%2e'] }],
    ['an endpoint with a slash at its end', { models, endpoint: '/api/ai/' }],
    ['an upstream that is no URL', { models, upstream: 'gateway.example' }],
    ['an upstream of another scheme', { models, upstream: 'file:///etc/passwd' }],
    ['an upstream with a password', { models, upstream: 'https://user:word@gateway.example' }],
    ['an empty key', { models, apiKey: '' }],
    ['a header that breaks its line', { models, headers: { 'x-one': 'a\r\nx-two: b' } }],
    ['an authorize that is no function', { models, authorize: true }],
    ['a padding that is none', { models, padding: 'much' }],
    ['a time to hold that is none', { models, coalesceMs: -1 }],
  ])('%s is a TypeError', (_, options) => {
    expect(() => withSecureAI(options as unknown as SecureAIOptions)).toThrow(TypeError);
  });

  it('a missing key is none, until somebody calls', () => {
    vi.stubEnv('OPENAI_API_KEY', '');
    expect(withSecureAI({ models })).toBeTypeOf('function');
  });
});
