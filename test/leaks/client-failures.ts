/** Calls that fail in every way, and all that their errors say. What was sent and what came has canaries in it. */
import { inspect } from 'node:util';
import { createSecureOpenAI } from '../../src/ai/index.ts';
import { NenClient, type NenClientOptions } from '../../src/link/index.ts';
import { type Caller, trpcOf } from './client-calls.ts';

/** More than nginx is told to take. */
const TOO_LARGE_BYTES = 300_000;
const ENOUGH_ERRORS = 12;

type Transport = NonNullable<NenClientOptions['fetch']>;

/** Each with a new canary in what it sends. */
export async function failingCalls(caller: Caller, base: NenClientOptions): Promise<string> {
  const { client, mint, settings } = caller;
  const body = (): string => JSON.stringify({ index: mint.index('thrown'), text: mint.text('input') });
  const post = (): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: body(),
  });
  const others: NenClient[] = [];
  const other = (options: NenClientOptions): NenClient => {
    const made = new NenClient(settings.url, { ...base, ...options });
    others.push(made);
    return made;
  };
  const pinned = other({ serverPins: ['A'.repeat(43)] });
  const calls: (() => Promise<unknown>)[] = [
    () => pinned.nenFetch('/api/pay', post()),
    () => trpcOf({ ...caller, client: pinned }).query('ask', { index: 0, text: mint.text('input') }),
    () =>
      createSecureOpenAI({
        baseUrl: settings.url,
        client: pinned,
        sdk: { maxRetries: 0 },
      }).chat.completions.create({ messages: [{ role: 'user', content: mint.text('prompt') }] }),
    () => client.fetch('/api/pay', { ...post(), body: mint.text('input').repeat(TOO_LARGE_BYTES / 25) }),
    () => client.fetch('/dead/pay', post()),
    () => client.fetch('/api/unknown', post()),
    async () => {
      for await (const _ of client.nenStream('/api/break', post()));
    },
    () => client.fetch('/api/pay', { ...post(), signal: AbortSignal.abort() }),
    () => other({ maxEnvelopeBytes: 1 }).fetch('/api/pay', post()),
    () => other({ fetch: alteringAnswers }).fetch('/api/pay', post()),
    () => other({ fetch: alteringRequests }).fetch('/api/pay', post()),
    () => other({ fetch: alteringSignatures }).fetch('/api/pay', post()),
    () => other({ fetch: () => Promise.reject(new TypeError('fetch failed')) }).fetch('/api/pay', post()),
    async () => {
      const ended = other({});
      await ended.nenFetch('/api/pay', post());
      await ended.terminate();
      await ended.nenFetch('/api/pay', post());
    },
  ];
  const said: string[] = [];
  for (const call of calls) {
    const error = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error !== undefined) said.push(...wordsOf(error));
  }
  // Their sessions are over when the test is.
  await Promise.allSettled(others.map((one) => one.terminate()));
  if (said.length < ENOUGH_ERRORS) throw new Error(`few calls failed:\n${said.join('\n')}`);
  return said.join('\n');
}

export async function callWithoutStore({ client, mint }: Caller): Promise<string> {
  const body = JSON.stringify({ index: 0, text: mint.text('input') });
  const error: unknown = await client.nenFetch('/api/pay', { method: 'POST', body }).then(
    () => new Error('it came back'),
    (thrown: unknown) => thrown,
  );
  return wordsOf(error).join('\n');
}

/** Everything that can be made of an error as text. */
function wordsOf(error: unknown): string[] {
  const words = [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)];
  for (let at = error; at instanceof Error; at = at.cause) {
    words.push(at.message, at.stack ?? '', JSON.stringify(at), JSON.stringify(Object.entries(at)));
  }
  return words;
}

const isCall = (url: string): boolean => !url.includes('/api/nen/');

const alteringAnswers: Transport = async (url, init) => {
  const answer = await fetch(url, init);
  if (!isCall(url)) return answer;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  bytes[bytes.length - 10] = (bytes.at(-10) ?? 0) ^ 1;
  return new Response(bytes, answer);
};

const alteringRequests: Transport = (url, init) => {
  if (!isCall(url) || init.body === null) return fetch(url, init);
  const body = init.body.slice();
  body[30] = body[30] === 65 ? 66 : 65;
  return fetch(url, { ...init, body });
};

const alteringSignatures: Transport = (url, init) => {
  const name = Object.keys(init.headers).find((header) => /^x-nen-signature$/i.test(header));
  if (!isCall(url) || name === undefined) return fetch(url, init);
  return fetch(url, { ...init, headers: { ...init.headers, [name]: `${'A'.repeat(43)}=` } });
};
