import { useSyncExternalStore } from 'react';

/** A value that changes often, and that React hears of at most 20 times a second. */
export interface Store<T> {
  /** The newest value. */
  get(): T;
  set(next: T): void;
  /** The value as it was last shown. */
  useShown(): T;
}

const SHOW_EVERY_MS = 50;

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  let shown = initial;
  let waiting = false;
  const listeners = new Set<() => void>();

  function show(): void {
    waiting = false;
    shown = value;
    for (const listener of listeners) listener();
  }

  function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  return {
    get: () => value,
    set(next) {
      value = next;
      if (waiting) return;
      waiting = true;
      setTimeout(show, SHOW_EVERY_MS);
    },
    useShown: () =>
      useSyncExternalStore(
        subscribe,
        () => shown,
        () => initial,
      ),
  };
}
