/**
 * A browser's side, a server of ours and a provider, each over real HTTP, and every byte between the first two.
 */
import { createNen, type NenEvent } from '../../../src/adapter/server.ts';
import { type SecureAIOptions, withSecureAI } from '../../../src/ai/server/index.ts';
import { serve, type TestServer } from '../../support/serve.ts';
import { PROVIDER_KEY, startProvider, type TestProvider } from './provider.ts';

export interface Stage {
  readonly url: string;
  readonly provider: TestProvider;
  readonly events: NenEvent[];
  /** What withSecureAI told the operator. */
  readonly told: unknown[];
  /** Everything that went between client and server: request lines, headers and bodies, both ways. */
  wire(): string;
  requestLines(): string[];
  close(): Promise<void>;
}

type Overrides = Partial<SecureAIOptions>;

/**
 * Routes: '/api/ai' for OpenAI, '/api/anthropic' for Anthropic, both with the same options.
 * @param page answers everything that is not under '/api/'.
 */
export async function openStage(
  overrides: Overrides = {},
  page: (path: string) => Response = () => new Response(null, { status: 404 }),
): Promise<Stage> {
  const provider = await startProvider();
  const events: NenEvent[] = [];
  const told: unknown[] = [];
  const nen = createNen({ onEvent: (event) => events.push(event) });
  const common = {
    models: ['gpt-test', 'gpt-other'],
    apiKey: PROVIDER_KEY,
    nen,
    onError: (error: unknown) => told.push(error),
    ...overrides,
  };
  const routes: Readonly<Record<string, (req: Request) => Promise<Response>>> = {
    ai: withSecureAI({ upstream: `${provider.url}/v1`, ...common }),
    anthropic: withSecureAI({
      ...{ provider: 'anthropic', endpoint: '/api/anthropic', upstream: provider.url },
      ...common,
    }),
  };
  const wire: string[] = [];
  const lines: string[] = [];
  const server: TestServer = await serve(async (req) => {
    const { pathname, search } = new URL(req.url);
    if (!pathname.startsWith('/api/')) return page(pathname);
    lines.push(`${req.method} ${pathname}`);
    wire.push(
      `${req.method} ${pathname}${search}`,
      JSON.stringify([...req.headers]),
      await req.clone().text(),
    );
    const [, , name = '', action = ''] = pathname.split('/');
    const answer =
      name === 'nen'
        ? await (action === 'status' ? nen.routes.GET(req) : nen.routes.POST(req))
        : ((await routes[name]?.(req)) ?? new Response(null, { status: 404 }));
    wire.push(String(answer.status), JSON.stringify([...answer.headers]));
    return new Response(answer.body?.pipeThrough(tap(wire)) ?? null, answer);
  });
  return {
    url: server.url,
    provider,
    events,
    told,
    wire: () => wire.join('\n'),
    requestLines: () => lines,
    async close() {
      await server.close();
      await provider.close();
    },
  };
}

/** Keeps a copy of what passes. */
function tap(copies: string[]): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder('latin1');
  return new TransformStream({
    transform(chunk, controller) {
      copies.push(decoder.decode(chunk));
      controller.enqueue(new Uint8Array(chunk));
    },
  });
}
