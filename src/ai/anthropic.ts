/**
 * createSecureAnthropic: the Anthropic SDK, with its calls sealed up to your server.
 */
import type Anthropic from '@anthropic-ai/sdk';
import type { APIPromise, ClientOptions } from '@anthropic-ai/sdk';
import { type Late, late } from './late.ts';
import type { ModelOptional, Named, Streamed, Whole } from './model-optional.ts';
import { connect, loadSDK, NO_KEY, type SecureSDKOptions } from './options.ts';

/** The SDK's options, but for those that say where a call goes, and with whose key. */
export type AnthropicOptions = Omit<
  ClientOptions,
  'apiKey' | 'authToken' | 'baseURL' | 'config' | 'credentials' | 'fetch' | 'profile'
>;

/** The options of the SDK that make sense here, and the sealed channel's own. */
export type SecureAnthropicOptions = SecureSDKOptions<AnthropicOptions>;

/** The SDK's client, in which `model` may be left out where the server has a default. */
export type SecureAnthropic = Anthropic & {
  readonly messages: MessagesWithoutModel;
  readonly beta: { readonly messages: BetaMessagesWithoutModel };
};

declare const messages: Anthropic['messages'];
type RequestOptions = Parameters<typeof messages.create>[1];

interface MessagesWithoutModel {
  create(
    body: ModelOptional<Anthropic.MessageCreateParamsNonStreaming>,
    options?: RequestOptions,
  ): APIPromise<Whole<typeof messages.create>>;
  create(
    body: ModelOptional<Anthropic.MessageCreateParamsStreaming>,
    options?: RequestOptions,
  ): APIPromise<Streamed<typeof messages.create>>;
  parse<Params extends ModelOptional<Parameters<typeof messages.parse>[0]>>(
    body: Params,
    options?: RequestOptions,
  ): ReturnType<typeof messages.parse<Named<Params>>>;
  stream<Params extends ModelOptional<Parameters<typeof messages.stream>[0]>>(
    body: Params,
    options?: RequestOptions,
  ): ReturnType<typeof messages.stream<Named<Params>>>;
  countTokens(
    body: ModelOptional<Parameters<typeof messages.countTokens>[0]>,
    options?: RequestOptions,
  ): ReturnType<typeof messages.countTokens>;
}

declare const betaMessages: Anthropic['beta']['messages'];

interface BetaMessagesWithoutModel {
  create(
    body: ModelOptional<Anthropic.Beta.Messages.MessageCreateParamsNonStreaming>,
    options?: RequestOptions,
  ): APIPromise<Whole<typeof betaMessages.create>>;
  create(
    body: ModelOptional<Anthropic.Beta.Messages.MessageCreateParamsStreaming>,
    options?: RequestOptions,
  ): APIPromise<Streamed<typeof betaMessages.create>>;
  stream<Params extends ModelOptional<Parameters<typeof betaMessages.stream>[0]>>(
    body: Params,
    options?: RequestOptions,
  ): ReturnType<typeof betaMessages.stream<Named<Params>>>;
}

/**
 * The Anthropic SDK over the sealed channel, as {@link createSecureOpenAI} is the OpenAI SDK over it. The server
 * side is `withSecureAI({ provider: 'anthropic', ... })`.
 * @throws {TypeError} for an option that is given but wrong.
 * @example
 * const ai = createSecureAnthropic({ baseUrl: 'https://app.example', serverPins });
 * const answer = await ai.messages.stream({ max_tokens: 1024, messages }).finalMessage();
 */
export function createSecureAnthropic(options: SecureAnthropicOptions): Late<SecureAnthropic> {
  const { baseURL, fetch } = connect(options);
  return late(async () => {
    const { default: SDK } = await loadSDK('@anthropic-ai/sdk', () => import('@anthropic-ai/sdk'));
    const sdk = new SDK({
      ...options.sdk,
      apiKey: NO_KEY,
      baseURL: baseURL(),
      dangerouslyAllowBrowser: true,
      fetch,
    });
    // The same instance: what its types lack is known to the server, which puts the model in.
    return sdk as SecureAnthropic;
  });
}
