import { useSyncExternalStore } from 'react';

/**
 * Who is signed in, in this tab's memory only: no cookie, no storage. The token leaves the page inside the seal,
 * as a header of the sealed request.
 */
export interface Session {
  readonly token: string;
  readonly name: string;
}

let session: Session | undefined;
const listeners = new Set<() => void>();

export function setSession(next: Session | undefined): void {
  session = next;
  for (const listener of listeners) listener();
}

export function useSession(): Session | undefined {
  return useSyncExternalStore(
    subscribe,
    () => session,
    () => undefined,
  );
}

/** The headers of every tRPC call. */
export function authorization(): Record<string, string> {
  return session ? { authorization: `Bearer ${session.token}` } : {};
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
