/**
 * The one seam between the client and the network: every byte goes through here, as the application's
 * own `fetch` or the runtime's.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { unlessAborted } from './unless-aborted.ts';

/** What carries sealed bytes: fetch, called with a URL as text. */
export type Transport = (url: string, init: TransportInit) => Promise<Response>;

/** What a transport is called with. */
export interface TransportInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Bytes | null;
  readonly signal: AbortSignal | null;
  readonly credentials?: RequestCredentials;
  readonly keepalive?: boolean;
  /** A sealed answer is good for one request only. */
  readonly cache?: 'no-store';
  /** What was sealed for one path is not sent to another. */
  readonly redirect: 'manual';
}

/**
 * Where fetch knows it. React Native's would add a query to the URL instead, which the server has not signed
 * for; older workerd throws.
 */
export const UNCACHED: Pick<TransportInit, 'cache'> =
  /* @__PURE__ */ 'cache' in Request.prototype ? { cache: 'no-store' } : {};

/** The runtime's fetch, looked up at each call: tests and polyfills may replace it. */
export const nativeTransport: Transport = (url, init) => {
  if (typeof globalThis.fetch !== 'function') {
    throw new TypeError('this runtime has no fetch: pass one as the option `fetch`');
  }
  return globalThis.fetch(url, init);
};

/** The application's own, which may pay no heed to its signal: what was aborted is over, and holds nothing, all the same. */
export function heedful(transport: Transport): Transport {
  return async (url, init) => {
    const answering = Promise.resolve(transport(url, init));
    try {
      return await unlessAborted(answering, init.signal);
    } catch (error) {
      answering.then(({ body }) => body?.cancel()).catch(() => undefined);
      throw error;
    }
  };
}
