/**
 * A client and its servers in one process, whose every message, clock and fault is a step's to decide. What must
 * hold is in rules.ts.
 */
import { vi } from 'vitest';
import { ClientSession } from '../../../src/link/client/client-session.ts';
import { Clocks, HANDSHAKE } from '../../link/channel.ts';
import { History } from './history.ts';
import { Application, type Operation } from './operations.ts';
import { brokenByEnding, brokenByKeys, brokenByRunning, brokenBySending, told } from './rules.ts';
import { Servers } from './servers.ts';
import type { Door, Step } from './steps.ts';
import { pick, Queue } from './waiting.ts';
import { watched } from './watched-sessions.ts';
import { Way } from './way.ts';

/** Instances whose clocks are further apart may refuse each other's clients more than once. */
const MAX_HARMLESS_SKEW_MS = 25_000;
/** Beyond it the store forgets; up to it, a claim's margin is used up, which clocks that differ need too. */
const CLAIM_MARGIN_MS = 60_000;
const HANGS_AFTER_MS = 5000;
/** Through which the calls go that must succeed at last. */
const LAST_DOORS: readonly Door[] = ['nenFetch', 'link'];

export class World {
  readonly #clocks = new Clocks();
  readonly #queue = new Queue();
  readonly #history: History;
  readonly #servers: Servers;
  readonly #way: Way;
  readonly #application: Application;
  readonly #skewMs: number;
  readonly #operations: Operation[] = [];
  readonly #broken: string[] = [];

  constructor(skewMs: number) {
    watched.length = 0;
    this.#skewMs = skewMs;
    this.#history = new History(Math.abs(skewMs) <= MAX_HARMLESS_SKEW_MS);
    this.#servers = new Servers(this.#clocks, skewMs, this.#queue);
    this.#servers.store.onFault = () => this.#history.harms();
    this.#way = new Way(this.#servers, this.#queue, (exchange) => {
      exchange.harm = this.#history.harm;
      this.#broken.push(...brokenBySending(exchange, this.#way.sent, this.#operations, this.#history));
    });
    this.#application = new Application(this.#way.transport, this.#clocks);
  }

  /** @throws {Error} for a rule that was broken. */
  async run(steps: readonly Step[]): Promise<void> {
    const onStray = (reason: unknown): void => void this.#broken.push(`unhandled: ${String(reason)}`);
    process.on('unhandledRejection', onStray);
    try {
      for (const { action, ticks, turns } of steps) {
        this.#act(action);
        for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
        await this.#turns(turns);
      }
      await this.#finish();
    } finally {
      process.off('unhandledRejection', onStray);
    }
    if (this.#broken.length > 0) throw new Error(this.#broken.join('\n'));
  }

  #act(action: Step['action']): void {
    switch (action.do) {
      case 'call':
        this.#start(action.kind, action.door);
        break;
      case 'abort': {
        const open = this.#open().filter(({ door }) => door !== undefined);
        pick(open, action.which)?.controller.abort(new Error('left'));
        break;
      }
      case 'go':
        if (action.fate !== 'on') this.#history.harms();
        this.#queue.take(action.which)?.go(action.fate, action.to);
        break;
      case 'hold':
        this.#servers.holds[action.where] += action.calls;
        break;
      case 'restart':
        this.#servers.restart(action.instance);
        break;
      case 'replay':
      case 'fail':
      case 'forget':
      case 'pass':
      case 'sleep':
      case 'set':
        this.#history.harms();
        this.#harm(action);
        break;
      default:
        this.#start(action.do);
    }
  }

  #harm(action: Step['action']): void {
    if (action.do === 'fail') this.#servers.store.faults.push(...action.faults);
    else if (action.do === 'forget') this.#servers.store.forget();
    // A copy that comes first makes the original a replay.
    else if (action.do === 'replay') void this.#way.replay(action.which, action.to);
    else if (action.do === 'pass') {
      this.#clocks.pass(action.ms);
      vi.advanceTimersByTime(action.ms);
    } else if (action.do === 'sleep') {
      this.#clocks.server += action.ms;
      this.#clocks.wallMs += action.ms;
    } else if (action.do === 'set') this.#set(action.clock, action.ms);
  }

  #set(clock: 'wall' | 'server', ms: number): void {
    if (clock === 'wall') this.#clocks.wallMs += ms;
    else if (ms > 0 || ms < -CLAIM_MARGIN_MS || this.#skewMs === 0) this.#clocks.server += ms;
  }

  #start(kind: Operation['kind'], door?: Door): Operation {
    if (kind === 'terminate') this.#history.terminates(this.#way.sent);
    if (kind === 'handshake') this.#history.begins();
    const name = `${kind}-${this.#operations.length}`;
    const began = this.#history.moment();
    const operation: Operation = { name, kind, door, controller: new AbortController(), began };
    this.#operations.push(operation);
    const end = (fate: NonNullable<Operation['fate']>): void => {
      operation.fate = fate;
      this.#broken.push(...brokenByEnding(operation, this.#history));
    };
    this.#application.perform(operation).then(
      (value) => end({ value }),
      (error: unknown) => end({ error }),
    );
    return operation;
  }

  #open(): Operation[] {
    return this.#operations.filter(({ fate }) => fate === undefined);
  }

  /** No more faults: everything ends, the next calls succeed, and once the client is terminated nothing is left. */
  async #finish(): Promise<void> {
    const { holds, store, ran } = this.#servers;
    holds.store = 0;
    holds.handler = 0;
    store.faults.length = 0;
    await this.#endsOfAborted();
    await this.#drain();

    if (this.#history.terminated) await this.#succeed(this.#start('handshake'));
    for (const kind of ['query', 'mutation'] as const)
      await this.#succeed(...LAST_DOORS.map((door) => this.#start(kind, door)));
    await this.#succeed(this.#start('terminate'));
    for (const door of LAST_DOORS) this.#start('mutation', door);
    await this.#drain();
    if (vi.getTimerCount() > 0) this.#broken.push(`${vi.getTimerCount()} timers are left`);

    // Whatever was ever sent arrives again.
    for (const [which, { path }] of this.#way.sent.entries())
      if (path !== HANDSHAKE) await this.#way.replay(which, which % 2);
    this.#broken.push(...brokenByRunning(this.#operations, ran), ...brokenByKeys());
  }

  async #endsOfAborted(): Promise<void> {
    await this.#turns(6);
    for (const { name, door, controller } of this.#open()) {
      // A batch goes on for the others in it.
      if (door !== 'link' && controller.signal.aborted) this.#broken.push(`${name} goes on after its abort`);
    }
  }

  async #succeed(...operations: readonly Operation[]): Promise<void> {
    await this.#drain();
    for (const { name, fate } of operations)
      if (fate !== undefined && 'error' in fate)
        this.#broken.push(`${name} failed after the faults were over: ${told(fate.error)}`);
  }

  /** Everything that waits goes on, to the first instance, until every operation has ended. */
  async #drain(): Promise<void> {
    let since = performance.now();
    for (;;) {
      await this.#turns(3);
      const waiting = this.#queue.take(0);
      if (waiting !== undefined) {
        waiting.go('on', 0);
        since = performance.now();
      } else if (this.#open().length === 0) return;
      else if (performance.now() - since > HANGS_AFTER_MS)
        throw new Error(
          `${this.#open()
            .map(({ name }) => name)
            .join(', ')} never ended`,
        );
    }
  }

  /** Turns of the event loop, in which timers of no delay run too. */
  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      vi.advanceTimersByTime(0);
      await new Promise((resolve) => setImmediate(resolve));
      const { harm } = this.#history;
      const isHarmed = this.#way.sent.some((one) => one.open && one.harm !== harm);
      this.#history.turns(isHarmed || this.#servers.store.faults.length > 0);
    }
    const stands = watched.some((session) => session instanceof ClientSession && !session.retired);
    if (count >= 2 && this.#history.terminated && stands)
      this.#broken.push('a session outlives its termination');
  }
}
