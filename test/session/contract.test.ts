/** The contract's tests find the faults they are there for: each broken store fails, by the named test. */
import { describe, expect, test } from 'vitest';
import type { Bytes, ClaimOptions, ClaimResult, SessionStore } from '../../src/session/index.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { testSessionStore } from '../../src/session/testing.ts';

let now = 1_700_000_000_000;

/** A good store, to be broken in one place. */
class Base extends InMemorySessionStore {
  constructor() {
    super({ now: () => now });
  }
}

/** Let others in between a check and what depends on it. */
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class ClaimsInTwoSteps extends Base {
  readonly #seen = new Map<string, string>();
  override async claim(
    sid: string,
    nonce: string,
    attempt: string,
    options: ClaimOptions,
  ): Promise<ClaimResult> {
    if (attempt === '' || typeof attempt !== 'string') throw new TypeError('attempt');
    if (options.requireSession && (await this.read(sid)) === undefined) return 'gone';
    const key = JSON.stringify([sid, nonce]);
    const holder = this.#seen.get(key);
    await pause();
    if (holder !== undefined && holder !== attempt) return 'replayed';
    this.#seen.set(key, attempt);
    return 'claimed';
  }
}

class RotatesInTwoSteps extends Base {
  override async rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    if ((await this.read(oldSid)) === undefined) return false;
    await pause();
    await this.create(newSid, record, ttlMs);
    await this.delete(oldSid);
    return true;
  }
}

class ForgetsClaimsWithTheSession extends Base {
  #generation = 0;
  override async delete(sid: string): Promise<boolean> {
    const deleted = await super.delete(sid);
    if (deleted) this.#generation++;
    return deleted;
  }
  override claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    return super.claim(sid, `${nonce} ${this.#generation}`, attempt, options);
  }
}

class ForgetsWhoClaimed extends Base {
  #draws = 0;
  override claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    return super.claim(
      sid,
      nonce,
      attempt && typeof attempt === 'string' ? `${this.#draws++}` : attempt,
      options,
    );
  }
}

class TakesAnyAttempt extends Base {
  override claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    return super.claim(sid, nonce, `attempt ${attempt}`, options);
  }
}

class ClaimsBeforeItLooks extends Base {
  override async claim(
    sid: string,
    nonce: string,
    attempt: string,
    options: ClaimOptions,
  ): Promise<ClaimResult> {
    const result = await super.claim(sid, nonce, attempt, options);
    if (result === 'gone') await super.claim(sid, nonce, attempt, { ...options, requireSession: false });
    return result;
  }
}

class JoinsNames extends Base {
  override claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    if (options.requireSession) return super.claim(sid, nonce, attempt, options);
    return super.claim('', `${sid}:${nonce}`, attempt, options);
  }
}

class KeepsTheCallersBuffer extends Base {
  readonly #given = new Map<string, Bytes>();
  override create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    this.#given.set(sid, record);
    return super.create(sid, record, ttlMs);
  }
  override async read(sid: string): Promise<Bytes | undefined> {
    const record = await super.read(sid);
    return record && (this.#given.get(sid) ?? record);
  }
}

class NeverExpires extends Base {
  override create(sid: string, record: Bytes, _ttlMs: number): Promise<void> {
    return super.create(sid, record, 1e12);
  }
}

class NeverRefreshes extends Base {
  override async claim(
    sid: string,
    nonce: string,
    attempt: string,
    options: ClaimOptions,
  ): Promise<ClaimResult> {
    const session = options.requireSession ? await this.read(sid) : undefined;
    if (options.requireSession && session === undefined) return 'gone';
    return super.claim(sid, nonce, attempt, { ...options, requireSession: false });
  }
}

class RotatesFromNothing extends Base {
  override async rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    const rotated = await super.rotate(oldSid, newSid, record, ttlMs);
    if (!rotated) await this.create(newSid, record, ttlMs);
    return rotated;
  }
}

class IgnoresTheEpochOfAClaim extends Base {
  override claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    const { claimMs, idleMs, requireSession } = options;
    return super.claim(sid, nonce, attempt, { claimMs, idleMs, requireSession });
  }
}

class DrawsAnEpochPerCall extends Base {
  #draws = 0;
  override async epoch(): Promise<string> {
    return String(this.#draws++);
  }
}

class NamesItsMemoryInWords extends Base {
  override async epoch(): Promise<string> {
    return 'since this morning';
  }
}

/** The names of the tests that this store fails. */
async function failures(create: () => SessionStore): Promise<string> {
  const runs: [string, () => Promise<void>][] = [];
  testSessionStore(
    { test: (name, run) => void runs.push([name, run]) },
    {
      create,
      advance: (ms) => {
        now += ms;
      },
    },
  );
  const failed: string[] = [];
  for (const [name, run] of runs) await run().catch(() => failed.push(name));
  return failed.join('\n');
}

describe('the contract catches a store that', () => {
  test.each<[string, new () => SessionStore, RegExp]>([
    ['checks a nonce and claims it in two steps', ClaimsInTwoSteps, /100 attempts/],
    ['rotates in two steps', RotatesInTwoSteps, /50 rotations/],
    ['forgets claims with their session', ForgetsClaimsWithTheSession, /outlives the deletion/],
    ['calls the same attempt a replay', ForgetsWhoClaimed, /same attempt may claim again/],
    ['takes an attempt that names nobody', TakesAnyAttempt, /names nobody/],
    ["claims although it says 'gone'", ClaimsBeforeItLooks, /'gone' claims nothing/],
    ['joins sid and nonce ambiguously', JoinsNames, /however the names are joined/],
    ["keeps the caller's buffer", KeepsTheCallersBuffer, /buffers stay the caller's/],
    ['never lets a session expire', NeverExpires, /nobody confirms ends/],
    ['never refreshes the idle time', NeverRefreshes, /kept for the idle time/],
    ['rotates from a session that is not there', RotatesFromNothing, /unknown session creates nothing/],
    ['claims whatever memory is named', IgnoresTheEpochOfAClaim, /in the memory that it names/],
    ['names its memory anew each time', DrawsAnEpochPerCall, /the epoch is a name that stays/],
    ['names its memory in words', NamesItsMemoryInWords, /the epoch is a name of 1 to 64/],
  ])('%s', async (_, Broken, finding) => {
    expect(await failures(() => new Broken())).toMatch(finding);
  });

  test('is whole: nothing', async () => {
    expect(await failures(() => new Base())).toBe('');
  });
});
