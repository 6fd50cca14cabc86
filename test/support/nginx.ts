/**
 * A real nginx in front of what a test serves, on a free loopback port, in a folder of its own. Where there
 * is none, `describeWithNginx` says so and skips.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { findNginx, NGINX_MISSING } from '../../scripts/lib/nginx.mjs';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const HOST = '127.0.0.1';
const program = findNginx();
export const hasNginx: boolean = program !== undefined;

/** Its title says what is missing where the tests in it are skipped. */
export function describeWithNginx(title: string, tests: () => void): void {
  describe.skipIf(program === undefined)(
    program === undefined ? `${title} (${NGINX_MISSING})` : title,
    tests,
  );
}

export interface Nginx {
  readonly port: number;
  /** http://127.0.0.1:port */
  readonly url: string;
  /** Where all of its files are. */
  readonly folder: string;
  /** What it has written into a file of its folder, such as 'access.log'. */
  read(file: string): string;
  stop(): Promise<void>;
}

export interface NginxOptions {
  /** The ports of the servers behind it: `upstream app`. */
  readonly upstreams: readonly number[];
  /** Lines of the `upstream` block. */
  readonly upstream?: string;
  /** Lines of the `http` block. */
  readonly http?: string;
  /** Lines of the `server` block. */
  readonly server?: string;
  /** Lines of `location /`, which passes everything on to `app` unless they say otherwise. */
  readonly location?: string;
  /** After the port in `listen`: 'http2'. */
  readonly listen?: string;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function startNginx({
  upstreams,
  upstream = '',
  http = '',
  server = '',
  location = '',
  listen = '',
}: NginxOptions): Promise<Nginx> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'nen-nginx-'));
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi', 'cache']) mkdirSync(join(folder, name));
  const servers = upstreams.map((at) => `server ${HOST}:${at} max_fails=1 fail_timeout=1s;`).join('\n');
  const pass = /\bproxy_pass\b/.test(location) ? '' : 'proxy_pass http://app;';
  const config = `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
events { worker_connections 512; }
http {
  log_format everything '$request $status $http_referer $http_cookie $request_body $upstream_status';
  access_log ${folder}/access.log everything;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=cache:1m;
  ${http}
  upstream app {
    ${servers}
    ${upstream}
  }
  server {
    listen ${HOST}:${port} ${listen};
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Host $http_host;
    ${server}
    location / {
      ${location}
      ${pass}
    }
  }
}
`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, config);
  const child = spawn(program ?? 'nginx', ['-p', folder, '-c', file, '-e', join(folder, 'error.log')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const read = (name: string): string =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '';
  try {
    await until('nginx listens', () => {
      if (child.exitCode !== null) throw new Error(`nginx ended: ${complaints}${read('error.log')}`);
      return accepts(port);
    });
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    port,
    url: `http://${HOST}:${port}`,
    folder,
    read,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    const say = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', say(true)).on('error', say(false));
  });
}
