/** Everything that a run has left behind, and what SECURITY.md says may be seen in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CANARY_KINDS } from './canaries.ts';
import type { Shown } from './orders.ts';
import type { Stage } from './stage.ts';
import { UNESCAPED, type View } from './views.ts';

export interface Capture {
  readonly name: string;
  readonly bytes: Buffer;
  /** Kinds of canaries and secrets that belong there. */
  readonly allowed: readonly string[];
  /** All by default. */
  readonly views?: readonly View[];
}

/** What is on the way: nothing belongs there. */
export function onTheWay({ taps, nginx }: Stage): readonly Capture[] {
  const file = (name: string): Buffer => readFileSync(join(nginx.folder, name));
  return [
    { name: 'wire between client and nginx', bytes: join0(taps.client.streams()), allowed: [] },
    { name: 'wire between nginx and server', bytes: join0(taps.server.streams()), allowed: [] },
    { name: 'access log of nginx', bytes: file('all.log'), allowed: [] },
    { name: 'debug log of nginx', bytes: file('debug.log'), allowed: [] },
    { name: 'body files of nginx', bytes: filesIn(join(nginx.folder, 'body')), allowed: [] },
  ];
}

/** Around the store. Records are sealed, so that nothing belongs there but the password that a client logs in with. */
export function aroundRedis({ taps, redis, monitored }: Stage): readonly Capture[] {
  return [
    {
      name: 'wire between server and Redis',
      bytes: join0(taps.redis.streams()),
      allowed: ['redis password'],
    },
    { name: 'MONITOR', bytes: monitored(), allowed: [] },
    { name: 'append-only file', bytes: filesIn(join(redis.folder, 'appendonlydir')), allowed: [] },
    { name: 'RDB dump', bytes: readFileSync(join(redis.folder, 'dump.rdb')), allowed: [] },
  ];
}

export interface Said {
  readonly errors: readonly string[];
  readonly shown: readonly Shown[];
}

/**
 * What the processes print and show. The application's own log is told of paths, and of what its handlers threw.
 * @param printed kinds that the debugging of others prints.
 */
export function ofTheProcesses(
  { client, server }: Stage,
  { errors, shown }: Said,
  printed: readonly string[],
): readonly Capture[] {
  const all = (name: keyof Shown): Buffer => Buffer.from(shown.map((one) => one[name]).join('\n'), 'utf8');
  return [
    { name: 'output of the client', bytes: client.printed(), allowed: [] },
    { name: 'output of the server', bytes: server.printed(), allowed: ['path', 'thrown', ...printed] },
    { name: "errors of the client's", bytes: Buffer.from(errors.join('\n'), 'utf8'), allowed: [] },
    { name: 'objects, inspected', bytes: all('objects'), allowed: [] },
    // As with every Request and Response: headers and address are shown, the body isn't.
    { name: 'messages, inspected', bytes: all('messages'), allowed: ['header', 'path', 'query'] },
    { name: 'hidden parts of messages', bytes: all('hidden'), allowed: CANARY_KINDS },
  ];
}

/** Of strings that are held, in a process that lives on: it keeps what it was given, to serve the next session. */
export async function heapsOf({ client, server, folder }: Stage): Promise<readonly Capture[]> {
  const processes = [
    { name: 'heap of the client', child: client, allowed: ['client identity'] },
    {
      name: 'heap of the server',
      child: server,
      // 'path' are the names of procedures in its own router.
      allowed: ['server identity', 'store', 'store key', 'redis password', 'provider key', 'path'],
    },
  ];
  const captures: Capture[] = [];
  for (const [index, { name, child, allowed }] of processes.entries()) {
    const file = join(folder, `${index}.heapsnapshot`);
    await child.order('snapshot', file);
    captures.push({ name, bytes: readFileSync(file), allowed, views: [UNESCAPED] });
  }
  return captures;
}

function filesIn(folder: string): Buffer {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return join0(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name))),
  );
}

/** With something between, so that nothing is found that was never there in one piece. */
function join0(pieces: readonly Buffer[]): Buffer {
  return Buffer.concat(pieces.flatMap((piece) => [piece, Buffer.from([0])]));
}
