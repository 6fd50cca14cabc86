/** Several processes of one application, a way to them that fails over, and what they ran. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Transport } from '../../../src/link/client/transport.ts';
import { freePort } from '../../support/ports.ts';
import { STORE_KEY } from '../stage.ts';

const SCRIPT = fileURLToPath(new URL('app-process.mjs', import.meta.url));

export interface AppSettings {
  readonly cluster?: readonly number[];
  readonly redis?: number;
  readonly replicas?: number;
  /** Whether what runs is written down. */
  readonly logs?: boolean;
}

export interface App {
  readonly url: string;
  /** Ends it at once. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** The time that its process has had of the processor, in microseconds. */
  cpuMicroseconds(): Promise<number>;
}

export interface Apps {
  readonly apps: readonly App[];
  /** Everything that began to run, on all of them. */
  ran(): string[];
  /**
   * A way to all of them, one after the other. A connection that breaks is tried at the next, with the very
   * same request, as a proxy does that is told to repeat even what isn't idempotent.
   */
  readonly transport: Transport;
  /** How many requests the way has repeated. */
  readonly repeated: { count: number };
  stop(): Promise<void>;
}

export async function startApps(number: number, { logs = true, ...settings }: AppSettings): Promise<Apps> {
  const folder = mkdtempSync(join(tmpdir(), 'nen-apps-'));
  const log = (i: number): string => join(folder, `ran-${i}`);
  const apps = await Promise.all(
    Array.from({ length: number }, (_, i) =>
      startApp({ ...settings, log: logs ? log(i) : '', storeKey: STORE_KEY }),
    ),
  );
  const [first] = apps;
  if (first === undefined) throw new TypeError('no app');
  const repeated = { count: 0 };
  let turn = 0;
  const transport: Transport = async (url, init) => {
    let failure: unknown;
    for (let tries = 0; tries < number; tries++) {
      const app = apps[turn++ % number] ?? first;
      try {
        const response = await fetch(url.replace(first.url, app.url), init as RequestInit);
        // Whole, so that a body that breaks off is repeated too.
        const body = await response.arrayBuffer();
        return new Response(body, { status: response.status, headers: response.headers });
      } catch (error) {
        init.signal?.throwIfAborted();
        failure = error;
        repeated.count++;
      }
    }
    throw failure;
  };
  return {
    apps,
    transport,
    repeated,
    ran: () =>
      apps.flatMap((_, i) =>
        existsSync(log(i)) ? readFileSync(log(i), 'utf8').split('\n').filter(Boolean) : [],
      ),
    stop: async () => {
      await Promise.all(apps.map((app) => app.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startApp(
  settings: Omit<AppSettings, 'logs'> & { log: string; storeKey: string },
): Promise<App> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = fork(SCRIPT, {
      env: { ...process.env, NEN_FAULT_APP: JSON.stringify({ ...settings, port }) },
    });
    child = started;
    await new Promise<void>((resolve, reject) => {
      started.once('message', () => resolve());
      started.once('exit', (code) => reject(new Error(`the app ended with ${code}`)));
    });
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    start,
    cpuMicroseconds: () =>
      new Promise((resolve) => {
        child?.once('message', (usage: NodeJS.CpuUsage) => resolve(usage.user + usage.system));
        child?.send('cpu');
      }),
    kill: async () => {
      const ending = child;
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
      const gone = new Promise((resolve) => ending.once('exit', resolve));
      ending.kill('SIGKILL');
      await gone;
    },
  };
}
