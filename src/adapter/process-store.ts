/**
 * The store of this process, for servers that were given none of their own. It is kept on globalThis,
 * because Next gives each route file a module instance of its own.
 */
import type { SessionStore } from '../session/types.ts';

const STORE = Symbol.for('trpc-nen.store');

interface Holder {
  [STORE]?: { readonly store: SessionStore; readonly given: boolean };
}

const holder = globalThis as Holder;

/** The store that was given, or else one that is made once. */
export function processStore(make: () => SessionStore): SessionStore {
  holder[STORE] ??= { store: make(), given: false };
  return holder[STORE].store;
}

/**
 * Sets the store. In memory, the one that was given first stays: each route file that is loaded, or loaded
 * anew while you develop, would else forget the sessions of all others.
 * @returns whether it is the store now.
 */
export function giveProcessStore(store: SessionStore): boolean {
  const now = holder[STORE];
  if (now?.given === true && now.store.local === true && store.local === true) return now.store === store;
  holder[STORE] = { store, given: true };
  return true;
}
