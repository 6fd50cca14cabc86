/**
 * What every session store answers, as a model: plain lists, looked through from end to end, and no state but what
 * is passed in. Where a store has a choice (how much longer than asked it remembers a claim), the model has
 * several outcomes, of which the store takes one.
 */
import type { ClaimOptions } from '../../src/session/index.ts';

/** One call of a store. A record is one byte. */
export type Operation =
  | { readonly call: 'epoch'; readonly sid: string }
  | { readonly call: 'create'; readonly sid: string; readonly byte: number; readonly ttlMs: number }
  | { readonly call: 'read'; readonly sid: string }
  | { readonly call: 'delete'; readonly sid: string }
  | {
      readonly call: 'rotate';
      readonly sid: string;
      readonly newSid: string;
      readonly byte: number;
      readonly ttlMs: number;
    }
  | ({
      readonly call: 'claim';
      readonly sid: string;
      readonly nonce: string;
      readonly attempt: string;
      /** The epoch that the claim names: none, the store's own, or any other. */
      readonly inEpoch: 'unnamed' | 'own' | 'other';
    } & Pick<ClaimOptions, 'claimMs' | 'idleMs' | 'requireSession'>);

/** What is left to a store. */
export interface Rules {
  readonly maxSessions: number;
  readonly maxUnconfirmed: number;
  readonly maxClaims: number;
  /** How much longer than asked a claim may be remembered. */
  readonly slackMs: number;
  /** How far the clock may step back before everything is forgotten. */
  readonly maxStepBackMs: number;
}

interface ModelSession {
  readonly sid: string;
  readonly byte: number;
  readonly endsAt: number;
  readonly confirmed: boolean;
}

interface ModelClaim {
  readonly key: string;
  readonly attempt: string;
  readonly endsAt: number;
}

/** Oldest first: sessions by creation or last use. */
export interface State {
  readonly now: number;
  /** The latest time at which the store was asked. */
  readonly latest: number;
  /** Which memory this is: another one after everything was forgotten. */
  readonly memory: number;
  readonly sessions: readonly ModelSession[];
  readonly claims: readonly ModelClaim[];
}

export interface Outcome {
  readonly result: string;
  readonly next: State;
}

export function emptyState(now: number): State {
  return { now, latest: now, memory: 0, sessions: [], claims: [] };
}

export function later(state: State, ms: number): State {
  return { ...state, now: state.now + ms };
}

/** A new memory, in which the sessions are gone; claims may still be there. */
export function withoutSessions(state: State): State {
  return { ...state, memory: state.memory + 1, sessions: [] };
}

/** All that a store may answer, and what it then knows. */
function outcomes(rules: Rules, before: State, operation: Operation): readonly Outcome[] {
  const state = asked(rules, before);
  const { sid } = operation;
  switch (operation.call) {
    case 'epoch':
      return [{ result: String(state.memory), next: state }];
    case 'create': {
      const { byte, ttlMs } = operation;
      const created = { sid, byte, endsAt: state.now + ttlMs, confirmed: false };
      return [{ result: 'done', next: put(rules, state, created) }];
    }
    case 'read': {
      const { found, next } = find(state, sid);
      return [{ result: String(found?.byte), next }];
    }
    case 'delete': {
      const { found, next } = find(state, sid);
      return [{ result: String(found !== undefined), next: without(next, sid) }];
    }
    case 'rotate': {
      const { found, next } = find(state, sid);
      if (found === undefined) return [{ result: 'false', next }];
      const { newSid, byte, ttlMs } = operation;
      const rotated = { sid: newSid, byte, endsAt: state.now + ttlMs, confirmed: true };
      return [{ result: 'true', next: put(rules, without(next, sid), rotated) }];
    }
    case 'claim':
      return claims(rules, state, operation);
  }
}

function claims(rules: Rules, asked: State, claim: Operation & { call: 'claim' }): readonly Outcome[] {
  const { sid, nonce, attempt, claimMs, idleMs, requireSession, inEpoch } = claim;
  if (inEpoch === 'other') return [{ result: 'gone', next: asked }];
  const { found, next: state } = requireSession ? find(asked, sid) : { found: undefined, next: asked };
  if (requireSession && found === undefined) return [{ result: 'gone', next: state }];

  const key = JSON.stringify([sid, nonce]);
  const held = state.claims.find((other) => other.key === key);
  const claimed = (endsAt: number): Outcome => {
    const others = state.claims.filter((other) => other.key !== key);
    const next = { ...state, claims: [...others, { key, attempt, endsAt }] };
    if (found === undefined) return { result: 'claimed', next };
    const used = { ...found, confirmed: true, endsAt: state.now + idleMs };
    return { result: 'claimed', next: put(rules, without(next, sid), used) };
  };

  const allowed: Outcome[] = [];
  if (held !== undefined && mayBeHeld(rules, state, held)) {
    allowed.push(
      held.attempt === attempt
        ? claimed(Math.max(held.endsAt, state.now + claimMs))
        : { result: 'replayed', next: state },
    );
    if (isHeld(state, held)) return allowed;
  }
  const mustBeHeld = state.claims.filter((other) => isHeld(state, other)).length;
  const canBeHeld = state.claims.filter((other) => mayBeHeld(rules, state, other)).length;
  if (canBeHeld >= rules.maxClaims) allowed.push({ result: 'full', next: state });
  if (mustBeHeld < rules.maxClaims) allowed.push(claimed(state.now + claimMs));
  return allowed;
}

/** A claim whose end has passed once may be gone, even if the clock has stepped back since. */
function isHeld(state: State, claim: ModelClaim): boolean {
  return state.latest < claim.endsAt;
}

function mayBeHeld(rules: Rules, state: State, claim: ModelClaim): boolean {
  return isHeld(state, claim) || state.now < claim.endsAt + rules.slackMs;
}

/** A clock that stepped back too far: nothing is known any more. */
function asked(rules: Rules, state: State): State {
  if (state.now >= state.latest - rules.maxStepBackMs)
    return { ...state, latest: Math.max(state.latest, state.now) };
  return { ...emptyState(state.now), memory: state.memory + 1 };
}

/** Expired sessions stay in the way until they are looked for, or are among the oldest of their room at any look. */
function find(before: State, sid: string): { found: ModelSession | undefined; next: State } {
  const state = dropExpired(before);
  const found = state.sessions.find((session) => session.sid === sid);
  if (found === undefined || found.endsAt > state.now) return { found, next: state };
  return { found: undefined, next: without(state, sid) };
}

function without(state: State, sid: string): State {
  return { ...state, sessions: state.sessions.filter((session) => session.sid !== sid) };
}

const DROPS_FROM_EACH_ROOM = 2;

function dropExpired(state: State): State {
  const expired = [false, true].flatMap((confirmed) => {
    const oldest = state.sessions.filter((session) => session.confirmed === confirmed);
    const live = oldest.findIndex(({ endsAt }) => endsAt > state.now);
    return oldest.slice(0, live === -1 ? oldest.length : live).slice(0, DROPS_FROM_EACH_ROOM);
  });
  return { ...state, sessions: state.sessions.filter((session) => !expired.includes(session)) };
}

/** As the newest of its room, whose oldest makes place; expired ones go by and by. */
function put(rules: Rules, state: State, session: ModelSession): State {
  const others = without(state, session.sid).sessions;
  const { sessions } = dropExpired({ ...state, sessions: [...others, session] });
  const room = sessions.filter(({ confirmed }) => confirmed === session.confirmed);
  const capacity = session.confirmed ? rules.maxSessions : rules.maxUnconfirmed;
  if (room.length <= capacity) return { ...state, sessions };
  return { ...state, sessions: sessions.filter((other) => other !== room[0]) };
}

/** Every state after these operations, done at once, gave these results: there is an order in which they were done. */
export function explain(
  rules: Rules,
  states: readonly State[],
  done: readonly { readonly operation: Operation; readonly result: string }[],
): readonly State[] {
  const ends = new Map<string, State>();
  const follow = (state: State, left: typeof done): void => {
    if (left.length === 0) ends.set(JSON.stringify(state), state);
    for (const one of left) {
      for (const { result, next } of outcomes(rules, state, one.operation)) {
        if (result === one.result)
          follow(
            next,
            left.filter((other) => other !== one),
          );
      }
    }
  };
  for (const state of states) follow(state, done);
  return [...ends.values()];
}
