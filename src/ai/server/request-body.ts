/**
 * The body that goes to the provider. It is read, its model checked against the list, and written anew: what the
 * provider reads is what was checked, whichever of two `model` fields its parser would have taken.
 */
import type { NenSession } from '../../adapter/session-facts.ts';
import { type Bytes, bytesToUtf8, utf8ToBytes } from '../../crypto/bytes.ts';
import { isBoundedJson } from '../../protocol/json.ts';
import { isJsonType, mediaType } from '../../protocol/media-type.ts';
import type { AIBody, Settings } from './options.ts';
import type { Target } from './paths.ts';
import { type Dialect, isFields } from './providers.ts';
import { Refused } from './refusal.ts';

export interface OutgoingBody {
  /** undefined: none. */
  readonly body: Bytes | FormData | undefined;
  /** FormData says its own. */
  readonly contentType: string | undefined;
  readonly model: string | undefined;
}

const NONE: OutgoingBody = { body: undefined, contentType: undefined, model: undefined };

/** The call as one name: what the tables of providers are written in. */
export function callOf({ method, path }: Target): string {
  return `${method} ${path}`;
}

/** @throws {Refused}, and what `prepare` throws. */
export async function readOutgoingBody(
  settings: Settings,
  target: Target,
  req: Request,
  session: NenSession,
): Promise<OutgoingBody> {
  const bytes: Bytes = new Uint8Array(await req.arrayBuffer());
  const dialect = settings.provider.generating[callOf(target)];
  if (bytes.length === 0 && dialect === undefined) return NONE;
  const contentType = req.headers.get('content-type');
  const type = mediaType(contentType);
  if (isJsonType(type)) {
    const { model, ...rest } = parseBody(bytes);
    checkOtherModels(settings, rest);
    const named = checkModel(settings, model ?? (dialect && settings.models[0]));
    const body = { ...rest, ...(named !== undefined && { model: named }) };
    const prepared = (await settings.prepare?.(body, session, req)) ?? body;
    const final = settings.onUsage && asksForUsage(dialect, prepared) ? withUsage(prepared) : prepared;
    const said = final.model;
    return {
      body: utf8ToBytes(JSON.stringify(final)),
      contentType: 'application/json',
      model: typeof said === 'string' ? said : undefined,
    };
  }
  if (type === 'multipart/form-data' && dialect === undefined) {
    const form = await parseForm(bytes, contentType ?? '');
    const models = form.getAll('model').map((model) => checkModel(settings, model));
    return { body: form, contentType: undefined, model: models[0] };
  }
  throw new Refused(
    415,
    'unsupported_media_type',
    'The body is neither JSON nor a form that is allowed here.',
  );
}

function parseBody(bytes: Bytes): AIBody {
  const value: unknown = isBoundedJson(bytes) ? JSON.parse(bytesToUtf8(bytes)) : undefined;
  if (isFields(value)) return value;
  throw new Refused(400, 'invalid_json', 'The body is not a JSON object.');
}

async function parseForm(bytes: Bytes, contentType: string): Promise<FormData> {
  try {
    return await new Response(bytes, { headers: { 'Content-Type': contentType } }).formData();
  } catch {
    throw new Refused(400, 'invalid_form', 'The body is not a form.');
  }
}

function checkModel({ models }: Settings, model: unknown): string | undefined {
  if (model === undefined) return undefined;
  if (typeof model === 'string' && models.includes(model)) return model;
  throw new Refused(403, 'model_not_allowed', 'This model is not among those that this server allows.');
}

/** As readers see it that take a name in any case, and the last one of several: Go's, which many gateways are written in. */
const MODEL = /^model$/iu;
/** Whom a gateway asks instead: OpenRouter's and LiteLLM's. */
const OTHER_MODELS = /^(?:models|fallbacks)$/iu;

function checkOtherModels(settings: Settings, rest: AIBody): void {
  for (const [name, value] of Object.entries(rest)) {
    if (MODEL.test(name)) checkModel(settings, null);
    if (OTHER_MODELS.test(name)) for (const model of [value ?? []].flat()) checkModel(settings, model);
  }
}

/** Only a streamed chat completion says nothing of its usage unless it is asked. */
function asksForUsage(dialect: Dialect | undefined, body: AIBody): boolean {
  return dialect === 'chat' && body.stream === true;
}

function withUsage(body: AIBody): AIBody {
  const given = isFields(body.stream_options) ? body.stream_options : {};
  return { ...body, stream_options: { ...given, include_usage: true } };
}
