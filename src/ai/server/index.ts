/** trpc-nen/ai/server: the route that calls an AI provider for sealed clients. */
export type { AIBody, AIUsage, SecureAIOptions, UpstreamFetch } from './options.ts';
export type { ProviderName } from './providers.ts';
export { withSecureAI } from './with-secure-ai.ts';
