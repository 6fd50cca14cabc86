/** The real SDKs in a page, as an application has them there: what each of them came to, as plain data. */
import OpenAI from 'openai';
import { createSecureAnthropic, createSecureOpenAI, nenErrorOf } from '../../../src/ai/index.ts';

const openai = createSecureOpenAI({ baseUrl: '' });
const anthropic = createSecureAnthropic({ baseUrl: '', endpoint: '/api/anthropic' });
const saying = (content: string) => [{ role: 'user' as const, content }];

const sdks = {
  async chat(): Promise<string[]> {
    const pieces: string[] = [];
    for await (const chunk of openai.chat.completions.stream({ messages: saying('say one two planted') })) {
      pieces.push(chunk.choices[0]?.delta.content ?? '');
    }
    return pieces.filter(Boolean);
  },

  async responses(): Promise<string> {
    return (await openai.responses.create({ input: 'say planted words' })).output_text;
  },

  async upload(): Promise<unknown> {
    const file = new File(['planted in a file'], 'planted.txt');
    const { filename, bytes } = await openai.files.create({ file, purpose: 'assistants' });
    return { filename, bytes };
  },

  async messages(): Promise<string> {
    return anthropic.messages.stream({ max_tokens: 9, messages: saying('say planted too') }).finalText();
  },

  /** How many chunks were read when it was stopped. */
  async abort(): Promise<number> {
    const stop = new AbortController();
    const request = { messages: saying('for ever'), stream: true } as const;
    let count = 0;
    for await (const _ of await openai.chat.completions.create(request, { signal: stop.signal })) {
      if (++count === 5) stop.abort();
    }
    return count;
  },

  /** Codes of an answer that broke off, and of an error of the provider. */
  async failures(): Promise<unknown[]> {
    const failed = async (content: string): Promise<unknown> => {
      const body = { messages: saying(content) };
      return openai.chat.completions
        .stream(body, { maxRetries: 0 })
        .finalContent()
        .catch((error: unknown) => error);
    };
    const limited = await failed('fail 429');
    return [nenErrorOf(await failed('cut'))?.code, limited instanceof OpenAI.RateLimitError];
  },
};

export type SDKsInPage = typeof sdks;
Reflect.set(window, 'sdks', sdks);
