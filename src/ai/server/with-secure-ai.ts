/**
 * withSecureAI: the server side of the secure SDKs. Opens a sealed call, puts the server's key in, and passes the
 * provider's answer through, sealed and otherwise as it comes. Built on `nen.wrap` alone.
 */
import { defaultNen } from '../../adapter/default-nen.ts';
import type { Nen } from '../../adapter/nen.ts';
import type { NenSession } from '../../adapter/session-facts.ts';
import type { NenRoute } from '../../adapter/with-nen/with-nen.ts';
import { WIRE_ERRORS } from '../../protocol/errors.ts';
import { answerHeaders, errorAnswer } from './answer.ts';
import { readOptions, type SecureAIOptions, type Settings } from './options.ts';
import { allowedTarget } from './paths.ts';
import { Refused, refusalOf } from './refusal.ts';
import { callOf, readOutgoingBody } from './request-body.ts';
import { callUpstream } from './upstream.ts';
import { type Seen, watched } from './watch.ts';

/**
 * A route that calls an AI provider for clients of `createSecureOpenAI` and `createSecureAnthropic`, or of any
 * other SDK with `fetch: client.tunnel('/api/ai')`. It takes calls of the allow lists only, refuses plain requests,
 * and gives the client neither the key nor the provider's own headers. An answer that breaks off is an error at
 * the client (ISO-6004).
 * @throws {TypeError} for an option that is given but wrong.
 * @example
 * // app/api/ai/[...path]/route.ts, with OPENAI_API_KEY in the environment
 * export const POST = withSecureAI({ models: ['gpt-5-mini', 'gpt-5'] });
 */
export function withSecureAI(options: SecureAIOptions): NenRoute {
  const settings = readOptions(options);
  const { padding, coalesceMs } = options;
  const shaping = {
    ...(padding !== undefined && { padding }),
    ...(coalesceMs !== undefined && { coalesceMs }),
  };
  let made: { readonly nen: Nen; readonly route: NenRoute } | undefined;
  return (req) => {
    const nen = options.nen ?? defaultNen();
    if (made?.nen !== nen)
      made = { nen, route: nen.wrap((opened) => answer(settings, nen, opened), shaping) };
    return made.route(req);
  };
}

async function answer(settings: Settings, nen: Nen, req: Request): Promise<Response> {
  // A preflight is nobody's call.
  if (req.method === 'OPTIONS') return new Response(null, { status: 204 });
  const session = nen.session(req);
  if (session === undefined) return plainRefusal();
  try {
    const target = allowedTarget(req, settings.endpoint, settings.paths);
    if (target === undefined) throw new Refused(404, 'not_allowed', 'This server does not allow this call.');
    if ((await settings.authorize(req, session)) !== true) {
      throw new Refused(403, 'not_authorized', 'You may not make this call.');
    }
    const outgoing = await readOutgoingBody(settings, target, req, session);
    const response = await callUpstream(settings, target, outgoing, req);
    if (!response.ok) return await errorAnswer(settings, response);
    const meter = meterOf(settings, { path: target.path, asked: outgoing.model, session });
    const dialect = settings.provider.generating[callOf(target)];
    const body = watched(response, { dialect, signal: req.signal, onSeen: meter });
    return new Response(body, { status: response.status, headers: answerHeaders(response.headers) });
  } catch (error) {
    if (req.signal.aborted) return new Response(null, { status: STATUS_NOBODY_READS });
    return refusalOf(error);
  }
}

/** The client has closed its request, as nginx has it. */
const STATUS_NOBODY_READS = 499;

interface Metered {
  readonly path: string;
  readonly asked: string | undefined;
  readonly session: NenSession;
}

function meterOf(
  { onUsage, onError }: Settings,
  { path, asked, session }: Metered,
): ((seen: Seen) => void) | undefined {
  if (onUsage === undefined) return undefined;
  const told = async ({ outcome, model = asked, usage: details }: Seen): Promise<void> => {
    const inputTokens = tokens(details?.input_tokens ?? details?.prompt_tokens);
    const outputTokens = tokens(details?.output_tokens ?? details?.completion_tokens);
    await onUsage({ path, model, inputTokens, outputTokens, details, outcome, session });
  };
  // A meter that fails changes nothing of the answer.
  return (seen) => void told(seen).catch(onError);
}

function tokens(count: unknown): number | undefined {
  return typeof count === 'number' ? count : undefined;
}

/** Even where plain requests are let in elsewhere, to migrate: no client of this route ever was a plain one. */
function plainRefusal(): Response {
  const { status = 403, message } = WIRE_ERRORS['ISO-3007'];
  return Response.json({ error: { code: 'ISO-3007', message } }, { status });
}
