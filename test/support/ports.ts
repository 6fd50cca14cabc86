/**
 * Ports for servers that are told theirs. They lie below those that the system gives out itself (on Linux from
 * 32 768 on), so that no other listener of a test run gets one between its choice and its use.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 12_000;
/** A node of a Redis cluster takes the port 10 000 further too. */
const BEHIND_LAST = 22_000;

/** Given out once in a process. */
const given = new Set<number>();

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, BEHIND_LAST);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await once(probe.close(), 'close');
  return true;
}
