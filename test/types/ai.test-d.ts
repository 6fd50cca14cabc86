/** `model` may be left out where the server has a default, and all else is as the SDKs type it. */
import type OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createSecureAnthropic, createSecureOpenAI } from '../../src/ai/index.ts';

const openai = createSecureOpenAI({ baseUrl: 'https://app.example' });
const anthropic = createSecureAnthropic({ baseUrl: 'https://app.example' });
const messages = [{ role: 'user' as const, content: 'Hello.' }];

test('chat completions', async () => {
  expectTypeOf(await openai.chat.completions.create({ messages })).toExtend<OpenAI.ChatCompletion>();
  for await (const chunk of await openai.chat.completions.create({ messages, stream: true })) {
    expectTypeOf(chunk).toEqualTypeOf<OpenAI.ChatCompletionChunk>();
  }
  for await (const chunk of openai.chat.completions.stream({ messages })) {
    expectTypeOf(chunk).toEqualTypeOf<OpenAI.ChatCompletionChunk>();
  }
  const response_format = zodResponseFormat(z.object({ city: z.string() }), 'place');
  const parsed = await openai.chat.completions.parse({ messages, response_format });
  expectTypeOf(parsed.choices[0]?.message.parsed).toEqualTypeOf<{ city: string } | null | undefined>();
  // With a model too.
  const named = await openai.chat.completions.create({ model: 'gpt-5', messages });
  expectTypeOf(named).toExtend<OpenAI.ChatCompletion>();
});

test('what is wrong stays wrong', () => {
  // @ts-expect-error: messages are missing
  void openai.chat.completions.create({});
  // @ts-expect-error: a model is a string
  void openai.chat.completions.create({ model: 1, messages });
  // @ts-expect-error: nobody gives a key to a page
  createSecureOpenAI({ baseUrl: '', sdk: { apiKey: 'sk-secret' } });
  // @ts-expect-error: max_tokens is missing
  void anthropic.messages.create({ messages });
});

test('responses', async () => {
  expectTypeOf((await openai.responses.create({ input: 'Hello.' })).output_text).toEqualTypeOf<string>();
  for await (const event of openai.responses.stream({ input: 'Hello.' })) {
    expectTypeOf(event.type).toExtend<string>();
  }
});

test('messages', async () => {
  const body = { max_tokens: 1024, messages };
  expectTypeOf((await anthropic.messages.create(body)).stop_reason).toExtend<string | null>();
  for await (const event of await anthropic.messages.create({ ...body, stream: true })) {
    expectTypeOf(event.type).toExtend<string>();
  }
  expectTypeOf(await anthropic.messages.stream(body).finalText()).toEqualTypeOf<string>();
  expectTypeOf((await anthropic.beta.messages.create(body)).id).toEqualTypeOf<string>();
  expectTypeOf(await anthropic.beta.messages.stream(body).finalText()).toEqualTypeOf<string>();
  expectTypeOf((await anthropic.messages.countTokens({ messages })).input_tokens).toEqualTypeOf<number>();
});

test('awaited, it is the SDK itself', async () => {
  const sdk = await openai;
  expectTypeOf(sdk).toExtend<OpenAI>();
  expectTypeOf(sdk.baseURL).toEqualTypeOf<string>();
});
