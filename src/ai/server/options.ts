/**
 * The options of withSecureAI, resolved and checked once. What the environment lacks shows at the first request,
 * so that a build may import routes without secrets.
 */
import { optionalFunction, pathPrefix } from '../../adapter/checks.ts';
import { environment } from '../../adapter/environment.ts';
import { guarded } from '../../adapter/events.ts';
import type { Nen } from '../../adapter/nen.ts';
import type { NenSession } from '../../adapter/session-facts.ts';
import { resolveShaping, type ShapingOptions } from '../../adapter/shaping.ts';
import { DEFAULT_ENDPOINT } from '../default-endpoint.ts';
import { type PathRule, readPathRules } from './paths.ts';
import { isFields, PROVIDERS, type Provider, type ProviderName } from './providers.ts';

/** A JSON body as an object. */
export type AIBody = Readonly<Record<string, unknown>>;

/** fetch, called with a URL as text. */
export type UpstreamFetch = (url: string, init: RequestInit) => Promise<Response>;

/** What one call used. */
export interface AIUsage {
  /** The path at the provider, such as '/chat/completions'. */
  readonly path: string;
  /** The model that answered, by the provider's word; else the one that was asked for. */
  readonly model: string | undefined;
  /** Tokens as the provider counts them; undefined where it said nothing. */
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  /** The whole of what the provider says of it: cached tokens and so on. */
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /**
   * 'complete'; 'failed': the provider broke off or said that it failed; 'aborted': the client went away. In the
   * last two the provider may charge more than it has told.
   */
  readonly outcome: 'complete' | 'failed' | 'aborted';
  readonly session: NenSession;
}

/** `padding` and `coalesceMs` of this route, because sizes of tokens tell of topics, and: */
export interface SecureAIOptions extends ShapingOptions {
  /** Whose interface it is. 'openai' by default, as for every compatible server. */
  readonly provider?: ProviderName;
  /** The models that clients may use; the first is the default for calls that name none. */
  readonly models: readonly string[];
  /**
   * What clients may call: a method and a path at the provider, `*` for one segment of it, such as
   * 'GET /models' or 'GET /files/*'. By default the calls that give answers. All clients share the provider's
   * account: whoever knows the name of something that it keeps can reach it through a path that you add.
   */
  readonly paths?: readonly string[];
  /** Where this route is: what `endpoint` of the client says. '/api/ai' by default. */
  readonly endpoint?: string;
  /** Another server with the same interface: LiteLLM, Portkey, one of your own. It gets `apiKey` only if you give it. */
  readonly upstream?: string;
  /** The server's key; null for none. By default OPENAI_API_KEY or ANTHROPIC_API_KEY, which no other upstream gets. */
  readonly apiKey?: string | null | undefined;
  /** Headers for the upstream, over all others. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What carries calls to the upstream. By default the runtime's fetch. */
  readonly fetch?: UpstreamFetch;
  /** The server whose sessions these are. By default the default instance, that of `withNen`. */
  readonly nen?: Nen;
  /**
   * Whether this call may be made. false is a sealed 403; a NenHttpError that it throws has its own status and data.
   * `req` has the headers that the client sealed, a token among them.
   */
  readonly authorize?: (req: Request, session: NenSession) => boolean | Promise<boolean>;
  /**
   * The body that goes to the provider, in place of the client's: to add context, or to limit it. It is not checked
   * any more. Called for JSON bodies, with the default model put in.
   */
  readonly prepare?: (body: AIBody, session: NenSession, req: Request) => AIBody | Promise<AIBody>;
  /**
   * Told once for each answer, when it is over. For a streamed chat completion the provider is asked to tell, so
   * that a client can't keep it from doing so: the last chunk has no choices then.
   */
  readonly onUsage?: (usage: AIUsage) => void | Promise<void>;
  /** Told what clients are not: why the upstream could not be asked. By default a line on the console. */
  readonly onError?: (error: unknown) => void;
}

export interface Settings {
  readonly provider: Provider;
  readonly models: readonly [string, ...string[]];
  readonly paths: readonly PathRule[];
  readonly endpoint: string;
  readonly upstream: URL;
  /** undefined: it is missing. */
  readonly apiKey: () => string | null | undefined;
  readonly headers: Headers;
  readonly fetch: UpstreamFetch;
  readonly authorize: NonNullable<SecureAIOptions['authorize']>;
  readonly prepare: SecureAIOptions['prepare'];
  readonly onUsage: SecureAIOptions['onUsage'];
  readonly onError: (error: unknown) => void;
}

/** @throws {TypeError} for an option that is given but wrong. */
export function readOptions(options: SecureAIOptions): Settings {
  const { provider: name = 'openai', headers = {}, fetch, onError } = options;
  const provider = Object.hasOwn(PROVIDERS, name) ? PROVIDERS[name] : undefined;
  if (provider === undefined) throw new TypeError("provider: 'openai' or 'anthropic'");
  if (!isFields(headers)) throw new TypeError('headers: an object with a string for each name');
  optionalFunction('fetch', fetch);
  resolveShaping(options);
  return {
    provider,
    models: readModels(options.models),
    paths: readPathRules(options.paths ?? provider.paths),
    endpoint: pathPrefix('endpoint', options.endpoint ?? DEFAULT_ENDPOINT),
    upstream: readUpstream(options.upstream ?? provider.upstream),
    apiKey: readKey(options, provider),
    headers: new Headers(headers),
    // Looked up at each call: tests and polyfills may replace it.
    fetch: (url, init) => (fetch ?? globalThis.fetch)(url, init),
    authorize: optionalFunction('authorize', options.authorize) ?? (() => true),
    prepare: optionalFunction('prepare', options.prepare),
    onUsage: optionalFunction('onUsage', options.onUsage),
    onError: guarded('onError', optionalFunction('onError', onError) ?? toConsole),
  };
}

function toConsole(error: unknown): void {
  console.error('trpc-nen/ai:', error);
}

function readModels(models: readonly string[]): readonly [string, ...string[]] {
  const [first, ...others] = Array.isArray(models) ? models : [];
  const isName = (model: unknown): boolean => typeof model === 'string' && model !== '';
  if (first !== undefined && [first, ...others].every(isName)) return [first, ...others];
  throw new TypeError('models: a list of the models that clients may use, the default first');
}

function readUpstream(upstream: string): URL {
  if (URL.canParse(upstream)) {
    const url = new URL(upstream);
    if (/^https?:$/.test(url.protocol) && url.username + url.password + url.hash === '') return url;
  }
  throw new TypeError('upstream: an http(s) URL, such as https://gateway.example/v1');
}

/** A key of the environment is for the provider that the variable names, and for nobody else. */
function readKey({ apiKey, upstream }: SecureAIOptions, { keyVariable }: Provider): Settings['apiKey'] {
  if (apiKey !== undefined && apiKey !== null && (typeof apiKey !== 'string' || apiKey === '')) {
    throw new TypeError('apiKey: a key, or null for none');
  }
  if (apiKey !== undefined || upstream !== undefined) return () => apiKey;
  return () => environment(keyVariable);
}
