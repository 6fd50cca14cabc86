/**
 * The call to the provider: the server's key, a handful of the client's headers, no redirect followed.
 */
import type { Settings } from './options.ts';
import type { Target } from './paths.ts';
import { Refused } from './refusal.ts';
import type { OutgoingBody } from './request-body.ts';

/**
 * What a client may say to the provider. Everything else stays here: its cookies and credentials are for this
 * server, and a gateway takes orders in headers (which host to ask, whose account to charge).
 */
const OF_THE_CLIENT = ['accept', 'anthropic-beta', 'anthropic-version', 'idempotency-key', 'openai-beta'];

/** @throws {Refused} 502, 503; the signal's reason once the client is gone. */
export async function callUpstream(
  settings: Settings,
  target: Target,
  { body, contentType }: OutgoingBody,
  req: Request,
): Promise<Response> {
  const headers = outgoingHeaders(settings, req.headers);
  if (contentType !== undefined) headers.set('content-type', contentType);
  let response: Response;
  try {
    response = await settings.fetch(upstreamUrl(settings.upstream, target), {
      method: target.method,
      headers,
      body: body ?? null,
      // Where it leads, the key must not follow.
      redirect: 'manual',
      cache: 'no-store',
      signal: req.signal,
    });
  } catch (error) {
    if (req.signal.aborted) throw req.signal.reason;
    settings.onError(error);
    throw new Refused(502, 'upstream_unreachable', 'The provider could not be reached.');
  }
  if (response.status >= 200 && (response.status < 300 || response.status >= 400)) return response;
  response.body?.cancel().catch(() => undefined);
  settings.onError(
    new Error(`the upstream answered with a redirect, status ${response.status}: not followed`),
  );
  throw new Refused(502, 'upstream_redirect', 'The provider did not answer.', false);
}

function outgoingHeaders({ provider, apiKey, headers: own, onError }: Settings, given: Headers): Headers {
  const key = apiKey();
  if (key === undefined) {
    onError(new Error(`no key for the upstream: set ${provider.keyVariable}, or apiKey (null for none)`));
    throw new Refused(503, 'not_configured', 'This server is not configured for AI.', false);
  }
  const headers = new Headers(provider.headers);
  for (const name of OF_THE_CLIENT) {
    const value = given.get(name);
    if (value !== null) headers.set(name, value);
  }
  for (const [name, value] of Object.entries(key === null ? {} : provider.keyHeaders(key)))
    headers.set(name, value);
  for (const [name, value] of own) headers.set(name, value);
  return headers;
}

/** The upstream's own query (an `api-version`, say) wins over the client's. */
function upstreamUrl(upstream: URL, { path, search }: Target): string {
  const url = new URL(upstream);
  url.pathname = url.pathname.replace(/\/+$/, '') + path;
  url.search = search;
  for (const [name, value] of upstream.searchParams) url.searchParams.set(name, value);
  return url.href;
}
