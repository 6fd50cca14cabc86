/**
 * One function instead of a client, for those who need no more. The handshake comes with the first call.
 */
import type { NenClientOptions } from './client-options.ts';
import { NenClient } from './nen-client.ts';
import type { NenFetch } from './nen-fetch.ts';
import type { NenStream } from './nen-stream.ts';

/**
 * `nenFetch` of a client of its own.
 * @param baseUrl the server's origin, or '' for the page's own.
 * @throws {TypeError} for an option that is given but wrong.
 * @example
 * const nenFetch = createNenFetch('');
 * const answer = await nenFetch('/api/pay', { method: 'POST', body: JSON.stringify({ amount: 1840 }) });
 */
export function createNenFetch(baseUrl: string, options?: NenClientOptions): NenFetch {
  return new NenClient(baseUrl, options).nenFetch;
}

/**
 * `nenStream` of a client of its own. A page that needs both makes one NenClient: they share a session then.
 * @throws {TypeError} for an option that is given but wrong.
 */
export function createNenStream(baseUrl: string, options?: NenClientOptions): NenStream {
  return new NenClient(baseUrl, options).nenStream;
}
