/**
 * What both secure SDKs take, and the connection that they make of it.
 */
import { type NenClientOptions, refuseClientOptions } from '../link/client/client-options.ts';
import type { Fetch } from '../link/client/fetch.ts';
import { NenClient } from '../link/client/nen-client.ts';
import { DEFAULT_ENDPOINT } from './default-endpoint.ts';
import { type SealedHeaders, sdkFetch } from './sdk-fetch.ts';

/** `serverPins` and everything else of {@link NenClientOptions}, and: */
export interface SecureSDKOptions<SDKOptions> extends NenClientOptions {
  /** Your server's origin, or '' for the page's own. */
  readonly baseUrl: string;
  /** Where `withSecureAI` answers on it. '/api/ai' by default. */
  readonly endpoint?: string;
  /** A client whose session is used, instead of one of its own; it has the options of NenClient then. */
  readonly client?: NenClient;
  /** Headers for your server, such as a login's token: asked for at each attempt, and sealed with it. */
  readonly headers?: SealedHeaders;
  /** The SDK's own options: `timeout`, `maxRetries`, `defaultHeaders`, ... */
  readonly sdk?: SDKOptions;
}

/** What the SDKs are told of where they are: the rest of their options is the application's. */
export interface Connection {
  /** Absolute, because SDKs take no other. Asked for late: a page is not known while a server renders it. */
  baseURL(): string;
  readonly fetch: Fetch;
}

/** @throws {TypeError} for an option that is given but wrong. */
export function connect(options: SecureSDKOptions<unknown>): Connection {
  const { baseUrl, endpoint = DEFAULT_ENDPOINT, client: given, headers, sdk: _, ...own } = options;
  if (typeof baseUrl !== 'string')
    throw new TypeError("baseUrl: an http(s) origin, or '' for the page's own");
  if (headers !== undefined && typeof headers !== 'function') throw new TypeError('headers: a function');
  if (given !== undefined) refuseClientOptions(own);
  const client = given ?? new NenClient(baseUrl, own);
  return {
    fetch: sdkFetch(client.tunnel(endpoint), headers),
    baseURL: () => (baseUrl === '' ? pageOrigin() : new URL(baseUrl).origin) + endpoint,
  };
}

function pageOrigin(): string {
  const origin = globalThis.location?.origin;
  if (origin === undefined)
    throw new TypeError("baseUrl: '' needs a page; give an absolute URL outside of one");
  return origin;
}

/** SDKs refuse to do without a key. The server puts its own in its place. */
export const NO_KEY = 'nen';

/** @throws {TypeError} that names the package, in place of what the runtime or the bundler says. */
export async function loadSDK<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new TypeError(`trpc-nen/ai: the package ${name} could not be loaded: npm install ${name}`, {
      cause,
    });
  }
}
