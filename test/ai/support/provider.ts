/**
 * A server with the interfaces of OpenAI and Anthropic, as far as their SDKs ask for them, over real HTTP. What it
 * answers is in the prompt: "say ..." is repeated word by word, and some words make it fail in their way.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import { type Conversation, dialects } from './dialects.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface TestProvider {
  /** http://127.0.0.1:port */
  readonly url: string;
  readonly seen: Seen[];
  /** Resolves once a caller has gone away before the end of an answer. */
  abandoned(): Promise<unknown>;
  close(): Promise<void>;
}

/** What it takes for its key, by either interface. */
export const PROVIDER_KEY = 'sk-planted-server-key-4f9c';

const WORD_EVERY_MS = 3;

export async function startProvider(): Promise<TestProvider> {
  const seen: Seen[] = [];
  let abandonedCount = 0;
  const server = createServer((req, res) => {
    res.on('close', () => {
      if (!res.writableFinished) abandonedCount++;
    });
    void answer(seen, req, res).catch((error: unknown) => res.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    abandoned: () => until('a caller went away', () => abandonedCount > 0),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(seen: Seen[], req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const { method = '', url = '', headers } = req;
  seen.push({ method, url, headers, body });
  const path = new URL(url, 'http://provider').pathname;

  res.setHeader('x-request-id', 'req_1');
  res.setHeader('openai-organization', 'org-planted');
  res.setHeader('set-cookie', '__cf_bm=planted; Path=/');
  res.setHeader('x-ratelimit-remaining-requests', '17');
  const given = headers.authorization?.replace('Bearer ', '') ?? headers['x-api-key'];
  if (given !== PROVIDER_KEY) return fail(res, 401, `Incorrect API key provided: ${String(given)}.`);
  if (method === 'GET' && path === '/v1/models') {
    return json(res, {
      object: 'list',
      data: [{ id: 'gpt-test', object: 'model', created: 1, owned_by: 'x' }],
    });
  }
  if (path === '/v1/files') return json(res, fileOf(body));

  const dialect = dialects[path];
  if (dialect === undefined) return fail(res, 404, `No such path: ${path}`);
  const conversation = dialect.read(JSON.parse(body));
  const { prompt } = conversation;
  const status = Number(/^fail (\d+)/.exec(prompt)?.[1]);
  if (status === 302) {
    res.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    return;
  }
  if (status > 0) return fail(res, status, `It failed, says ${PROVIDER_KEY}.`);
  if (!conversation.stream) return json(res, dialect.whole(conversation, wordsOf(conversation)));

  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  res.write(': a comment, as gateways send them\n\n');
  let count = 0;
  for (const { event, data } of dialect.events(conversation, wordsOf(conversation))) {
    if (res.destroyed) return;
    if (prompt.startsWith('cut') && count++ === 4) {
      res.destroy();
      return;
    }
    if (prompt.startsWith('end early') && count++ === 4) break;
    if (prompt.startsWith('fail inside') && count++ === 4) {
      const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
      res.write(`event: error\ndata: ${JSON.stringify(error)}\n\n`);
      break;
    }
    res.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`);
    await sleep(WORD_EVERY_MS);
  }
  res.end();
}

/** "for ever" makes more than anybody reads. */
function wordsOf({ prompt }: Conversation): string[] {
  if (prompt.startsWith('for ever')) return Array.from({ length: 100_000 }, (_, at) => `${at} `);
  const said = /^say (.*)$/s.exec(prompt)?.[1] ?? 'a few words from far away';
  return said.split(/(?<= )/);
}

function fileOf(body: string): object {
  const field = (name: string): string =>
    new RegExp(`name="${name}"[^\\r\\n]*\\r\\n(?:[^\\r\\n]+\\r\\n)*\\r\\n([^\\r]*)\\r\\n`).exec(body)?.[1] ??
    '';
  const filename = /filename="([^"]*)"/.exec(body)?.[1];
  return { id: 'file-1', object: 'file', filename, bytes: field('file').length, purpose: field('purpose') };
}

function json(res: ServerResponse, value: unknown): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function fail(res: ServerResponse, status: number, message: string): void {
  const error = { type: 'some_error', code: 'some_code', message };
  res
    .writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '5' })
    .end(JSON.stringify({ type: 'error', error }));
}
