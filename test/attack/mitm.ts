/** Starts the man in the middle: mitm-proxy.ts, in a process of its own. */
import { fork } from 'node:child_process';
import type { Transport } from '../../src/link/client/transport.ts';
import { bundleForNode } from '../support/bundle.ts';
import type { MitmMode, MitmReport } from './mitm-proxy.ts';

export interface Mitm {
  readonly url: string;
  readonly pid: number | undefined;
  /** What it has been asked for, and every plaintext that it has read, as latin1 text. */
  log(): Promise<{ readonly paths: readonly string[]; readonly read: string }>;
  close(): Promise<void>;
}

export interface MitmBuild {
  start(server: string, mode: MitmMode): Promise<Mitm>;
  remove(): Promise<void>;
}

export async function buildMitm(): Promise<MitmBuild> {
  const { file, remove } = await bundleForNode(new URL('mitm-proxy.ts', import.meta.url));
  return { start: (server, mode) => start(file, server, mode), remove };
}

async function start(file: string, server: string, mode: MitmMode): Promise<Mitm> {
  const child = fork(file, [server, mode], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const next = <Type extends MitmReport['type']>(type: Type): Promise<Extract<MitmReport, { type: Type }>> =>
    new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error('the proxy has ended'));
      const take = (message: unknown): void => {
        const report = message as MitmReport;
        if (report.type !== type) return;
        child.off('message', take);
        child.off('exit', gone);
        resolve(report as Extract<MitmReport, { type: Type }>);
      };
      child.on('message', take);
      child.once('exit', gone);
    });
  const { url } = await next('listening');
  return {
    url,
    pid: child.pid,
    async log() {
      const report = next('log');
      child.send('log');
      const { paths, read } = await report;
      return { paths, read: read.join('\n') };
    },
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}

/** The network leads whoever means `server` to `proxy`: by DNS, by a contract, or by force. */
export function ledTo(proxy: { readonly url: string }, server: { readonly url: string }): Transport {
  return (url, init) => {
    if (!url.startsWith(`${server.url}/`)) throw new Error(`another server was meant: ${url}`);
    return fetch(proxy.url + url.slice(server.url.length), init);
  };
}
