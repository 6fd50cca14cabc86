/** The stage of the soak tests: their server, and the units in which its figures are told. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { bundleForNode } from '../support/bundle.ts';
import type { Order, SoakReport } from './server.ts';

const MEBIBYTE = 2 ** 20;

export interface SoakServer {
  readonly url: string;
  readonly port: number;
  /** Collects what is garbage, and tells what there is. */
  report(order?: Order): Promise<SoakReport>;
  stop(): Promise<void>;
}

export async function startSoakServer(): Promise<SoakServer> {
  const bundled = await bundleForNode(new URL('server.ts', import.meta.url));
  const child = fork(bundled.file, [], { execArgv: ['--expose-gc'] });
  const next = async (): Promise<SoakReport> => ((await once(child, 'message')) as [SoakReport])[0];
  const { url } = await next();
  return {
    url,
    port: Number(new URL(url).port),
    report: (order = {}) => {
      const answer = next();
      child.send(order);
      return answer;
    },
    stop: async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
      await bundled.remove();
    },
  };
}

export function mebibytes(bytes: number): number {
  return bytes / MEBIBYTE;
}
