/**
 * The provider's answer as the client gets it: status and bytes as they are, few of its headers, and nothing that
 * tells of the server's key.
 */
import { readBody } from '../../protocol/body.ts';
import type { Settings } from './options.ts';
import { refusal } from './refusal.ts';

/** What an SDK reads. Set-Cookie above all stays here: it would become this server's own. */
const FOR_THE_CLIENT = [
  'content-disposition',
  'content-type',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-request-id',
  'x-should-retry',
];

/** A header of the upstream with less in it is no secret, and its letters are everywhere. */
const MIN_SECRET_CHARS = 8;

/** Errors are short; what is longer is not told. */
const MAX_ERROR_BYTES: number = 64 * 1024;

export function answerHeaders(upstream: Headers): Headers {
  const headers = new Headers();
  for (const name of FOR_THE_CLIENT) {
    const value = upstream.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** An answer that says no, without the key: some providers and gateways quote it, or its end. */
export async function errorAnswer(settings: Settings, response: Response): Promise<Response> {
  const { status } = response;
  const text = await readBody(response, MAX_ERROR_BYTES).then(
    (bytes) => new TextDecoder().decode(bytes),
    () => '',
  );
  if (status === 401 || status === 403) {
    settings.onError(new Error(`the upstream refused the server's credentials, status ${status}`));
    return refusal(status, 'upstream_refused', 'The provider refused this server.');
  }
  return new Response(without(text, settings), { status, headers: answerHeaders(response.headers) });
}

function without(text: string, { apiKey, headers }: Settings): string {
  const secrets = [...headers.values()].filter(({ length }) => length >= MIN_SECRET_CHARS);
  return [apiKey() ?? [], secrets].flat().reduce((left, secret) => left.replaceAll(secret, '[hidden]'), text);
}
