import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What a provider looks like from here: OpenAI's streaming chat completions over HTTP on loopback, with an answer
 * that needs no model. Resolves with the base URL.
 */
export function startLocalProvider(): Promise<string> {
  const server = createServer(async (req, res) => {
    const { messages = [], model } = JSON.parse((await text(req)) || '{}') as Request;
    const said = messages.filter(({ role }) => role === 'user').map(({ content }) => textOf(content));
    await stream(res, model ?? 'local', answerTo(said.at(-1) ?? '', said.length));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
    });
    // It ends with the app.
    server.unref();
  });
}

interface Request {
  readonly model?: string;
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
}

const WORD_EVERY_MS = 25;

async function stream(res: ServerResponse, model: string, answer: string): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (delta: object, finish_reason: string | null = null): void => {
    const chunk = { id: 'local', object: 'chat.completion.chunk', created: 0, model };
    res.write(`data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
  };
  for (const content of answer.split(/(?<=\s)/)) {
    if (res.destroyed) return;
    send({ content });
    await sleep(WORD_EVERY_MS);
  }
  send({}, 'stop');
  res.end('data: [DONE]\n\n');
}

const QUOTED_WORDS = 12;

function answerTo(question: string, turn: number): string {
  const words = question.split(/\s+/);
  const quoted = words.slice(0, QUOTED_WORDS).join(' ') + (words.length > QUOTED_WORDS ? ' …' : '');
  if (turn > 1) {
    return `Noted: “${quoted}”. I have added it to your file, and a solicitor will read it with the rest.\n\nIs there a letter, a contract or a date that we should know of? You need not send it now; bring it to the first meeting.`;
  }
  return `Thank you for telling us. You wrote: “${quoted}”. That stays between you and this firm.\n\nBefore a solicitor calls you back, it helps to know since when this has been going on, whether anything was agreed in writing, and whether a deadline is near. Please keep every message that you received, and answer none of them for now.`;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? (content as { text?: string }[]) : [];
  return parts.map(({ text = '' }) => text).join(' ');
}
