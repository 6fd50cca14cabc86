/**
 * nenFetch: fetch for JSON. A call gives the value that the handler returned, and throws where the handler
 * said no.
 */
import type { Fetch } from './fetch.ts';
import { asJsonCall, hasJson, toHttpError } from './json-call.ts';

/**
 * Takes what fetch takes. A body that is a string counts as JSON unless a content-type says otherwise.
 * Data is your word for it: nothing here checks it.
 * @returns the value of a JSON answer; the Response of another 2xx (204, a file, an answer to HEAD).
 * @throws {NenHttpError} for any other status.
 * @throws {NenError} where the seal fails; the signal's reason once it has aborted.
 */
export type NenFetch = <Data = unknown>(path: string | URL, init?: RequestInit) => Promise<Data>;

/** @param maxErrorBytes what is read of an answer that says no. */
export function nenFetchOver(fetch: Fetch, maxErrorBytes: number): NenFetch {
  return async <Data>(path: string | URL, init: RequestInit = {}) => {
    const response = await fetch(path, asJsonCall(init));
    if (!response.ok) throw await toHttpError(response, maxErrorBytes);
    const answer: unknown = hasJson(response) ? await response.json() : response;
    return answer as Data;
  };
}
