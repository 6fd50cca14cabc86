/** The sessions of clients, to see what becomes of their keys. */
import { vi } from 'vitest';
import { ClientSession } from '../../src/link/client/client-session.ts';
import { HeldSession } from '../../src/protocol/held-session.ts';

/** Those that anything is held under from now on, in order, until mocks are restored. */
export function heldSessions(): ReadonlySet<ClientSession> {
  const held = new Set<ClientSession>();
  const { hold } = HeldSession.prototype;
  vi.spyOn(HeldSession.prototype, 'hold').mockImplementation(function (this: HeldSession) {
    if (this instanceof ClientSession) held.add(this);
    hold.call(this);
  });
  return held;
}
