/**
 * createSecureOpenAI: the OpenAI SDK, with its calls sealed up to your server.
 */
import type OpenAI from 'openai';
import type { APIPromise, ClientOptions } from 'openai';
import { type Late, late } from './late.ts';
import type { ModelOptional, Named, Streamed, Whole } from './model-optional.ts';
import { connect, loadSDK, NO_KEY, type SecureSDKOptions } from './options.ts';

/** The SDK's options, but for those that say where a call goes, and with whose key. */
export type OpenAIOptions = Omit<
  ClientOptions,
  | 'adminAPIKey'
  | 'apiKey'
  | 'baseURL'
  | 'fetch'
  | 'organization'
  | 'project'
  | 'provider'
  | 'workloadIdentity'
>;

/** The options of the SDK that make sense here, and the sealed channel's own. */
export type SecureOpenAIOptions = SecureSDKOptions<OpenAIOptions>;

/**
 * The SDK's client, in which `model` may be left out where the server has a default. (In the Responses API it may
 * by the SDK's own types.)
 */
export type SecureOpenAI = OpenAI & { readonly chat: { readonly completions: ChatWithoutModel } };

declare const chat: OpenAI['chat']['completions'];
type ChatParams = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;
type ChatStreamingParams = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;
type ChatRequest = Parameters<typeof chat.create>[1];

interface ChatWithoutModel {
  create(body: ModelOptional<ChatParams>, options?: ChatRequest): APIPromise<Whole<typeof chat.create>>;
  create(
    body: ModelOptional<ChatStreamingParams>,
    options?: ChatRequest,
  ): APIPromise<Streamed<typeof chat.create>>;
  parse<Params extends ModelOptional<Parameters<typeof chat.parse>[0]>>(
    body: Params,
    options?: ChatRequest,
  ): ReturnType<typeof chat.parse<Named<Params>>>;
  stream<Params extends ModelOptional<Parameters<typeof chat.stream>[0]>>(
    body: Params,
    options?: ChatRequest,
  ): ReturnType<typeof chat.stream<Named<Params>>>;
}

/**
 * The OpenAI SDK over the sealed channel: prompts, answers and files are sealed from here to `withSecureAI` on
 * your server, which has the key. What is seen on the way is `POST /api/ai/sealed`, sizes and times.
 *
 * The package `openai` is loaded at the first call. Until then this is a {@link Late}: calls can be made, chained,
 * awaited and iterated at once; `await createSecureOpenAI(...)` gives the SDK's own instance.
 *
 * A failure of the seal that may have run is not tried again by the SDK: it throws an APIError with status 424,
 * and {@link nenErrorOf} tells the code.
 * @throws {TypeError} for an option that is given but wrong.
 * @example
 * const ai = createSecureOpenAI({ baseUrl: 'https://app.example', serverPins });
 * for await (const chunk of ai.chat.completions.stream({ messages })) show(chunk.choices[0]?.delta.content);
 */
export function createSecureOpenAI(options: SecureOpenAIOptions): Late<SecureOpenAI> {
  const { baseURL, fetch } = connect(options);
  return late(async () => {
    const { default: SDK } = await loadSDK('openai', () => import('openai'));
    const sdk = new SDK({
      ...options.sdk,
      apiKey: NO_KEY,
      // Else read from the environment, where there is one.
      organization: null,
      project: null,
      adminAPIKey: null,
      baseURL: baseURL(),
      dangerouslyAllowBrowser: true,
      fetch,
    });
    // The same instance: what its types lack is known to the server, which puts the model in.
    return sdk as SecureOpenAI;
  });
}
