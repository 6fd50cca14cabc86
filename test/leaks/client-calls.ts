/** The calls of the leak tests: every way in which a client can send and get something, each with canaries. */
import { createTRPCUntypedClient, type TRPCUntypedClient } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { createSecureOpenAI } from '../../src/ai/index.ts';
import type { NenClient, NenHttpError } from '../../src/link/client/index.ts';
import { nenLink } from '../../src/link/index.ts';
import { type CanaryKind, canary } from './canaries.ts';
import type { Used } from './orders.ts';
import { EXPORTED, NAMED_PROCEDURES } from './server-app.ts';
import type { Settings } from './settings.ts';

const QUERIES = 10;
const MUTATIONS = 10;
const BATCHES = 40;
const CALLS_OF_A_BATCH = 10;
const REFUSALS = 5;
const SUBSCRIBED_ITEMS = 40;
const STREAMED_ITEMS = 30;
const TUNNELLED = 10;
const DIRECT = 10;
const THROWN = 5;
const FILES = 5;
const CANARIES_OF_A_FILE = 3;
const PROMPTS = 5;
const STREAMED_PROMPTS = 2;
/** Longer than nginx keeps in memory. */
const FILE_BYTES = 20_000;

/** Gives canaries out, each once. */
export class Mint {
  readonly used: Used = {};
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** The number of the next one. */
  index(kind: CanaryKind): number {
    const index = this.used[kind] ?? 0;
    this.used[kind] = index + 1;
    return index;
  }

  text(kind: CanaryKind, index: number = this.index(kind)): string {
    return canary(this.#seed, kind, index);
  }

  /** So many in a row, the number of the first. */
  row(kind: CanaryKind, count: number): { readonly first: number; readonly texts: readonly string[] } {
    const indices = Array.from({ length: count }, () => this.index(kind));
    return { first: indices[0] ?? 0, texts: indices.map((index) => this.text(kind, index)) };
  }
}

export interface Caller {
  readonly client: NenClient;
  readonly mint: Mint;
  readonly settings: Settings;
  /** What passes by, for whoever looks at it. */
  readonly messages: unknown[];
}

export async function makeCalls(caller: Caller): Promise<null> {
  (await caller.client.exporter(EXPORTED)).fill(0);
  await procedures(caller);
  await caller.client.rotate();
  await routes(caller);
  await tunnel(caller);
  await files(caller);
  await prompts(caller);
  await caller.client.status();
  return null;
}

export function trpcOf({ client, mint, settings }: Caller): TRPCUntypedClient<AnyTRPCRouter> {
  const headers = () => ({ 'x-note': mint.text('header') });
  return createTRPCUntypedClient({ links: [nenLink({ url: `${settings.url}/api/trpc`, client, headers })] });
}

async function procedures(caller: Caller): Promise<void> {
  const { mint } = caller;
  const trpc = trpcOf(caller);
  const call = async (kind: 'query' | 'mutation', path: string): Promise<void> => {
    const index = mint.index('output');
    const answer = await trpc[kind](path, { index, text: mint.text('input') });
    expectEqual(answer, { text: mint.text('output', index) });
  };
  for (let i = 0; i < QUERIES; i++) await call('query', 'ask');
  for (let i = 0; i < MUTATIONS; i++) await call('mutation', 'tell');
  for (let i = 0; i < BATCHES; i++) {
    const kind = i % 2 === 0 ? 'query' : 'mutation';
    const path = kind === 'query' ? 'ask' : 'tell';
    await Promise.all(Array.from({ length: CALLS_OF_A_BATCH }, () => call(kind, path)));
  }
  for (let i = 0; i < NAMED_PROCEDURES; i++) await call('query', mint.text('path'));
  for (let i = 0; i < REFUSALS; i++) {
    const index = mint.index('refusal');
    const refused = await trpc.query('refuse', { index, text: mint.text('input') }).catch((error) => error);
    expectEqual((refused as Error).message, mint.text('refusal', index));
  }
  await subscribe(trpc, mint);
}

async function subscribe(trpc: TRPCUntypedClient<AnyTRPCRouter>, mint: Mint): Promise<void> {
  const { first, texts } = mint.row('item', SUBSCRIBED_ITEMS);
  const ids: unknown[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = trpc.subscription(
      'listen',
      { first, count: texts.length },
      {
        onData: (item) => {
          ids.push((item as { readonly id: string }).id);
          if (ids.length < texts.length) return;
          subscription.unsubscribe();
          resolve();
        },
        onError: reject,
      },
    );
  });
  expectEqual(ids, texts);
}

async function routes({ client, mint }: Caller): Promise<void> {
  const ask = (index: number) => ({
    method: 'POST',
    body: JSON.stringify({ index, text: mint.text('input') }),
  });
  for (let i = 0; i < DIRECT; i++) {
    const index = mint.index('output');
    expectEqual(await client.nenFetch('/api/pay', ask(index)), { text: mint.text('output', index) });
  }
  for (let i = 0; i < THROWN; i++) {
    const error = await client.nenFetch('/api/throw', ask(mint.index('thrown'))).catch((thrown) => thrown);
    expectEqual((error as NenHttpError).status, 500);
  }
  const index = mint.index('refusal');
  const refused = await client.nenFetch('/api/refuse', ask(index)).catch((error) => error);
  expectEqual((refused as NenHttpError).data, { message: mint.text('refusal', index) });

  const { first, texts } = mint.row('item', STREAMED_ITEMS);
  const items: unknown[] = [];
  const body = JSON.stringify({ first, count: texts.length });
  for await (const item of client.nenStream('/api/items', { method: 'POST', body })) items.push(item);
  expectEqual(
    items,
    texts.map((text) => ({ text })),
  );
}

async function tunnel({ client, mint, messages }: Caller): Promise<void> {
  const fetch = client.tunnel('/api/echo');
  for (let i = 0; i < TUNNELLED; i++) {
    const [output, header] = [mint.index('output'), mint.index('header')];
    const answer = await fetch(`/api/echo/${mint.text('path')}?q=${mint.text('query')}`, {
      method: 'PUT',
      headers: {
        'x-index': String(output),
        'x-header-index': String(header),
        authorization: `Bearer ${mint.text('header')}`,
        'content-type': 'text/plain',
      },
      body: mint.text('input'),
    });
    expectEqual(answer.headers.get('x-answer'), mint.text('header', header));
    expectEqual([answer.status, await answer.text()], [418, mint.text('output', output)]);
    messages.push(answer);
  }
}

/** Files with canaries at the beginning, in the middle and at the end. */
async function files({ client, mint }: Caller): Promise<void> {
  const fetch = client.tunnel('/api/echo');
  for (let i = 0; i < FILES; i++) {
    const filling = new Uint8Array(FILE_BYTES).fill(i);
    const parts = Array.from({ length: CANARIES_OF_A_FILE }, () => mint.text('file'));
    const content = new Blob(parts.flatMap((part, at) => (at === 0 ? [part] : [filling, part])));
    const body = new FormData();
    body.set('file', content, `${mint.text('file')}.bin`);
    const answer = await fetch('/api/echo/file', { method: 'POST', body });
    const expected = Buffer.from(await content.arrayBuffer());
    expectEqual(Buffer.from(await answer.arrayBuffer()).equals(expected), true);
  }
}

async function prompts({ client, mint, settings }: Caller): Promise<void> {
  const headers = () => ({ 'x-note': mint.text('header') });
  const ai = createSecureOpenAI({ baseUrl: settings.url, client, headers });
  const saying = (text: string) => ({ messages: [{ role: 'user' as const, content: `say ${text}` }] });
  for (let i = 0; i < PROMPTS; i++) {
    const text = mint.text('prompt');
    const answer = await ai.chat.completions.create(saying(text));
    expectEqual(answer.choices[0]?.message.content, text);
  }
  for (let i = 0; i < STREAMED_PROMPTS; i++) {
    const text = mint.text('prompt');
    let said = '';
    for await (const chunk of ai.chat.completions.stream(saying(text)))
      said += chunk.choices[0]?.delta.content ?? '';
    expectEqual(said, text);
  }
}

/** There are no tests in this process: what is wrong is told to the one that has them. */
function expectEqual(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`a call came back with ${a} in place of ${b}`);
}
