import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';

/** OpenAI where there is a key for it, else the provider that this app brings along. */
export function model(): LanguageModel {
  const { OPENAI_API_KEY: apiKey, OPENAI_MODEL = 'gpt-5-mini', LOCAL_PROVIDER_URL = '' } = process.env;
  if (apiKey) {
    return createOpenAICompatible({ name: 'openai', baseURL: 'https://api.openai.com/v1', apiKey })(
      OPENAI_MODEL,
    );
  }
  return createOpenAICompatible({ name: 'local', baseURL: LOCAL_PROVIDER_URL })('local');
}
