/**
 * The load of T15 in a process of its own, with the client as an application's bundler makes it: in the process of a
 * test runner, whose heap is large, a call takes a tenth more. All calls go over the same bare node:http, without a
 * real Response of the way's. Ends when its parent leaves.
 */
import { bareResponse, httpTransport } from '../faults/long/http-transport.ts';
import { judge, type Load, startLoad } from '../faults/long/load.ts';

/** Begins a load; tells how far it is; ends it. */
export type Order =
  | {
      readonly begin: {
        readonly url: string;
        readonly sealed: boolean;
        readonly connections: number;
        readonly clients: number;
        readonly filler: string;
      };
    }
  | 'mark'
  | 'end';

export interface Mark {
  /** That have ended. */
  readonly calls: number;
  /** Of the processor, so far. */
  readonly microseconds: number;
  readonly atMs: number;
}

/** Of the calls that ended between the two marks. */
export interface Outcome {
  readonly p99Ms: number;
  readonly failed: number;
}

let load: Load;
let closeConnections: () => void;
let marks: Mark[] = [];

function mark(): Mark {
  const { user, system } = process.cpuUsage();
  const made = { calls: load.fates.length, microseconds: user + system, atMs: performance.now() };
  marks.push(made);
  return made;
}

async function end(): Promise<Outcome> {
  await load.stop();
  closeConnections();
  const fates = load.fates.slice(marks[0]?.calls, marks[1]?.calls);
  const ran = fates.filter(({ outcome }) => outcome === 'ran').map(({ name }) => JSON.stringify(name));
  const { p99Ms, ok } = judge(fates, ran);
  return { p99Ms, failed: fates.length - ok };
}

async function follow(order: Order): Promise<void> {
  if (order === 'mark') process.send?.(mark());
  else if (order === 'end') process.send?.(await end());
  else {
    const { connections, clients, ...settings } = order.begin;
    const { transport, close } = httpTransport(connections, bareResponse);
    closeConnections = close;
    marks = [];
    load = startLoad({ ...settings, transport, clients, calls: connections / clients });
  }
}

process.on('message', (order: Order) => void follow(order));
process.on('disconnect', () => process.exit(0));
