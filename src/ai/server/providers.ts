/**
 * What withSecureAI knows of the providers' interfaces: where they are, how they take a key, which calls name a
 * model, and how a streamed answer of each ends and tells what it used.
 */

export type ProviderName = 'openai' | 'anthropic';

/** How an answer is written. */
export type Dialect = 'chat' | 'responses' | 'messages';

export interface Provider {
  /** What the paths of its SDK are appended to. */
  readonly upstream: string;
  /** The environment's variable with the key. */
  readonly keyVariable: string;
  keyHeaders(key: string): Record<string, string>;
  /** Headers that a call has without the client's doing. */
  readonly headers: Readonly<Record<string, string>>;
  /** What may be called unless `paths` says otherwise: answers, and nothing that the provider keeps. */
  readonly paths: readonly string[];
  /** Calls that name a model: the default is put in where they don't. */
  readonly generating: Readonly<Record<string, Dialect | undefined>>;
}

export const PROVIDERS: Readonly<Record<ProviderName, Provider>> = {
  openai: {
    upstream: 'https://api.openai.com/v1',
    keyVariable: 'OPENAI_API_KEY',
    keyHeaders: (key) => ({ authorization: `Bearer ${key}` }),
    headers: {},
    paths: ['POST /chat/completions', 'POST /responses'],
    generating: { 'POST /chat/completions': 'chat', 'POST /responses': 'responses' },
  },
  anthropic: {
    upstream: 'https://api.anthropic.com',
    keyVariable: 'ANTHROPIC_API_KEY',
    keyHeaders: (key) => ({ 'x-api-key': key }),
    headers: { 'anthropic-version': '2023-06-01' },
    paths: ['POST /v1/messages', 'POST /v1/messages/count_tokens'],
    generating: { 'POST /v1/messages': 'messages', 'POST /v1/messages/count_tokens': 'messages' },
  },
};

/** The end of a streamed answer: the data or the name of its last event. An error is an end that the SDKs throw. */
const LAST: Readonly<Record<Dialect, RegExp>> = {
  chat: /^(?:\[DONE\]|error)$/,
  responses: /^(?:response\.(?:completed|incomplete|failed)|error)$/,
  messages: /^(?:message_stop|error)$/,
};

/** One event of a streamed answer. */
export interface ReadEvent {
  readonly isLast: boolean;
  readonly isError: boolean;
  /** Where the dialect has them, in this event. */
  readonly model: string | undefined;
  readonly usage: Readonly<Record<string, unknown>> | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws {SyntaxError} for data that is no JSON. */
export function readEvent(dialect: Dialect, name: string | undefined, data: string): ReadEvent {
  const value = data === '[DONE]' ? {} : fieldsOf(JSON.parse(data));
  const type = data === '[DONE]' ? data : (name ?? textOf(value.type) ?? '');
  const kind = 'error' in value && value.error !== null ? 'error' : type;
  // The answer itself is in its first event, or in its last.
  const answer = fieldsOf(value.response ?? value.message ?? value);
  return {
    isLast: LAST[dialect].test(kind),
    isError: kind === 'error' || kind === 'response.failed',
    ...readAnswer(answer),
    ...(isFields(value.usage) && { usage: value.usage }),
  };
}

/** Model and usage of an answer in one piece, or of the event that has them. */
export function readAnswer(value: unknown): Pick<ReadEvent, 'model' | 'usage'> {
  const { model, usage } = fieldsOf(value);
  return { model: textOf(model), usage: isFields(usage) ? usage : undefined };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
