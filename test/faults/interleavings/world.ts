/**
 * A client and its servers in one process, whose every message, clock and fault is a step's to decide. What must
 * hold after any steps is in `finish`; what must hold at each moment is checked as it happens.
 */
import { createTRPCClient, type TRPCClient } from '@trpc/client';
import { vi } from 'vitest';
import { NenClient } from '../../../src/link/client/nen-client.ts';
import { ClientSession } from '../../../src/link/client/session-manager.ts';
import { nenLink } from '../../../src/link/nen-link.ts';
import { NenError } from '../../../src/protocol/errors.ts';
import { Clocks, HANDSHAKE, ORIGIN } from '../../link/channel.ts';
import { type Router, Servers } from './servers.ts';
import { type Control, DOORS, type Door, type Step } from './steps.ts';
import { Queue } from './waiting.ts';
import { isWiped, watched } from './watched-sessions.ts';
import { type Exchange, Way } from './way.ts';

const ROTATE = '/api/nen/rotate';
/** Instances whose clocks are further apart may refuse each other's clients more than once. */
const MAX_HARMLESS_SKEW_MS = 25_000;
/** Beyond it the store forgets; up to it, a claim's margin is used up, which clocks that differ need too. */
const CLAIM_MARGIN_MS = 60_000;
const HANGS_AFTER_MS = 3000;
/** In which what happened to a message has come to all that wait for it. */
const QUIET_TURNS = 3;

interface Operation {
  readonly name: string;
  readonly kind: 'query' | 'mutation' | Control;
  readonly door: Door | undefined;
  readonly controller: AbortController;
  /** Of the world, when it began. No harm is known where what was done before still had its effects. */
  readonly harm: number | undefined;
  readonly deadSids: number;
  readonly session: number;
  readonly terminated: boolean;
  fate?: { readonly value: unknown } | { readonly error: unknown };
}

export class World {
  readonly #clocks = new Clocks();
  readonly #queue = new Queue();
  readonly #servers: Servers;
  readonly #way: Way;
  readonly #client: NenClient;
  readonly #trpc: TRPCClient<Router>;
  readonly #skewMs: number;
  readonly #operations: Operation[] = [];
  readonly #broken: string[] = [];
  /** Sessions that stood when the client was terminated. */
  readonly #deadSids: string[] = [];
  readonly #strays: unknown[] = [];
  /** How much was done so far that may fail a call, and for how many turns nothing of it has been under way. */
  #harm = 0;
  #quietTurns = 0;
  /** Counts terminations and handshakes that were asked for. */
  #session = 0;
  #terminations = 0;
  #terminated = false;

  constructor(skewMs: number) {
    watched.length = 0;
    this.#skewMs = skewMs;
    if (Math.abs(skewMs) > MAX_HARMLESS_SKEW_MS) this.#harms();
    this.#servers = new Servers(this.#clocks, skewMs, this.#queue);
    this.#way = new Way(this.#servers, this.#queue, (exchange) => this.#onSent(exchange));
    this.#client = new NenClient(ORIGIN, {
      fetch: this.#way.transport,
      clock: this.#clocks,
      publicHeaders: ['x-op'],
    });
    this.#trpc = createTRPCClient<Router>({
      links: [
        nenLink({
          url: `${ORIGIN}/api/trpc`,
          client: this.#client,
          headers: ({ opList }) => ({ 'x-op': opList.map(({ context }) => context.name).join(' ') }),
        }),
      ],
    });
  }

  /** @throws {Error} for a rule that was broken. */
  async run(steps: readonly Step[]): Promise<void> {
    const onStray = (reason: unknown): void => void this.#strays.push(reason);
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
    for (const stray of this.#strays) this.#breaks(`unhandled: ${String(stray)}`);
    if (this.#broken.length > 0) throw new Error(this.#broken.join('\n'));
  }

  #act(action: Step['action']): void {
    switch (action.do) {
      case 'call':
        this.#start(action.kind, action.door);
        break;
      case 'rotate':
      case 'handshake':
      case 'status':
      case 'exporter':
      case 'terminate':
        this.#start(action.do);
        break;
      case 'abort':
        this.#abort(action.which);
        break;
      case 'go':
        if (action.fate !== 'on') this.#harms();
        this.#queue.take(action.which)?.go(action.fate, action.to);
        break;
      case 'replay':
        // A copy that is first makes the original a replay.
        this.#harms();
        this.#way.replay(action.which, action.to).catch((error: unknown) => this.#strays.push(error));
        break;
      case 'hold':
        this.#servers.holds[action.where] += action.calls;
        break;
      case 'fail':
        this.#harms();
        this.#servers.store.faults.push(...action.faults);
        break;
      case 'forget':
        this.#harms();
        this.#servers.store.forget();
        break;
      case 'restart':
        this.#servers.restart(action.instance);
        break;
      default:
        this.#harms();
        this.#time(action);
    }
  }

  #time(action: Step['action'] & { do: 'pass' | 'sleep' | 'set' }): void {
    const { ms } = action;
    if (action.do === 'pass') {
      this.#clocks.pass(ms);
      vi.advanceTimersByTime(ms);
    } else if (action.do === 'sleep') {
      this.#clocks.server += ms;
      this.#clocks.wallMs += ms;
    } else if (action.clock === 'wall') this.#clocks.wallMs += ms;
    else if (ms > 0 || ms < -CLAIM_MARGIN_MS || this.#skewMs === 0) this.#clocks.server += ms;
  }

  #start(kind: Operation['kind'], door?: Door): Operation {
    if (kind === 'terminate') {
      this.#harms();
      this.#terminations++;
      this.#deadSids.push(...new Set(this.#way.sent.flatMap(({ sid }) => sid ?? [])));
    }
    if (kind === 'terminate' || kind === 'handshake') {
      this.#session++;
      this.#terminated = kind === 'terminate';
    }
    const operation: Operation = {
      name: `${kind}-${this.#operations.length}`,
      kind,
      door,
      controller: new AbortController(),
      harm: this.#harm === 0 || this.#quietTurns >= QUIET_TURNS ? this.#harm : undefined,
      deadSids: this.#deadSids.length,
      session: this.#session,
      terminated: this.#terminated,
    };
    this.#operations.push(operation);
    this.#perform(operation).then(
      (value) => this.#settle(operation, { value }),
      (error: unknown) => this.#settle(operation, { error }),
    );
    return operation;
  }

  async #perform({ name, kind, door, controller: { signal } }: Operation): Promise<unknown> {
    const client = this.#client;
    if (kind === 'exporter') return (await client.exporter('test')).length;
    if (kind !== 'query' && kind !== 'mutation') return client[kind]();
    const isQuery = kind === 'query';
    if (door === 'link') {
      const options = { signal, context: { name } };
      return isQuery ? this.#trpc.read.query(name, options) : this.#trpc.pay.mutate(name, options);
    }
    const headers = { 'x-op': name };
    const path = isQuery ? `/api/read?name=${name}` : '/api/pay';
    const init = isQuery
      ? { headers, signal }
      : { method: 'POST', body: JSON.stringify(name), headers, signal };
    if (door === 'nenFetch') return client.nenFetch(path, init);
    const sealedFetch = door === 'fetch' ? client.fetch : client.tunnel('/api');
    const json = isQuery ? {} : { 'content-type': 'application/json' };
    const response = await sealedFetch(ORIGIN + path, { ...init, headers: { ...headers, ...json } });
    return response.json();
  }

  #abort(which: number): void {
    const open = this.#operations.filter(({ fate, door }) => fate === undefined && door !== undefined);
    open[which % Math.max(1, open.length)]?.controller.abort(new Error('left'));
  }

  #settle(operation: Operation, fate: NonNullable<Operation['fate']>): void {
    operation.fate = fate;
    const { name, kind, door, controller } = operation;
    const aborted = controller.signal.aborted;
    if ('value' in fate) {
      if (door !== undefined && fate.value !== rightAnswer(operation))
        this.#breaks(`${name} was answered ${JSON.stringify(fate.value)}`);
    } else if (NenError.from(fate.error) === undefined && !(aborted && door !== undefined))
      this.#breaks(`${name} failed with what is no NenError: ${String(fate.error)}`);

    const code = 'error' in fate ? NenError.from(fate.error)?.code : 'none';
    const ofTheTerminated =
      operation.terminated && operation.session === this.#session && kind !== 'terminate';
    // A rotation joins one that is under way, which ends as it ends.
    const refused = code === 'ISO-2001' || (kind === 'rotate' && code !== 'none');
    if (ofTheTerminated && !refused && !aborted)
      this.#breaks(`${name} came to ${code} in a client that was terminated`);
    if ('error' in fate && !aborted && this.#mustSucceed(operation))
      this.#breaks(`${name} failed unharmed: ${told(fate.error)}`);
  }

  /** Queries get through whatever rotates and restarts; the others too, where there was no harm before either. */
  #mustSucceed({ kind, harm, terminated }: Operation): boolean {
    if (harm !== this.#harm || terminated) return false;
    // A status is never retried: the session may be rotated under it.
    return kind === 'query' || (harm === 0 && kind !== 'status');
  }

  #onSent(exchange: Exchange): void {
    const { path, names, sid } = exchange;
    exchange.harm = this.#harm;
    const underWay = this.#way.sent.filter((other) => other.open && other.path === path);
    if (path === ROTATE && underWay.length > 0) this.#breaks('two rotations at once');
    // A termination gives up the handshake that is under way.
    if (path === HANDSHAKE && underWay.length > this.#terminations) this.#breaks('two handshakes at once');
    for (const { name, deadSids } of this.#operations) {
      if (names.includes(name) && sid !== undefined && this.#deadSids.slice(0, deadSids).includes(sid))
        this.#breaks(`${name} was sent under a session that had been terminated`);
    }
  }

  async #finish(): Promise<void> {
    const { holds, store } = this.#servers;
    holds.store = 0;
    holds.handler = 0;
    store.faults.length = 0;
    await this.#turns(6);
    for (const { name, door, fate, controller } of this.#operations) {
      // A batch goes on for the others in it.
      if (door !== 'link' && fate === undefined && controller.signal.aborted)
        this.#breaks(`${name} goes on after its abort`);
    }
    await this.#drain();

    if (this.#terminated) await this.#succeed(this.#start('handshake'));
    for (const kind of ['query', 'mutation'] as const)
      await this.#succeed(...DOORS.map((door) => this.#start(kind, door)));
    await this.#succeed(this.#start('terminate'));
    for (const door of DOORS) this.#start('mutation', door);
    await this.#drain();
    if (vi.getTimerCount() > 0) this.#breaks(`${vi.getTimerCount()} timers are left`);

    // Whatever was ever sent arrives again, at each instance.
    for (const which of this.#way.sent.keys()) for (const to of [0, 1]) await this.#way.replay(which, to);
    this.#checkRuns();
    this.#checkKeys();
  }

  #checkRuns(): void {
    for (const operation of this.#operations) {
      const { name, kind, fate } = operation;
      const ran = this.#servers.ran.get(name) ?? 0;
      if (kind === 'mutation' && ran > 1) this.#breaks(`${name} ran ${ran} times`);
      if (fate === undefined) continue;
      if ('value' in fate && operation.door !== undefined && ran === 0)
        this.#breaks(`${name} was answered and never ran`);
      if ('error' in fate && NenError.from(fate.error)?.outcome === 'not-run' && ran > 0)
        this.#breaks(`${name} ran ${ran} times, though it was told: ${told(fate.error)}`);
    }
  }

  #checkKeys(): void {
    for (const session of watched) {
      const isClients = session instanceof ClientSession;
      if (isClients && !session.retired) this.#breaks('a session of the client outlives it');
      if (session.retired && !isWiped(session))
        this.#breaks(`keys of a dead session are left on the ${isClients ? 'client' : 'server'}`);
    }
  }

  async #succeed(...operations: readonly Operation[]): Promise<void> {
    await this.#drain();
    for (const { name, fate } of operations)
      if (fate !== undefined && 'error' in fate)
        this.#breaks(`${name} failed after the faults were over: ${told(fate.error)}`);
  }

  /** Everything that waits goes on, to the first instance, until every call has ended. */
  async #drain(): Promise<void> {
    let since = performance.now();
    for (;;) {
      await this.#turns(3);
      const waiting = this.#queue.take(0);
      if (waiting !== undefined) {
        waiting.go('on', 0);
        since = performance.now();
        continue;
      }
      const open = this.#operations.filter(({ fate }) => fate === undefined);
      if (open.length === 0) break;
      if (performance.now() - since > HANGS_AFTER_MS)
        throw new Error(`${open.map(({ name }) => name).join(', ')} never ended`);
    }
    await this.#turns(3);
    // What went on in the background meanwhile: a rotation.
    if (this.#queue.all.length > 0) await this.#drain();
  }

  /** Turns of the event loop, in which timers of no delay run too. */
  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      vi.advanceTimersByTime(0);
      await new Promise((resolve) => setImmediate(resolve));
      const isHarmed = this.#way.sent.some(({ open, harm }) => open && harm !== this.#harm);
      this.#quietTurns = isHarmed || this.#servers.store.faults.length > 0 ? 0 : this.#quietTurns + 1;
    }
    const outlives = watched.some((session) => session instanceof ClientSession && !session.retired);
    if (count >= 2 && this.#terminated && outlives) this.#breaks('a session outlives its termination');
  }

  #harms(): void {
    this.#harm++;
    this.#quietTurns = 0;
  }

  #breaks(rule: string): void {
    this.#broken.push(rule);
  }
}

function rightAnswer({ kind, name }: Operation): string {
  return `${kind === 'query' ? 'read' : 'paid'} ${name}`;
}

function told(error: unknown): string {
  const { code, outcome, status } = NenError.from(error) ?? {};
  return `${code} ${outcome} ${status ?? ''} ${String(error)}`;
}
