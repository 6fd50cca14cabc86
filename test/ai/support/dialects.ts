/**
 * What the interfaces of providers look like on the wire: the request as far as the test provider reads it, and an
 * answer in one piece and as events.
 */

export interface Conversation {
  readonly model: string;
  /** The last thing that the user said, as text. */
  readonly prompt: string;
  readonly stream: boolean;
  /** Whether the model is to call a tool: one is offered, and has not answered yet. */
  readonly callsTool: boolean;
  readonly tellsUsage: boolean;
}

export interface ServerSentEvent {
  readonly event?: string;
  readonly data: string;
}

interface Dialect {
  read(body: Body): Conversation;
  whole(conversation: Conversation, words: readonly string[]): object;
  events(conversation: Conversation, words: readonly string[]): Iterable<ServerSentEvent>;
}

interface Body {
  readonly model?: string;
  readonly stream?: boolean;
  readonly tools?: readonly unknown[];
  readonly input?: unknown;
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
  readonly stream_options?: { readonly include_usage?: boolean };
}

const INPUT_TOKENS = 11;
const CREATED_S = 1_750_000_000;

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? content : [];
  return parts
    .map((part: { text?: string; content?: unknown }) => part.text ?? textOf(part.content))
    .join('');
}

function read(body: Body): Conversation {
  const { model = '', stream = false, tools = [], input } = body;
  const messages =
    body.messages ?? (typeof input === 'string' ? [{ role: 'user', content: input }] : (input as never));
  const last = messages.at(-1);
  const isAnswered =
    last?.role === 'tool' || JSON.stringify(last).includes('tool_result') || 'output' in (last ?? {});
  return {
    model,
    stream,
    prompt: textOf(last?.content),
    callsTool: tools.length > 0 && !isAnswered,
    tellsUsage: body.stream_options?.include_usage === true,
  };
}

const CALL = { name: 'weather', arguments: '{"city":"Basel"}' };

const chat: Dialect = {
  read,
  whole: ({ model, callsTool }, words) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: CREATED_S,
    model,
    choices: [
      {
        index: 0,
        message: callsTool
          ? {
              role: 'assistant',
              content: null,
              tool_calls: [{ id: 'call_1', type: 'function', function: CALL }],
            }
          : { role: 'assistant', content: words.join('') },
        finish_reason: callsTool ? 'tool_calls' : 'stop',
      },
    ],
    usage: usageOfChat(words),
  }),
  *events({ model, callsTool, tellsUsage }, words) {
    const chunk = (choices: readonly object[], more: object = {}): ServerSentEvent => ({
      data: JSON.stringify({
        ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: CREATED_S, model, choices },
        ...more,
      }),
    });
    const delta = (delta: object, finish_reason: string | null = null): ServerSentEvent =>
      chunk([{ index: 0, delta, finish_reason }]);
    yield delta({ role: 'assistant', content: '' });
    if (callsTool) {
      const call = { index: 0, id: 'call_1', type: 'function', function: { name: CALL.name, arguments: '' } };
      yield delta({ tool_calls: [call] });
      for (const part of CALL.arguments.split(/(?<=:)/)) {
        yield delta({ tool_calls: [{ index: 0, function: { arguments: part } }] });
      }
    } else for (const content of words) yield delta({ content });
    yield delta({}, callsTool ? 'tool_calls' : 'stop');
    if (tellsUsage) yield chunk([], { usage: usageOfChat(words) });
    yield { data: '[DONE]' };
  },
};

function usageOfChat({ length }: readonly string[]): object {
  return { prompt_tokens: INPUT_TOKENS, completion_tokens: length, total_tokens: INPUT_TOKENS + length };
}

const responses: Dialect = {
  read,
  whole: (conversation, words) => responseOf(conversation, words, 'completed'),
  *events(conversation, words) {
    let sequence_number = 0;
    const event = (type: string, fields: object): ServerSentEvent => ({
      event: type,
      data: JSON.stringify({ type, sequence_number: sequence_number++, ...fields }),
    });
    const empty = responseOf(conversation, [], 'in_progress');
    yield event('response.created', { response: empty });
    yield event('response.in_progress', { response: empty });
    const item = itemOf(conversation, words);
    const at = { output_index: 0, item_id: item.id };
    yield event('response.output_item.added', {
      output_index: 0,
      item: {
        ...item,
        status: 'in_progress',
        ...(conversation.callsTool ? { arguments: '' } : { content: [] }),
      },
    });
    if (conversation.callsTool) {
      yield event('response.function_call_arguments.delta', { ...at, delta: CALL.arguments });
      yield event('response.function_call_arguments.done', { ...at, ...CALL });
    } else {
      const text = { ...at, content_index: 0, logprobs: [] };
      const part = { type: 'output_text', text: '', annotations: [], logprobs: [] };
      yield event('response.content_part.added', { ...at, content_index: 0, part });
      for (const delta of words) yield event('response.output_text.delta', { ...text, delta });
      yield event('response.output_text.done', { ...text, text: words.join('') });
      const whole = { ...part, text: words.join('') };
      yield event('response.content_part.done', { ...at, content_index: 0, part: whole });
    }
    yield event('response.output_item.done', { output_index: 0, item });
    yield event('response.completed', { response: responseOf(conversation, words, 'completed') });
  },
};

function itemOf({ callsTool }: Conversation, words: readonly string[]) {
  if (callsTool)
    return { id: 'fc_1', type: 'function_call', call_id: 'call_1', status: 'completed', ...CALL } as const;
  const part = { type: 'output_text', text: words.join(''), annotations: [], logprobs: [] };
  return { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [part] } as const;
}

function responseOf(conversation: Conversation, words: readonly string[], status: string): object {
  const { length } = words;
  return {
    id: 'resp_1',
    object: 'response',
    created_at: CREATED_S,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: conversation.model,
    output: status === 'completed' ? [itemOf(conversation, words)] : [],
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    usage:
      status === 'completed'
        ? { input_tokens: INPUT_TOKENS, output_tokens: length, total_tokens: INPUT_TOKENS + length }
        : null,
  };
}

const messages: Dialect = {
  read,
  whole: ({ model, callsTool }, words) => ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: callsTool
      ? [{ type: 'tool_use', id: 'toolu_1', name: CALL.name, input: JSON.parse(CALL.arguments) }]
      : [{ type: 'text', text: words.join('') }],
    stop_reason: callsTool ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: INPUT_TOKENS, output_tokens: words.length },
  }),
  *events(conversation, words) {
    const event = (type: string, fields: object): ServerSentEvent => ({
      event: type,
      data: JSON.stringify({ type, ...fields }),
    });
    const { model, callsTool } = conversation;
    const begun = {
      ...{ id: 'msg_1', type: 'message', role: 'assistant', model, content: [] },
      ...{ stop_reason: null, stop_sequence: null },
      usage: { input_tokens: INPUT_TOKENS, output_tokens: 1, cache_read_input_tokens: 3 },
    };
    yield event('message_start', { message: begun });
    const block = callsTool
      ? { type: 'tool_use', id: 'toolu_1', name: CALL.name, input: {} }
      : { type: 'text', text: '' };
    yield event('content_block_start', { index: 0, content_block: block });
    yield event('ping', {});
    const deltas = callsTool
      ? CALL.arguments.split(/(?<=:)/).map((partial_json) => ({ type: 'input_json_delta', partial_json }))
      : words.map((text) => ({ type: 'text_delta', text }));
    for (const delta of deltas) yield event('content_block_delta', { index: 0, delta });
    yield event('content_block_stop', { index: 0 });
    yield event('message_delta', {
      delta: { stop_reason: callsTool ? 'tool_use' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: words.length },
    });
    yield event('message_stop', {});
  },
};

/** By the path that its SDK asks for. */
export const dialects: Readonly<Record<string, Dialect | undefined>> = {
  '/v1/chat/completions': chat,
  '/v1/responses': responses,
  '/v1/messages': messages,
};
