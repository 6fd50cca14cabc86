/**
 * The altered requests again, as bytes through a real nginx, whose parser sees them first: 100 000 in
 * `npm run test:fuzz`. The handler runs those that say what was sealed, and both nginx and the server live on.
 */
import { Agent, request } from 'node:http';
import { expect, it } from 'vitest';
import { type Bytes, latin1ToBytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { openSession, type SealedCall, startWorld } from '../attack/harness.ts';
import { describeWithNginx, startNginx } from '../support/nginx.ts';
import { mutate } from './mutate.ts';
import { type Chance, chance } from './random.ts';
import { CASES, SEED } from './run.ts';

/** A twentieth of the cases of a run. */
const REQUESTS = Math.ceil(CASES / 20);
const AT_ONCE = 8;
const MINUTES_AT_MOST = 30;

describeWithNginx(`altered requests through nginx, NEN_FUZZ_SEED=${SEED}`, () => {
  it(
    `of ${REQUESTS}, the handler runs those that say what was sealed`,
    async () => {
      const texts = new Set<string>();
      const world = await startWorld({
        echo: async (req) => {
          const text = await req.text();
          if (!texts.delete(text)) throw new Error(`not sealed by the client, or run twice: ${text}`);
          return Response.json('ran');
        },
      });
      const failures = (): unknown[] => world.events.filter(({ type }) => type === 'handler-error');
      const nginx = await startNginx({ upstreams: [world.port] });
      const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
      try {
        const session = await openSession(world);
        const by = chance(SEED);
        for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) {
          const calls = await Promise.all(
            Array.from({ length: AT_ONCE }, async (_, at) => {
              const payload = `"${sent + at}"`;
              texts.add(payload);
              return alter(await session.seal({ payload: utf8ToBytes(payload) }), by);
            }),
          );
          await Promise.all(calls.map((call) => deliver(nginx.port, agent, call)));
          expect(failures()).toEqual([]);
        }
        expect(world.ran.length).toBeGreaterThan(0);
        expect(world.ran.length).toBeLessThan(REQUESTS);
      } finally {
        agent.destroy();
        await nginx.stop();
        await world.close();
      }
    },
    MINUTES_AT_MOST * 60_000,
  );
});

interface Altered {
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly body: Bytes;
}

/** Mostly one part altered, sometimes none. */
function alter({ target, headers, body = new Uint8Array(0) }: SealedCall, by: Chance): Altered {
  const fields = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const part = by.int(4);
  if (part === 0) return { target, headers: fields, body: mutate(body, by, [body]) };
  if (part === 1) {
    const name = by.pick(Object.keys(fields));
    const value = latin1ToBytes(fields[name] ?? '');
    fields[name] = printable(mutate(value, by, [value]));
  }
  if (part === 2)
    return { target: `/${printable(mutate(latin1ToBytes(target), by, [])).slice(1)}`, headers: fields, body };
  return { target, headers: fields, body };
}

/** What node:http agrees to send as a header or a target. */
function printable(bytes: Bytes): string {
  return Array.from(bytes, (byte) =>
    String.fromCharCode(byte > 32 && byte < 127 ? byte : 33 + (byte % 94)),
  ).join('');
}

/** Whatever comes back, even nothing, is an answer. */
function deliver(port: number, agent: Agent, { target, headers, body }: Altered): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = request(
      { host: '127.0.0.1', port, agent, method: 'POST', path: target, headers },
      (answer) => {
        answer.resume();
        answer.on('close', resolve);
      },
    );
    outgoing.on('error', () => resolve());
    outgoing.end(body);
  });
}
