/** One of the processes of a leak test: takes orders, and keeps what it prints. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Answers, Order, Ordered } from './orders.ts';

export interface Child {
  readonly pid: number | undefined;
  /** What it said when it had started. */
  readonly started: unknown;
  /** Everything on its standard output and error. */
  printed(): Buffer;
  order<Name extends Order>(order: Name, ...given: readonly string[]): Promise<Answers[Name]>;
  stop(): Promise<void>;
}

interface Said {
  readonly answer?: unknown;
  readonly failed?: string;
}

export async function startChild(file: string, env: NodeJS.ProcessEnv): Promise<Child> {
  const { PATH } = process.env;
  const child = fork(file, [], { execArgv: ['--expose-gc'], env: { PATH, ...env }, silent: true });
  const printed: Buffer[] = [];
  for (const output of [child.stdout, child.stderr])
    output?.on('data', (chunk: Buffer) => printed.push(chunk));
  const print = (): Buffer => Buffer.concat(printed);
  const started = await answerOf(child, print);
  return {
    pid: child.pid,
    started,
    printed: print,
    async order(order, ...given) {
      const answer = answerOf(child, print);
      child.send({ order, given } satisfies Ordered);
      return (await answer) as never;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function answerOf(child: ChildProcess, printed: () => Buffer): Promise<unknown> {
  const gone = new AbortController();
  const onExit = (): void => gone.abort(new Error(`the process ended:\n${printed().toString('utf8')}`));
  child.once('exit', onExit);
  try {
    const [{ answer, failed }] = (await once(child, 'message', { signal: gone.signal })) as [Said];
    if (failed !== undefined) throw new Error(failed);
    return answer;
  } catch (error) {
    throw gone.signal.aborted ? gone.signal.reason : error;
  } finally {
    child.off('exit', onExit);
  }
}
