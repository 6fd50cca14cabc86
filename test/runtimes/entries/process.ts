/**
 * Node, Deno and Bun: serves the application on a free port with the runtime's own HTTP server, says where on
 * the first line, and goes on until it is killed.
 */
import { createRuntimeApp } from '../suite.ts';

interface Served {
  readonly version: string;
  readonly url: string;
}

/** The part of the globals that tells these runtimes apart; their types are not installed. */
interface Runtimes {
  readonly Deno?: {
    readonly version: { readonly deno: string };
    serve(
      options: object,
      handler: (req: Request) => Response | Promise<Response>,
    ): { addr: { port: number } };
  };
  readonly Bun?: {
    readonly version: string;
    serve(options: object): { readonly port: number };
  };
}

const { Deno, Bun } = globalThis as Runtimes;
const app = createRuntimeApp(GOLDEN_TRANSCRIPTS);
const hostname = '127.0.0.1';
const NEVER_SECONDS = 0;

async function serve(): Promise<Served> {
  if (Deno !== undefined) {
    const { addr } = Deno.serve({ hostname, port: 0, onListen: () => undefined }, app);
    return { version: Deno.version.deno, url: `http://${hostname}:${addr.port}` };
  }
  if (Bun !== undefined) {
    const { port } = Bun.serve({ hostname, port: 0, idleTimeout: NEVER_SECONDS, fetch: app });
    return { version: Bun.version, url: `http://${hostname}:${port}` };
  }
  const server = await import('../../support/serve.ts');
  return { version: process.versions.node, url: (await server.serve(app)).url };
}

console.log(JSON.stringify(await serve()));
