/**
 * The session store over anything that runs a script in Redis (scripts.ts): names keys, keeps time, and
 * takes no answer that a script doesn't give. Records travel as base64, so that every client can carry them.
 */
import { type Bytes, base64Decode, base64Encode } from '../../crypto/bytes.ts';
import { SessionStoreError, within } from '../store-error.ts';
import type { ClaimOptions, ClaimResult, SessionStore } from '../types.ts';
import { CLAIM_SCRIPT, EPOCH_SCRIPT, PUT_SCRIPT, READ_SCRIPT, TAKE_SCRIPT } from './scripts.ts';

/** One script with its keys, all in one slot, and its arguments. Plain text throughout. */
export interface ScriptCall {
  readonly script: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** Whether running it twice does no harm. */
  readonly idempotent: boolean;
}

/** A way to Redis. */
export interface ScriptRunner {
  /** What the log calls it. */
  readonly server: string;
  run(call: ScriptCall): Promise<unknown>;
  /** The same, then WAIT on the same connection. @returns the script's answer and how many replicas have it. */
  runAndWait?(call: ScriptCall, replicas: number, waitMs: number): Promise<readonly [unknown, unknown]>;
}

/** What every store in a Redis has as options. */
export interface ScriptStoreOptions {
  /** Before every key. Default 'nen:'. */
  readonly keyPrefix?: string;
  /** How long a command may take, in milliseconds: then the store counts as down. */
  readonly commandTimeoutMs?: number;
}

interface ResolvedOptions extends Required<ScriptStoreOptions> {
  readonly replicas: number;
}

/** What WAIT leaves of the time, so that its answer still arrives within it. */
const WAIT_SHARE = 0.8;

export class ScriptStore implements SessionStore {
  readonly #runner: ScriptRunner;
  readonly #keyPrefix: string;
  readonly #timeoutMs: number;
  readonly #replicas: number;

  /** @throws {TypeError} for an option that is given but wrong. */
  constructor(runner: ScriptRunner, { keyPrefix, commandTimeoutMs, replicas }: ResolvedOptions) {
    if (typeof keyPrefix !== 'string' || /[{}]/.test(keyPrefix))
      throw new TypeError('keyPrefix: a string without braces, which would name a slot');
    if (!(Number.isFinite(commandTimeoutMs) && commandTimeoutMs > 0))
      throw new TypeError('commandTimeoutMs: a positive number');
    if (!Number.isSafeInteger(replicas) || replicas < 0)
      throw new TypeError('replicas: an integer from 0 up');
    if (replicas > 0 && runner.runAndWait === undefined)
      throw new TypeError('replicas: this client cannot send WAIT behind a script on one connection');
    this.#runner = runner;
    this.#keyPrefix = keyPrefix;
    this.#timeoutMs = commandTimeoutMs;
    this.#replicas = replicas;
  }

  /** Also looks at `maxmemory-policy`, of the very node that will keep the claims. */
  async epoch(sid: string): Promise<string> {
    const answer = await this.#run(EPOCH_SCRIPT, [this.#session(sid)]);
    if (typeof answer !== 'string') throw this.#unexpected();
    const [epoch = '', policy = '', ...rest] = answer.split(' ');
    if (epoch === '' || rest.length > 0) throw this.#unexpected();
    if (policy === '' || policy === 'noeviction') return epoch;
    throw new SessionStoreError(
      `${this.#runner.server} may evict replay claims when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction`,
    );
  }

  async create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    await this.#put(sid, record, ttlMs);
  }

  /** See {@link SessionStore.read}. */
  async read(sid: string): Promise<Bytes | undefined> {
    const answer = await this.#run(READ_SCRIPT, [this.#session(sid)]);
    if (answer === null || answer === undefined) return undefined;
    const record = typeof answer === 'string' ? base64Decode(answer) : undefined;
    if (record === undefined) throw this.#unexpected();
    return record;
  }

  async claim(sid: string, nonce: string, attempt: string, options: ClaimOptions): Promise<ClaimResult> {
    if (typeof attempt !== 'string' || attempt === '')
      throw new TypeError('attempt must be a non-empty string');
    if (options.epoch === '') return 'gone';
    const args = [
      attempt,
      milliseconds(options.claimMs),
      options.requireSession ? milliseconds(options.idleMs) : '0',
      options.epoch ?? '',
    ];
    const keys = [this.#session(sid), `${this.#keyPrefix}{${sid}}:n:${nonce}`];
    const answer = await (this.#replicas > 0
      ? this.#claimAndWait(keys, args)
      : this.#run(CLAIM_SCRIPT, keys, args));
    if (answer === 'claimed' || answer === 'replayed' || answer === 'gone') return answer;
    throw this.#unexpected();
  }

  /**
   * Two slots have no common step in a cluster. The one that decides takes the old session out; the new
   * one is there before, which nobody can use: its sid isn't told until this has succeeded.
   */
  async rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    await this.#put(newSid, record, ttlMs);
    let taken = false;
    try {
      taken = await this.delete(oldSid);
    } finally {
      if (!taken) await this.delete(newSid);
    }
    return taken;
  }

  async delete(sid: string): Promise<boolean> {
    const answer = await this.#run(TAKE_SCRIPT, [this.#session(sid)], [], false);
    if (answer !== 0 && answer !== 1) throw this.#unexpected();
    return answer === 1;
  }

  async #put(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    const args = [base64Encode(record), milliseconds(ttlMs)];
    if ((await this.#run(PUT_SCRIPT, [this.#session(sid)], args)) !== 1) throw this.#unexpected();
  }

  #session(sid: string): string {
    return `${this.#keyPrefix}{${sid}}:s`;
  }

  #run(
    script: string,
    keys: readonly string[],
    args: readonly string[] = [],
    idempotent = true,
  ): Promise<unknown> {
    const call = { script, keys, args, idempotent };
    return within(this.#timeoutMs, this.#runner.server, () => this.#runner.run(call));
  }

  /** A claim that too few replicas have might be forgotten by a promotion: it doesn't count. */
  async #claimAndWait(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const call = { script: CLAIM_SCRIPT, keys, args, idempotent: true };
    const { server } = this.#runner;
    const waitMs = Math.max(1, Math.floor(this.#timeoutMs * WAIT_SHARE));
    const [answer, acknowledged] = await within(
      this.#timeoutMs,
      server,
      async () => this.#runner.runAndWait?.(call, this.#replicas, waitMs) ?? [],
    );
    if (answer !== 'claimed' || Number(acknowledged) >= this.#replicas) return answer;
    throw new SessionStoreError(
      `${Number(acknowledged)} of ${this.#replicas} replicas of ${server} acknowledged a claim in time`,
    );
  }

  #unexpected(): SessionStoreError {
    return new SessionStoreError(`${this.#runner.server} gave an answer that no script of ours gives`);
  }
}

/** Redis takes whole milliseconds from 1 up. @throws {RangeError} for what is no duration. */
function milliseconds(ms: number): string {
  if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER)) throw new RangeError('a duration must be from 0 up');
  return String(Math.max(1, Math.ceil(ms)));
}
