/** trpc-nen/ai: the SDKs of AI providers, sealed between the browser and your server. */
export type { SuiteName } from '../crypto/suite.ts';
export type { NenClientOptions } from '../link/client/client-options.ts';
export type { IdentityOptions } from '../link/client/identity-options.ts';
export { NenClient } from '../link/client/nen-client.ts';
export type { Encoding } from '../protocol/envelope.ts';
export { NenError, type NenErrorCode, type NenOutcome } from '../protocol/errors.ts';
export {
  type AnthropicOptions,
  createSecureAnthropic,
  type SecureAnthropic,
  type SecureAnthropicOptions,
} from './anthropic.ts';
export type { Late } from './late.ts';
export {
  createSecureOpenAI,
  type OpenAIOptions,
  type SecureOpenAI,
  type SecureOpenAIOptions,
} from './openai.ts';
export type { SecureSDKOptions } from './options.ts';
export { nenErrorOf, type SealedHeaders } from './sdk-fetch.ts';
