/**
 * Who floods, in a process of its own so that whoever is honest doesn't wait for it: POSTs handshake bodies, so
 * many at once, and tells how often each answer came. Ends when its parent leaves.
 */
import { Agent, request as httpRequest } from 'node:http';
import type { Bytes } from '../../src/crypto/bytes.ts';

/** What the parent orders. */
export interface Flood {
  readonly url: string;
  readonly bodies: readonly Bytes[];
  readonly inFlight: number;
  readonly ms: number;
}

/** How often each answer came: its status, its code, and whether it says when to come again. */
export type FloodAnswers = ReadonlyMap<string, number>;

let next = 0;

async function flood({ url, bodies, inFlight, ms }: Flood): Promise<FloodAnswers> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const answers = new Map<string, number>();
  const end = performance.now() + ms;
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      const answer = await shoot(url, agent, bodies[next++ % bodies.length] ?? new Uint8Array(0));
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  agent.destroy();
  return answers;
}

/** @returns what a body is answered with. */
function shoot(url: string, agent: Agent, body: Bytes): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    const outgoing = httpRequest(url, { method: 'POST', agent, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('latin1');
      incoming.on('data', (data: string) => {
        text += data;
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        const code = /"code":"(ISO-[0-9]{4})"/.exec(text)?.[1] ?? '';
        const retry = incoming.headers['retry-after'] === undefined ? '' : ' Retry-After';
        resolve(`${incoming.statusCode} ${code}${retry}`.trim());
      });
    });
    // A body that is refused unread: the connection goes with it.
    outgoing.on('error', () => resolve('closed'));
    outgoing.end(body);
  });
}

async function answer(order: Flood): Promise<void> {
  process.send?.(await flood(order));
}

process.on('message', (order: Flood) => void answer(order));
process.on('disconnect', () => process.exit(0));
