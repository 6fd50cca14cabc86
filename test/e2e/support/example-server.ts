/** The built example, served by `next start` on a free loopback port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildExample, folderOf } from '../../../scripts/lib/example.mjs';
import { freePort } from '../../support/ports.ts';

export const exampleFolder: string = folderOf('next-trpc');

export interface ExampleServer {
  readonly port: number;
  /** What the server has written to its log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** @param environment on top of the present one. */
export async function startExample(
  environment: Readonly<Record<string, string>> = {},
  name = 'next-trpc',
): Promise<ExampleServer> {
  const folder = folderOf(name);
  if (!existsSync(join(folder, '.next', 'BUILD_ID'))) await buildExample(name);
  const port = await freePort();
  const next = join(folder, 'node_modules', 'next', 'dist', 'bin', 'next');
  const child = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', String(port)], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  await served(port, child, () => log);
  return {
    port,
    log: () => log,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function served(port: number, child: ChildProcess, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`the example ended at its start:\n${log()}`);
    const response = await fetch(`http://127.0.0.1:${port}/icon.svg`).catch(() => undefined);
    await response?.body?.cancel();
    if (response) return;
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error(`the example doesn't answer:\n${log()}`);
}
