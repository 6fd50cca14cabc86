/**
 * A stand-in for Upstash's REST interface over a real redis-server: `POST /` with one command as a JSON
 * array, `/pipeline` and `/multi-exec` with several, a bearer token, and answers in base64 on request.
 * The real @upstash/redis works with it too: upstash-front.test.ts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import type { RedisProcess } from './redis.ts';

export interface UpstashFront {
  readonly url: string;
  readonly token: string;
  /** Answers the next requests so, instead of asking Redis; undefined ends that. */
  answer: ((body: string) => { status: number; body: string; afterMs?: number; drop?: boolean }) | undefined;
  /** Whether commands reach Redis although `answer` is set. */
  executes: boolean;
  readonly requests: string[];
  close(): Promise<void>;
}

type Command = (string | number)[];

export async function startUpstashFront(redis: RedisProcess): Promise<UpstashFront> {
  const client = new Redis(redis.url, { protocol: 2 });
  const token = 'front-token';
  const run = async ([name = '', ...args]: Command, base64: boolean): Promise<object> => {
    try {
      const result: unknown = await client.callBuffer(String(name).toUpperCase(), args.map(String));
      return { result: spell(result, base64) };
    } catch (error) {
      return { error: error instanceof Error ? error.message : 'ERR' };
    }
  };
  const front: UpstashFront = {
    url: '',
    token,
    answer: undefined,
    executes: false,
    requests: [],
    close: () =>
      new Promise((resolve) => {
        client.disconnect();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const answerTo = async (req: IncomingMessage, res: ServerResponse): Promise<unknown> => {
    let body = '';
    for await (const chunk of req.setEncoding('utf8')) body += chunk;
    front.requests.push(body);
    const say = (status: number, text: string): void => {
      res.writeHead(status, { 'Content-Type': 'application/json' });
      res.end(text);
    };
    const base64 = req.headers['upstash-encoding'] === 'base64';
    const given = front.answer?.(body);
    if (given !== undefined) {
      if (front.executes) await run(JSON.parse(body) as Command, base64);
      if (given.drop === true) return res.destroy();
      await new Promise((resolve) => setTimeout(resolve, given.afterMs ?? 0));
      return say(given.status, given.body);
    }
    if (req.headers.authorization !== `Bearer ${token}`)
      return say(401, '{"error":"WRONGPASS invalid token"}');
    const parsed: unknown = JSON.parse(body);
    if (!Array.isArray(parsed)) return say(400, '{"error":"ERR not a command"}');
    if (req.url === '/pipeline' || req.url === '/multi-exec') {
      const answers = [];
      for (const command of parsed) answers.push(await run(command as Command, base64));
      return say(200, JSON.stringify(answers));
    }
    const answer = await run(parsed, base64);
    say('error' in answer ? 400 : 200, JSON.stringify(answer));
  };
  const server = createServer((req, res) => {
    answerTo(req, res).catch(() => res.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(front, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function spell(result: unknown, base64: boolean): unknown {
  if (Buffer.isBuffer(result))
    return base64 && result.toString() !== 'OK' ? result.toString('base64') : result.toString();
  return Array.isArray(result) ? result.map((one) => spell(one, base64)) : result;
}
