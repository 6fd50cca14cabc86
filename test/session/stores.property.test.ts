/**
 * Any sequence of calls, some of them at once and from two instances: every store answers as the model does, with
 * each nonce claimed by one attempt and each session rotated or deleted once. Time passes by the store's own clock:
 * in memory that of the test, in Redis by shortening what every key has left.
 */
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { GENERATION_MS } from '../../src/session/claim-table.ts';
import {
  InMemorySessionStore,
  RedisSessionStore,
  type SessionStore,
  UpstashSessionStore,
} from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { SealedSessionStore } from '../../src/session/sealed-store.ts';
import { PROPERTY_TIMEOUT_MS, runs } from '../support/property.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { startUpstashFront, type UpstashFront } from '../support/upstash-front.ts';
import {
  emptyState,
  explain,
  later,
  type Operation,
  type Rules,
  type State,
  withoutSessions,
} from './store-model.ts';

/** A store under test, as its instances see it, and the part of the model that is its own. */
interface Subject {
  readonly instances: readonly SessionStore[];
  readonly rules: Rules;
  pass(ms: number): Promise<void>;
  /** Makes it lose its memory. @returns what the model does about it. */
  forget(): Promise<(state: State) => State>;
}

const START_MS = 1_790_000_000_000;
const STEP_BACK_MS = 60_000;
const DAY_MS = 86_400_000;

/** Keys of two instances while a key is rolled: each opens what the other sealed. */
const STORE_KEYS = [1, 2].map((fill) => Buffer.alloc(32, fill).toString('base64'));
const RINGS = [new KeyRing(STORE_KEYS), new KeyRing([...STORE_KEYS].reverse())];
const sealed = (stores: readonly SessionStore[]): SessionStore[] =>
  RINGS.map((ring, i) => new SealedSessionStore(stores[i % stores.length] as SessionStore, () => ring));

type Limits = Pick<Rules, 'maxSessions' | 'maxUnconfirmed' | 'maxClaims'>;

function inMemory(limits: Limits): Subject {
  let now = START_MS;
  return {
    instances: [new InMemorySessionStore({ ...limits, now: () => now })],
    rules: { ...limits, slackMs: GENERATION_MS, maxStepBackMs: STEP_BACK_MS },
    async pass(ms) {
      now += ms;
    },
    async forget() {
      now -= DAY_MS;
      return (state) => later(state, -DAY_MS);
    },
  };
}

const UNLIMITED: Rules = {
  maxSessions: Number.POSITIVE_INFINITY,
  maxUnconfirmed: Number.POSITIVE_INFINITY,
  maxClaims: Number.POSITIVE_INFINITY,
  slackMs: 0,
  maxStepBackMs: 0,
};

/** Fails where a key would live for ever. */
const PASS_SCRIPT = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left < 0 then return redis.error_reply('ERR a key without an end') end
  if left > tonumber(ARGV[1]) then redis.call('PEXPIRE', key, left - ARGV[1]) else redis.call('DEL', key) end
end
return 1`;

async function inRedis(control: Redis, instances: readonly SessionStore[]): Promise<Subject> {
  await control.flushall();
  return {
    instances,
    rules: UNLIMITED,
    async pass(ms) {
      await control.eval(PASS_SCRIPT, 0, ms);
    },
    async forget() {
      await control.call('DEBUG', 'CHANGE-REPL-ID');
      return withoutSessions;
    },
  };
}

/** A session by its place among those there are: the first ones, and those that the last rotations brought. */
const place = fc.nat(5);
const nonce = fc.constantFrom('1', 'constructor');
const attempt = fc.constantFrom('x', 'y', 'z');
const byte = fc.nat(255);

/** As an Operation, with places for names. */
type Planned = Operation extends infer One
  ? One extends Operation
    ? Omit<One, 'sid' | 'newSid'> & { place: number }
    : never
  : never;

type Step =
  | { readonly step: 'calls'; readonly calls: readonly Planned[] }
  | { readonly step: 'pass'; readonly ms: number }
  | { readonly step: 'forget' };

/** @param ms of sessions and claims. @param passMs of the clock. */
function steps(ms: fc.Arbitrary<number>, passMs: fc.Arbitrary<number>): fc.Arbitrary<Step[]> {
  const create = fc.record({ call: fc.constant('create' as const), place, byte, ttlMs: ms });
  const read = fc.record({ call: fc.constant('read' as const), place });
  const remove = fc.record({ call: fc.constant('delete' as const), place });
  const rotate = fc.record({ call: fc.constant('rotate' as const), place, byte, ttlMs: ms });
  const epoch = fc.record({ call: fc.constant('epoch' as const), place });
  const claim = fc.record({
    call: fc.constant('claim' as const),
    place,
    nonce,
    attempt,
    claimMs: ms,
    idleMs: ms,
    requireSession: fc.boolean(),
    inEpoch: fc.constantFrom('unnamed', 'unnamed', 'own', 'other'),
  });
  const one: fc.Arbitrary<Planned> = fc.oneof(
    { weight: 3, arbitrary: create },
    { weight: 5, arbitrary: claim },
    { weight: 2, arbitrary: read },
    { weight: 2, arbitrary: rotate },
    { weight: 1, arbitrary: remove },
    { weight: 1, arbitrary: epoch },
  );
  /** Several at the same session and nonce. */
  const contest = fc
    .tuple(fc.array(fc.oneof(claim, claim, rotate, remove), { minLength: 2, maxLength: 4 }), place, nonce)
    .map(([calls, where, what]) =>
      calls.map((call) => ({ ...call, place: where, ...(call.call === 'claim' && { nonce: what }) })),
    );
  const calls: fc.Arbitrary<readonly Planned[]> = fc.oneof(
    { weight: 6, arbitrary: one.map((call) => [call]) },
    { weight: 2, arbitrary: contest },
    { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 4 }) },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 12, arbitrary: fc.record({ step: fc.constant('calls' as const), calls }) },
    { weight: 3, arbitrary: fc.record({ step: fc.constant('pass' as const), ms: passMs }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('forget' as const) }) },
  );
  return fc.array(step, { maxLength: 40, size: 'max' });
}

/** Runs the steps and keeps every state that explains what the store has answered so far. */
class Comparison {
  readonly #subject: Subject;
  readonly #rotated: string[] = [];
  readonly #epochs: string[] = [];
  #states: readonly State[] = [emptyState(START_MS)];
  #turn = 0;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** Every new memory is asked for its name before anything else, so that their order is known. */
  async run(all: readonly Step[]): Promise<void> {
    await this.#call([{ call: 'epoch', place: 0 }]);
    for (const one of all) {
      if (one.step === 'calls') await this.#call(one.calls);
      else {
        const change = await this.#time(one);
        this.#states = this.#states.map(change);
        await this.#call([{ call: 'epoch', place: 0 }]);
      }
    }
  }

  async #time(step: Step & { step: 'pass' | 'forget' }): Promise<(state: State) => State> {
    if (step.step === 'forget') return this.#subject.forget();
    await this.#subject.pass(step.ms);
    return (state) => later(state, step.ms);
  }

  async #call(planned: readonly Planned[]): Promise<void> {
    // Nobody is told the name of a session before its rotation is done.
    const names = ['a', 'b', '__proto__', 'é', ...this.#rotated.slice(-2)];
    const operations = planned.map((call) => this.#named(call, names));
    const done = await Promise.all(
      operations.map(async (operation) => ({ operation, result: await this.#perform(operation) })),
    );
    const states = explain(this.#subject.rules, this.#states, done);
    if (states.length === 0) {
      const told = done.map(({ operation, result }) => `${JSON.stringify(operation)} -> ${result}`);
      throw new Error(`no order explains\n${told.join('\n')}\nin\n${JSON.stringify(this.#states)}`);
    }
    this.#states = states;
  }

  #named({ place: at, ...call }: Planned, names: readonly string[]): Operation {
    const sid = names[at % names.length] ?? 'a';
    if (call.call !== 'rotate') return { ...call, sid } as Operation;
    const newSid = `rotated ${this.#rotated.length}`;
    this.#rotated.push(newSid);
    return { ...call, sid, newSid } as Operation;
  }

  async #perform(operation: Operation): Promise<string> {
    const { instances } = this.#subject;
    const store = instances[this.#turn++ % instances.length] as SessionStore;
    const { sid } = operation;
    switch (operation.call) {
      case 'epoch':
        return this.#numberOf(await store.epoch(sid));
      case 'create':
        await store.create(sid, Uint8Array.of(operation.byte), operation.ttlMs);
        return 'done';
      case 'read':
        return String((await store.read(sid))?.[0]);
      case 'delete':
        return String(await store.delete(sid));
      case 'rotate':
        return String(
          await store.rotate(sid, operation.newSid, Uint8Array.of(operation.byte), operation.ttlMs),
        );
      case 'claim': {
        const { nonce: what, attempt: who, claimMs, idleMs, requireSession, inEpoch } = operation;
        const epoch = inEpoch === 'unnamed' ? undefined : await this.#epoch(store, sid, inEpoch);
        return store
          .claim(sid, what, who, { claimMs, idleMs, requireSession, epoch })
          .catch((error: unknown) => {
            if (error instanceof Error && error.message.includes('full')) return 'full';
            throw error;
          });
      }
    }
  }

  /** What a claim names as its epoch: the store's own, one that was, or one that never was. */
  async #epoch(store: SessionStore, sid: string, which: 'own' | 'other'): Promise<string> {
    const own = await store.epoch(sid);
    if (which === 'own') return own;
    return this.#epochs.find((epoch) => epoch !== own) ?? `${own.slice(1)}${own.startsWith('a') ? 'b' : 'a'}`;
  }

  /** The number of a memory, in the order in which their names were seen. */
  #numberOf(epoch: string): string {
    if (!this.#epochs.includes(epoch)) this.#epochs.push(epoch);
    return String(this.#epochs.indexOf(epoch));
  }
}

function answersAsTheModel(
  make: (limits: Limits) => Subject | Promise<Subject>,
  sequences: fc.Arbitrary<Step[]>,
  usualRuns: number,
): Promise<void> {
  const limits = fc.record({
    maxSessions: fc.integer({ min: 1, max: 3 }),
    maxUnconfirmed: fc.integer({ min: 1, max: 2 }),
    maxClaims: fc.constantFrom(3, 1000),
  });
  const property = fc.asyncProperty(limits, sequences, async (given, sequence) =>
    new Comparison(await make(given)).run(sequence),
  );
  return fc.assert(property, runs(usualRuns));
}

describe('answers as the model does: the store', { timeout: PROPERTY_TIMEOUT_MS }, () => {
  const ms = fc.constantFrom(0, 1, 1000, 15_999, 16_000, 30_000, 120_000, 900_000);
  const passMs = fc.oneof(ms, fc.constantFrom(-1, -1000, -30_000, -STEP_BACK_MS, -STEP_BACK_MS - 1));

  test('in memory', () => answersAsTheModel(inMemory, steps(ms, passMs), 700));

  test('in memory, records sealed', () =>
    answersAsTheModel(
      (limits) => {
        const subject = inMemory(limits);
        return { ...subject, instances: sealed(subject.instances) };
      },
      steps(ms, passMs),
      150,
    ));

  describe('in Redis', () => {
    /** Far apart: what really passes while a sequence runs decides nothing. */
    const longMs = fc.constantFrom(100_000, 200_000, 500_000, 3_600_000);
    const sequences = steps(longMs, longMs);
    const patient = { commandTimeoutMs: 10_000 };
    let redis: RedisProcess;
    let front: UpstashFront;
    let ioredis: Redis;
    let nodeRedis: Awaited<ReturnType<typeof connect>>;
    const connect = (url: string) => createClient({ url }).connect();
    beforeAll(async () => {
      redis = await startRedis();
      front = await startUpstashFront(redis);
      ioredis = new Redis(redis.url);
      nodeRedis = await connect(redis.url);
    });
    afterAll(async () => {
      ioredis?.disconnect();
      nodeRedis?.destroy();
      await front?.close();
      await redis?.stop();
    });
    const shared = () => [new RedisSessionStore(ioredis, patient), new RedisSessionStore(nodeRedis, patient)];

    test('by ioredis and node-redis', () =>
      answersAsTheModel(() => inRedis(ioredis, shared()), sequences, 60));

    test('records sealed', () => answersAsTheModel(() => inRedis(ioredis, sealed(shared())), sequences, 30));

    test('by Upstash', () => {
      const instances = [1, 2].map(() => new UpstashSessionStore(front.url, front.token, patient));
      return answersAsTheModel(() => inRedis(ioredis, instances), sequences, 15);
    });
  });
});
