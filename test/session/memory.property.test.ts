/**
 * Any sequence of calls: the store in memory answers as a naive model does that keeps plain lists and
 * looks through all of them. Only how long after its time a claim is forgotten is left to the store.
 */
import fc from 'fast-check';
import { test } from 'vitest';
import { GENERATION_MS } from '../../src/session/claim-table.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';

const LIMITS = { maxSessions: 3, maxUnconfirmed: 2 };

interface ModelSession {
  sid: string;
  byte: number;
  endsAt: number;
  confirmed: boolean;
}

/** Oldest first: sessions by creation or last use, claims by time. */
class Model {
  now = 1_700_000_000_000;
  sessions: ModelSession[] = [];
  claims: { key: string; attempt: string; endsAt: number }[] = [];

  /** Expired sessions stay in the way until they are looked for, or are the oldest of their room. */
  find(sid: string): ModelSession | undefined {
    const session = this.sessions.find((other) => other.sid === sid);
    if (session === undefined || session.endsAt > this.now) return session;
    this.drop(sid);
    return undefined;
  }

  drop(sid: string | undefined): void {
    this.sessions = this.sessions.filter((session) => session.sid !== sid);
  }

  remove(sid: string): boolean {
    const there = this.find(sid) !== undefined;
    this.drop(sid);
    return there;
  }

  put(session: ModelSession): void {
    this.drop(session.sid);
    this.sessions.push(session);
    const room = (confirmed: boolean) => this.sessions.filter((other) => other.confirmed === confirmed);
    for (const confirmed of [true, true, false, false]) {
      const oldest = room(confirmed)[0];
      if (oldest !== undefined && oldest.endsAt <= this.now) this.drop(oldest.sid);
    }
    const cap = session.confirmed ? LIMITS.maxSessions : LIMITS.maxUnconfirmed;
    if (room(session.confirmed).length > cap) this.drop(room(session.confirmed)[0]?.sid);
  }
}

interface Real {
  store: InMemorySessionStore;
  clock: { now: number };
}

function command(
  name: string,
  run: (model: Model, real: Real) => Promise<void>,
): fc.AsyncCommand<Model, Real> {
  return { check: () => true, run, toString: () => name };
}

function same(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected)
    throw new Error(`${what}: the store says ${String(actual)}, the model ${String(expected)}`);
}

const sid = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '__proto__');
const nonce = fc.constantFrom('1', '2', 'constructor');
const attempt = fc.constantFrom('x', 'y');
const byte = fc.integer({ min: 0, max: 255 });
const ms = fc.constantFrom(0, 1, 1000, 15_999, 16_000, 30_000, 120_000, 900_000);

const commands = [
  fc.tuple(sid, byte, ms).map(([id, value, ttlMs]) =>
    command(`create(${id}, ${value}, ${ttlMs})`, async (model, { store }) => {
      await store.create(id, Uint8Array.of(value), ttlMs);
      model.put({ sid: id, byte: value, endsAt: model.now + ttlMs, confirmed: false });
    }),
  ),
  sid.map((id) =>
    command(`read(${id})`, async (model, { store }) => {
      same((await store.read(id))?.[0], model.find(id)?.byte, 'read');
    }),
  ),
  sid.map((id) =>
    command(`delete(${id})`, async (model, { store }) => {
      same(await store.delete(id), model.remove(id), 'delete');
    }),
  ),
  fc.tuple(sid, sid, byte, ms).map(([oldSid, newSid, value, ttlMs]) =>
    command(`rotate(${oldSid}, ${newSid}, ${value}, ${ttlMs})`, async (model, { store }) => {
      const there = model.remove(oldSid);
      same(await store.rotate(oldSid, newSid, Uint8Array.of(value), ttlMs), there, 'rotate');
      if (there) model.put({ sid: newSid, byte: value, endsAt: model.now + ttlMs, confirmed: true });
    }),
  ),
  fc.tuple(sid, nonce, attempt, ms, ms, fc.boolean()).map(([id, n, who, claimMs, idleMs, requireSession]) =>
    command(
      `claim(${id}, ${n}, ${who}, ${claimMs}, ${idleMs}, ${requireSession})`,
      async (model, { store }) => {
        const result = await store.claim(id, n, who, { claimMs, idleMs, requireSession });
        const session = requireSession ? model.find(id) : undefined;
        if (requireSession && session === undefined) return same(result, 'gone', 'claim');
        const key = JSON.stringify([id, n]);
        const held = model.claims.find((claim) => claim.key === key);
        const byAnother = held !== undefined && held.attempt !== who;
        const mayBeForgotten = held !== undefined && held.endsAt <= model.now;
        if (mayBeForgotten && held.endsAt + GENERATION_MS > model.now) {
          if (!byAnother) same(result, 'claimed', 'claim');
          else if (result !== 'claimed') return same(result, 'replayed', 'claim');
        } else if (byAnother && !mayBeForgotten) {
          return same(result, 'replayed', 'claim');
        } else {
          same(result, 'claimed', 'claim');
        }
        const endsAt = Math.max(byAnother ? 0 : (held?.endsAt ?? 0), model.now + claimMs);
        model.claims = [...model.claims.filter((claim) => claim.key !== key), { key, attempt: who, endsAt }];
        if (session !== undefined) {
          model.remove(id);
          model.put({ ...session, confirmed: true, endsAt: model.now + idleMs });
        }
      },
    ),
  ),
  ms.map((by) =>
    command(`wait(${by})`, async (model, real) => {
      real.clock.now += by;
      model.now += by;
    }),
  ),
];

test('the store in memory answers as a naive model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (sequence) => {
      const setup = () => {
        const model = new Model();
        const clock = { now: model.now };
        return {
          model,
          real: { clock, store: new InMemorySessionStore({ ...LIMITS, now: () => clock.now }) },
        };
      };
      await fc.asyncModelRun(setup, sequence);
    }),
    { numRuns: 1000 },
  );
});
