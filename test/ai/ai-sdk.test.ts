/**
 * The AI SDK over the sealed channel: useChat's chat to a route of one's own, and its OpenAI-compatible provider to
 * withSecureAI.
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Chat } from '@ai-sdk/react';
import {
  convertToModelMessages,
  DefaultChatTransport,
  generateText,
  stepCountIs,
  streamText,
  tool,
  type UIMessage,
} from 'ai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createNen } from '../../src/adapter/server.ts';
import { nenErrorOf } from '../../src/ai/index.ts';
import { NenClient, type Transport } from '../../src/link/client/index.ts';
import { serve, type TestServer } from '../support/serve.ts';
import { PROVIDER_KEY } from './support/provider.ts';
import { openStage, type Stage } from './support/stage.ts';

let stage: Stage;

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  stage = await openStage();
});

afterAll(async () => {
  await stage?.close();
  vi.restoreAllMocks();
});

describe('useChat, through client.fetch', () => {
  let app: TestServer;
  const wire: string[] = [];

  beforeAll(async () => {
    const provider = createOpenAICompatible({
      name: 'provider',
      baseURL: `${stage.provider.url}/v1`,
      apiKey: PROVIDER_KEY,
    });
    const nen = createNen({ onEvent: () => undefined });
    const chat = nen.withNen(async (req, body) => {
      const { messages } = body as { messages: UIMessage[] };
      const result = streamText({
        model: provider('gpt-test'),
        messages: await convertToModelMessages(messages),
        abortSignal: req.signal,
        onError: () => undefined,
      });
      return result.toUIMessageStreamResponse();
    });
    app = await serve(async (req) => {
      wire.push(req.url, JSON.stringify([...req.headers]), await req.clone().text());
      const response = await (req.url.includes('/api/nen/') ? nen.routes.POST(req) : chat(req));
      if (response.body === null) return response;
      const [passed, kept] = response.body.tee();
      void new Response(kept).text().then(
        (text) => wire.push(text),
        () => undefined,
      );
      return new Response(passed, response);
    });
  });

  afterAll(() => app?.close());

  function chatOver(transport?: Transport): Chat<UIMessage> {
    const client = new NenClient(app.url, transport && { fetch: transport });
    return new Chat({
      transport: new DefaultChatTransport({ api: `${app.url}/api/chat`, fetch: client.fetch }),
    });
  }
  const textOf = (message: UIMessage | undefined): string =>
    message?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? '';

  it('asks and gets a streamed answer, and none of it is on the wire', async () => {
    const chat = chatOver();
    await chat.sendMessage({ text: 'say words that are planted' });
    expect(textOf(chat.lastMessage)).toBe('words that are planted');
    expect(chat.status).toBe('ready');
    await chat.sendMessage({ text: 'say more of it' });
    expect(chat.messages.map(textOf)).toEqual([
      'say words that are planted',
      'words that are planted',
      'say more of it',
      'more of it',
    ]);
    const found = ['planted', 'more of it', 'text-delta', 'gpt-test', PROVIDER_KEY, 'assistant'].filter(
      (word) => wire.join('\n').includes(word),
    );
    expect(found).toEqual([]);
  });

  it('stop reaches the provider', async () => {
    const chat = chatOver();
    const sending = chat.sendMessage({ text: 'for ever' });
    await vi.waitFor(() => expect(textOf(chat.lastMessage)).toContain('2 '), { timeout: 10_000 });
    await chat.stop();
    await sending;
    await stage.provider.abandoned();
    expect(chat.status).toBe('ready');
  });

  it('an answer that is cut on the way is an error, not a short answer', async () => {
    const cutting: Transport = async (url, init) => {
      const response = await fetch(url, init as RequestInit);
      if (url.includes('/api/nen/')) return response;
      return new Response(response.body?.pipeThrough(withoutLast(10)), response);
    };
    const chat = chatOver(cutting);
    await chat.sendMessage({ text: 'say one two three four five six seven' });
    expect(chat.status).toBe('error');
    expect(nenErrorOf(chat.error)?.code).toBe('ISO-6001');
  });

  /** Ends the stream, as properly as a proxy would, with its last record begun. However the network cuts it in pieces. */
  function withoutLast(bytes: number): TransformStream<Uint8Array, Uint8Array> {
    let held: Uint8Array = new Uint8Array(0);
    return new TransformStream({
      transform(chunk, controller) {
        held = Buffer.concat([held, chunk]);
        const end = Math.max(0, held.length - bytes);
        if (end > 0) controller.enqueue(held.slice(0, end));
        held = held.slice(end);
      },
    });
  }
});

describe('createOpenAICompatible to withSecureAI', () => {
  const through = (way: 'fetch' | 'tunnel') => {
    const client = new NenClient(stage.url);
    const fetch = way === 'fetch' ? client.fetch : client.tunnel('/api/ai');
    return createOpenAICompatible({ name: 'ours', baseURL: `${stage.url}/api/ai`, fetch });
  };

  it.each(['fetch', 'tunnel'] as const)('generates and streams text, through client.%s', async (way) => {
    const model = through(way)('gpt-test');
    expect((await generateText({ model, prompt: 'say the planted word' })).text).toBe('the planted word');
    const pieces: string[] = [];
    for await (const piece of streamText({ model, prompt: 'say one two three' }).textStream)
      pieces.push(piece);
    expect(pieces.join('')).toBe('one two three');
  });

  it('calls tools, which run here', async () => {
    const cities: string[] = [];
    const { text } = await generateText({
      model: through('tunnel')('gpt-test'),
      prompt: 'What about Basel?',
      stopWhen: stepCountIs(3),
      tools: {
        weather: tool({
          inputSchema: z.object({ city: z.string() }),
          execute: ({ city }) => {
            cities.push(city);
            return 'planted rain';
          },
        }),
      },
    });
    expect(cities).toEqual(['Basel']);
    expect(text).not.toBe('');
  });

  it('shows path and status without the tunnel, and nothing more', () => {
    const lines = new Set(stage.requestLines());
    expect(lines).toEqual(
      new Set(['POST /api/nen/handshake', 'POST /api/ai/chat/completions', 'POST /api/ai/sealed']),
    );
    const found = ['planted', 'gpt-test', PROVIDER_KEY, 'Basel'].filter((word) =>
      stage.wire().includes(word),
    );
    expect(found).toEqual([]);
  });
});
