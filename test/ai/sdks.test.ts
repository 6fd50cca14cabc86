/**
 * The real SDKs over the sealed channel, against a provider that speaks their interfaces: what they can do, they do,
 * and nothing of it is on the wire.
 */
import AnthropicSDK from '@anthropic-ai/sdk';
import OpenAISDK from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  createSecureAnthropic,
  createSecureOpenAI,
  NenClient,
  NenError,
  nenErrorOf,
} from '../../src/ai/index.ts';
import { PROVIDER_KEY } from './support/provider.ts';
import { openStage, type Stage } from './support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  stage = await openStage({ paths: ALL_PATHS });
});

afterAll(async () => {
  await stage?.close();
  vi.restoreAllMocks();
});

const ALL_PATHS = [
  ...['POST /chat/completions', 'POST /responses', 'POST /files', 'GET /models'],
  ...['POST /v1/messages', 'GET /v1/models'],
];

const openai = (sdk: object = {}) => createSecureOpenAI({ baseUrl: stage.url, sdk });
const anthropic = (sdk: object = {}) =>
  createSecureAnthropic({ baseUrl: stage.url, endpoint: '/api/anthropic', sdk });

const saying = (content: string) => [{ role: 'user' as const, content }];
const caught = async (run: () => Promise<unknown>): Promise<unknown> => {
  try {
    return { notThrown: await run() };
  } catch (error) {
    return error;
  }
};
const lastBody = (): Record<string, unknown> => JSON.parse(stage.provider.seen.at(-1)?.body ?? '');

describe('createSecureOpenAI', () => {
  it('chat.completions.create, without a model: the server has a default', async () => {
    const answer = await openai().chat.completions.create({ messages: saying('say words that are planted') });
    expect(answer.choices[0]?.message.content).toBe('words that are planted');
    expect(answer.model).toBe('gpt-test');
  });

  it('another model of the list', async () => {
    const answer = await openai().chat.completions.create({ model: 'gpt-other', messages: saying('say it') });
    expect(answer.model).toBe('gpt-other');
  });

  it('chat.completions.create with stream: true, chunk by chunk', async () => {
    const pieces: string[] = [];
    const stream = await openai().chat.completions.create({
      messages: saying('say one two three'),
      stream: true,
    });
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? '');
    expect(pieces.filter(Boolean)).toEqual(['one ', 'two ', 'three']);
  });

  it('chat.completions.stream as the product documents it, not awaited', async () => {
    const ai = openai();
    let text = '';
    for await (const chunk of ai.chat.completions.stream({ messages: saying('say one two three') })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe('one two three');
  });

  it('its events, in chains', async () => {
    const deltas: string[] = [];
    const completion = await openai()
      .chat.completions.stream({ messages: saying('say one two three') })
      .on('content', (delta) => deltas.push(delta))
      .finalChatCompletion();
    expect(deltas).toEqual(['one ', 'two ', 'three']);
    expect(completion.choices[0]?.message.content).toBe('one two three');
  });

  it('tools that run here, with runTools', async () => {
    const asked: unknown[] = [];
    const runner = openai().chat.completions.runTools({
      model: 'gpt-test',
      stream: true,
      messages: saying('What about Basel?'),
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'The weather.',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: JSON.parse,
            function: (given: unknown) => {
              asked.push(given);
              return 'say rain, planted in a tool';
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('rain, planted in a tool');
    expect(asked).toEqual([{ city: 'Basel' }]);
  });

  it('structured answers, with parse', async () => {
    const response_format = zodResponseFormat(z.object({ city: z.string() }), 'place');
    const answer = await openai().chat.completions.parse({
      messages: saying('say {"city":"Basel"}'),
      response_format,
    });
    expect(answer.choices[0]?.message.parsed).toEqual({ city: 'Basel' });
  });

  it('responses.create and responses.stream', async () => {
    const ai = openai();
    expect((await ai.responses.create({ input: 'say the word' })).output_text).toBe('the word');
    const types: string[] = [];
    const stream = ai.responses.stream({ input: 'say one two' });
    for await (const event of stream) types.push(event.type);
    expect(types.filter((type) => type === 'response.output_text.delta')).toHaveLength(2);
    expect((await stream.finalResponse()).output_text).toBe('one two');
  });

  it('lists, page by page', async () => {
    const ids: string[] = [];
    for await (const { id } of openai().models.list()) ids.push(id);
    expect(ids).toEqual(['gpt-test']);
  });

  it('files', async () => {
    const file = await openai().files.create({
      file: new File(['planted in a file'], 'notes.txt'),
      purpose: 'assistants',
    });
    expect(file).toMatchObject({ filename: 'notes.txt', bytes: 17, purpose: 'assistants' });
  });

  it('the raw response', async () => {
    const messages = saying('say it');
    const { data, response } = await openai().chat.completions.create({ messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe('it');
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/json',
      'x-request-id': 'req_1',
    });
  });

  it('awaited, it is an instance of the SDK', async () => {
    const ai = await openai({ timeout: 12_345 });
    expect(ai).toBeInstanceOf(OpenAISDK);
    expect(ai.timeout).toBe(12_345);
    expect((await ai.chat.completions.create({ messages: saying('say it') })).model).toBe('gpt-test');
  });

  it.each([
    [400, OpenAISDK.BadRequestError],
    [401, OpenAISDK.AuthenticationError],
    [403, OpenAISDK.PermissionDeniedError],
    [404, OpenAISDK.NotFoundError],
    [429, OpenAISDK.RateLimitError],
    [500, OpenAISDK.InternalServerError],
  ])('an error %i of the provider is of its own class, and without the key', async (status, Class) => {
    const messages = saying(`fail ${status}`);
    const error = await caught(() => openai({ maxRetries: 0 }).chat.completions.create({ messages }));
    expect(error).toBeInstanceOf(Class);
    expect(error).toMatchObject({ status, requestID: status === 401 || status === 403 ? null : 'req_1' });
    expect(JSON.stringify(error) + String(error)).not.toContain(PROVIDER_KEY);
    expect(nenErrorOf(error)).toBeUndefined();
  });

  it.each([429, 500])('an error %i is tried again as often as the SDK is told', async (status) => {
    const before = stage.provider.seen.length;
    const messages = saying(`fail ${status}`);
    await caught(() => openai({ maxRetries: 2 }).chat.completions.create({ messages }));
    expect(stage.provider.seen.length - before).toBe(3);
  });

  it('an abort reaches the provider', async () => {
    const stop = new AbortController();
    const stream = await openai().chat.completions.create(
      { messages: saying('for ever'), stream: true },
      { signal: stop.signal },
    );
    let count = 0;
    for await (const _ of stream) if (++count === 5) stop.abort();
    expect(count).toBe(5);
    await stage.provider.abandoned();
  });

  it('an abort before the answer is an APIUserAbortError', async () => {
    const create = openai().chat.completions.create(
      { messages: saying('for ever'), stream: true },
      { signal: AbortSignal.abort() },
    );
    expect(await caught(async () => create)).toBeInstanceOf(OpenAISDK.APIUserAbortError);
  });

  it.each(['cut', 'end early'])(
    'an answer that the provider does not finish (%s) throws ISO-6004',
    async (how) => {
      const ai = openai();
      const read = async (): Promise<void> => {
        const stream = await ai.chat.completions.create({ messages: saying(how), stream: true });
        for await (const _ of stream);
      };
      expect(await caught(read)).toMatchObject({ code: 'ISO-6004' });
      const final = await caught(async () =>
        ai.chat.completions.stream({ messages: saying(how) }).finalContent(),
      );
      expect(nenErrorOf(final)?.code).toBe('ISO-6004');
      const response = await caught(async () => ai.responses.stream({ input: how }).finalResponse());
      expect(nenErrorOf(response)?.code).toBe('ISO-6004');
    },
  );

  it("an error inside the provider's stream is the SDK's APIError", async () => {
    const read = async (): Promise<void> => {
      const stream = await openai().chat.completions.create({
        messages: saying('fail inside'),
        stream: true,
      });
      for await (const _ of stream);
    };
    expect(await caught(read)).toBeInstanceOf(OpenAISDK.APIError);
  });
});

describe('createSecureAnthropic', () => {
  const body = (prompt: string) => ({ max_tokens: 100, messages: saying(prompt) });

  it('messages.create, without a model', async () => {
    const answer = await anthropic().messages.create(body('say words that are planted'));
    expect(answer).toMatchObject({ model: 'gpt-test', content: [{ text: 'words that are planted' }] });
    expect(lastBody()).toMatchObject({ model: 'gpt-test', max_tokens: 100 });
  });

  it('messages.stream: events, text and the final message', async () => {
    const texts: string[] = [];
    const stream = anthropic()
      .messages.stream(body('say one two three'))
      .on('text', (text) => texts.push(text));
    expect((await stream.finalMessage()).usage.output_tokens).toBe(3);
    expect(texts).toEqual(['one ', 'two ', 'three']);
  });

  it('messages.create with stream: true, and a tool', async () => {
    const types: string[] = [];
    const tools = [{ name: 'weather', input_schema: { type: 'object' as const } }];
    const request = { ...body('What about Basel?'), tools };
    for await (const event of await anthropic().messages.create({ ...request, stream: true }))
      types.push(event.type);
    expect(types).toContain('content_block_delta');
    const message = await anthropic().messages.stream(request).finalMessage();
    expect(message.content).toMatchObject([{ type: 'tool_use', input: { city: 'Basel' } }]);
  });

  it('lists', async () => {
    const ids: string[] = [];
    for await (const { id } of anthropic().models.list()) ids.push(id);
    expect(ids).toEqual(['gpt-test']);
  });

  it.each([
    [401, AnthropicSDK.AuthenticationError],
    [429, AnthropicSDK.RateLimitError],
    [500, AnthropicSDK.InternalServerError],
  ])('an error %i of the provider is of its own class', async (status, Class) => {
    const create = () => anthropic({ maxRetries: 0 }).messages.create(body(`fail ${status}`));
    const error = await caught(create);
    expect(error).toBeInstanceOf(Class);
    expect(JSON.stringify(error) + String(error)).not.toContain(PROVIDER_KEY);
  });

  it.each(['cut', 'end early'])(
    'an answer that the provider does not finish (%s) throws ISO-6004',
    async (how) => {
      const error = await caught(async () => anthropic().messages.stream(body(how)).finalMessage());
      expect(nenErrorOf(error)?.code).toBe('ISO-6004');
    },
  );

  it('awaited, it is an instance of the SDK', async () => {
    expect(await anthropic()).toBeInstanceOf(AnthropicSDK);
  });
});

describe('where the seal fails', () => {
  const messages = saying('say it');

  it('a server that is not the pinned one is not asked again, and the SDK says why', async () => {
    let handshakes = 0;
    const ai = createSecureOpenAI({
      baseUrl: stage.url,
      serverPins: ['A'.repeat(43)],
      fetch: (url, init) => {
        handshakes++;
        return fetch(url, init);
      },
    });
    const error = await caught(() => ai.chat.completions.create({ messages }));
    expect(error).toBeInstanceOf(OpenAISDK.APIError);
    expect(error).toMatchObject({ status: 424, code: 'ISO-1006' });
    expect(nenErrorOf(error)).toBeInstanceOf(NenError);
    expect(nenErrorOf(error)).toMatchObject({ code: 'ISO-1006', outcome: 'not-run' });
    expect(handshakes).toBe(1);
  });

  it.each(['openai', 'anthropic'])(
    '%s: a call that may have run is not sent again by the SDK',
    async (which) => {
      const before = stage.provider.seen.length;
      const options = {
        baseUrl: stage.url,
        sdk: { maxRetries: 5 },
        // The way loses each answer, once the call has run.
        fetch: async (url: string, init: object) => {
          const response = await fetch(url, init as RequestInit);
          if (!url.includes('/nen/')) throw new TypeError('connection lost');
          return response;
        },
      };
      const call =
        which === 'openai'
          ? () => createSecureOpenAI(options).chat.completions.create({ messages })
          : () =>
              createSecureAnthropic({ ...options, endpoint: '/api/anthropic' }).messages.create({
                max_tokens: 10,
                messages,
              });
      expect(nenErrorOf(await caught(call))).toMatchObject({ code: 'ISO-4005', outcome: 'unknown' });
      expect(stage.provider.seen.length - before).toBe(1);
    },
  );

  it('a handshake that got no answer is tried again: nothing was sent', async () => {
    let attempts = 0;
    const ai = createSecureOpenAI({
      baseUrl: stage.url,
      fetch: (url, init) => {
        if (++attempts === 1) throw new TypeError('connection refused');
        return fetch(url, init);
      },
    });
    expect((await ai.chat.completions.create({ messages })).model).toBe('gpt-test');
  });

  it("a timeout is the SDK's APIConnectionTimeoutError", async () => {
    const ai = createSecureOpenAI({
      baseUrl: stage.url,
      sdk: { timeout: 50, maxRetries: 0 },
      fetch: (url, init) =>
        url.includes('/nen/')
          ? fetch(url, init)
          : new Promise((_, reject) =>
              init.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
            ),
    });
    // The first call has the SDK to load and a handshake to make.
    await (await ai).models.list().catch(() => undefined);
    const error = await caught(() => ai.chat.completions.create({ messages }));
    expect(error).toBeInstanceOf(OpenAISDK.APIConnectionTimeoutError);
  });
});

describe('what is on the wire', () => {
  it('one path each, and no word, key, model or header of the calls above', () => {
    const paths = stage.requestLines().filter((line) => line !== 'POST /api/nen/handshake');
    expect(new Set(paths)).toEqual(new Set(['POST /api/ai/sealed', 'POST /api/anthropic/sealed']));
    const wire = stage.wire();
    const planted = [PROVIDER_KEY, 'planted', 'gpt-test', 'gpt-other', 'Basel', 'weather', 'notes.txt'];
    const ofTheInterface = [
      'completions',
      'messages',
      'max_tokens',
      'stainless',
      'anthropic-version',
      'req_1',
    ];
    const found = [...planted, ...ofTheInterface].filter((word) => wire.includes(word));
    expect(found).toEqual([]);
    expect(wire.length).toBeGreaterThan(50_000);
  });

  it("the provider gets the server's key, and nothing that is for the server alone", () => {
    for (const { headers } of stage.provider.seen) {
      expect(headers.authorization ?? headers['x-api-key']).toContain(PROVIDER_KEY);
      const allowed = [
        'accept',
        'authorization',
        'content-type',
        'x-api-key',
        'anthropic-version',
        'openai-beta',
      ];
      const ofFetch = [
        'host',
        'connection',
        'user-agent',
        'accept-language',
        'sec-fetch-mode',
        'accept-encoding',
      ];
      const framing = ['content-length', 'transfer-encoding', 'cache-control', 'pragma'];
      const known = new Set([...allowed, ...ofFetch, ...framing]);
      expect(Object.keys(headers).filter((name) => !known.has(name))).toEqual([]);
    }
  });
});

describe.each([
  ['createSecureOpenAI', createSecureOpenAI],
  ['createSecureAnthropic', createSecureAnthropic],
])('%s', (_name, create) => {
  it('refuses options that a shared client would not heed', () => {
    const client = new NenClient(stage.url);
    const beside = (options: object) => () => create({ baseUrl: stage.url, client, ...options });
    const unheard = new TypeError('serverPins: give it to the shared client');
    expect(beside({ serverPins: ['A'.repeat(43)] })).toThrow(unheard);
    expect(beside({ serverPins: undefined })).toThrow(unheard);
    expect(beside({ endpoint: '/api/other', headers: () => ({}), sdk: {} })).not.toThrow();
  });
});
