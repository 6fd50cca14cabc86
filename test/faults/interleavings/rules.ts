/** What must hold, of each message, of each operation's end, and of what is left. Each rule gives what broke it. */
import { ClientSession } from '../../../src/link/client/client-session.ts';
import { NenError } from '../../../src/protocol/errors.ts';
import { HANDSHAKE } from '../../link/channel.ts';
import type { History } from './history.ts';
import { type Operation, rightAnswer } from './operations.ts';
import { isWiped, watched } from './watched-sessions.ts';
import type { Exchange } from './way.ts';

const ROTATE = '/api/nen/rotate';

/** @param sent before it. */
export function brokenBySending(
  { path, names, sid }: Exchange,
  sent: readonly Exchange[],
  operations: readonly Operation[],
  history: History,
): string[] {
  const broken: string[] = [];
  const underWay = sent.filter((other) => other.open && other.path === path).length;
  // A termination gives up the handshake and the rotation that are under way.
  if (path === ROTATE && underWay > history.terminations) broken.push('two rotations at once');
  if (path === HANDSHAKE && underWay > history.terminations) broken.push('two handshakes at once');
  for (const { name, began } of operations) {
    if (names.includes(name) && sid !== undefined && began.deadSids.has(sid))
      broken.push(`${name} was sent under a session that had been terminated`);
  }
  return broken;
}

/** At the moment at which the operation ends. */
export function brokenByEnding(operation: Operation, history: History): string[] {
  const { name, kind, door, controller, began, fate } = operation;
  if (fate === undefined) return [`${name} has not ended`];
  const broken: string[] = [];
  if ('value' in fate && door !== undefined && fate.value !== rightAnswer(operation))
    broken.push(`${name} was answered ${JSON.stringify(fate.value)}`);
  // Who aborts gets what he aborted with.
  if (door !== undefined && controller.signal.aborted) return broken;
  if ('error' in fate && NenError.from(fate.error) === undefined)
    broken.push(`${name} failed with what is no NenError: ${String(fate.error)}`);
  const code = 'error' in fate ? NenError.from(fate.error)?.code : 'none';
  if (began.terminated && began.session === history.session && kind !== 'terminate') {
    if (code !== 'ISO-2001') broken.push(`${name} came to ${code} in a client that was terminated`);
  }
  if ('error' in fate && mustSucceed(operation, history))
    broken.push(`${name} failed unharmed: ${told(fate.error)}`);
  return broken;
}

/** Queries get through whatever rotates and restarts; the others too, where there was no harm before either. */
function mustSucceed({ kind, began }: Operation, history: History): boolean {
  if (began.harm !== history.harm || began.terminated) return false;
  // A status is never retried: the session may be rotated under it.
  return kind === 'query' || (began.harm === 0 && kind !== 'status');
}

/** When everything has arrived that was ever sent. @param ran how often each call ran. */
export function brokenByRunning(
  operations: readonly Operation[],
  ran: ReadonlyMap<string, number>,
): string[] {
  return operations.flatMap(({ name, kind, door, fate }) => {
    const times = ran.get(name) ?? 0;
    const broken: string[] = [];
    if (kind === 'mutation' && times > 1) broken.push(`${name} ran ${times} times`);
    if (fate !== undefined && 'value' in fate && door !== undefined && times === 0)
      broken.push(`${name} was answered and never ran`);
    if (
      fate !== undefined &&
      'error' in fate &&
      NenError.from(fate.error)?.outcome === 'not-run' &&
      times > 0
    )
      broken.push(`${name} ran ${times} times, though it was told: ${told(fate.error)}`);
    return broken;
  });
}

/** Once the client is terminated: only the server may have a session, and none that has ended. */
export function brokenByKeys(): string[] {
  return watched.flatMap((session) => {
    const owner = session instanceof ClientSession ? 'client' : 'server';
    if (session.retired) return isWiped(session) ? [] : [`keys of a dead session are left on the ${owner}`];
    return owner === 'client' ? ['a session of the client outlives its termination'] : [];
  });
}

export function told(error: unknown): string {
  const { code, outcome, status } = NenError.from(error) ?? {};
  return [code, outcome, status, String(error)].filter(Boolean).join(', ');
}
