/**
 * `UpstashSessionStore`: the same scripts over Upstash's REST interface, with fetch alone, for places
 * without TCP. One command is one POST of a JSON array; the answer is {"result"} or {"error"}, with its text
 * in base64. What an answer says besides its code never leaves this file: it may repeat the command.
 */
import { type Bytes, base64Decode, bytesToLatin1, bytesToUtf8, utf8ToBytes } from '../../crypto/bytes.ts';
import { readBody } from '../../protocol/body.ts';
import { SessionStoreError } from '../store-error.ts';
import { type ScriptCall, type ScriptRunner, ScriptStore, type ScriptStoreOptions } from './script-store.ts';

/** The options of a store in Upstash. */
export interface UpstashSessionStoreOptions extends ScriptStoreOptions {
  /** Before every key. Default 'nen:'. */
  readonly keyPrefix?: string;
  /** How long a command may take, in milliseconds: then the answer is a 503. Default 1000. */
  readonly commandTimeoutMs?: number;
  /** By default the runtime's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

const DEFAULT_TIMEOUT_MS = 1000;
const MAX_ANSWER_BYTES: number = 64 * 1024;
const SERVER = 'Upstash';

/** Sessions and claims in Upstash Redis. */
export class UpstashSessionStore extends ScriptStore {
  /**
   * @param url UPSTASH_REDIS_REST_URL.
   * @param token UPSTASH_REDIS_REST_TOKEN, one that may write.
   * @throws {TypeError} for a url, a token or an option that is wrong.
   */
  constructor(url: string, token: string, options: UpstashSessionStoreOptions = {}) {
    const { keyPrefix = 'nen:', commandTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const runner = restRunner(restUrl(url), restToken(token), commandTimeoutMs, options.fetch);
    super(runner, { keyPrefix, commandTimeoutMs, replicas: 0 });
  }
}

function restUrl(url: string): string {
  if (typeof url === 'string' && URL.canParse(url)) {
    const { protocol, username, password, search, hash, href } = new URL(url);
    if (/^https?:$/.test(protocol) && username + password + search + hash === '') return href;
  }
  throw new TypeError('UpstashSessionStore: the url is https://<name>.upstash.io');
}

function restToken(token: string): string {
  if (typeof token === 'string' && /^[!-~]+$/.test(token)) return token;
  throw new TypeError('UpstashSessionStore: the token is missing or holds white space');
}

function restRunner(
  url: string,
  token: string,
  timeoutMs: number,
  givenFetch: UpstashSessionStoreOptions['fetch'],
): ScriptRunner {
  const headers = {
    Authorization: `Bearer ${token}`,
    'Content-Type': 'application/json',
    'Upstash-Encoding': 'base64',
  };
  const send = async ({ script, keys, args }: ScriptCall): Promise<Response> => {
    const request = givenFetch ?? globalThis.fetch;
    return request(url, {
      method: 'POST',
      headers,
      body: utf8ToBytes(JSON.stringify(['EVAL', script, keys.length, ...keys, ...args])),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'manual',
      cache: 'no-store',
    });
  };
  return {
    server: SERVER,
    async run(call) {
      // A kept connection may turn out to be closed: what may run twice is sent once more, within the same time.
      const response = await send(call).catch((error: unknown) => {
        if (call.idempotent && error instanceof TypeError) return send(call);
        throw error;
      });
      return readAnswer(response);
    },
  };
}

/** What the status of a refusal means, in words for the log. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: 'the token is not accepted',
  403: 'the token is not allowed to do this',
  429: 'too many requests',
};

async function readAnswer(response: Response): Promise<unknown> {
  const answer = parse(await readBody(response as Parameters<typeof readBody>[0], MAX_ANSWER_BYTES));
  if (response.status === 200 && answer !== undefined && Object.hasOwn(answer, 'result'))
    return decode(answer.result);
  const code = typeof answer?.error === 'string' ? /^[A-Z]{2,20}\b/.exec(answer.error)?.[0] : undefined;
  const reason =
    REFUSALS[response.status] ?? code ?? (answer === undefined ? 'not a REST answer' : 'an error');
  throw new SessionStoreError(`${SERVER} refused with status ${response.status}: ${reason}`);
}

function parse(body: Bytes): { readonly result?: unknown; readonly error?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(bytesToUtf8(body));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Text is in base64, as it was asked for; numbers and null are themselves. */
function decode(result: unknown): unknown {
  if (typeof result !== 'string') return result;
  const bytes = base64Decode(result);
  if (bytes === undefined)
    throw new SessionStoreError(`${SERVER} did not answer in base64: is it a REST endpoint?`);
  return bytesToLatin1(bytes);
}
