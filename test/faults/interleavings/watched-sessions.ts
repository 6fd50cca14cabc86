/** Every session that either side has held keys of, to see that they are wiped. */
import type { HeldSession } from '../../../src/protocol/held-session.ts';
import type { SessionKeys } from '../../../src/protocol/keys.ts';

export const watched: HeldSession[] = [];

/** The class, whose every instance is noted. */
export function watching(Session: typeof HeldSession): typeof HeldSession {
  return class<Keys extends SessionKeys> extends Session<Keys> {
    constructor(sid: string, keys: Keys) {
      super(sid, keys);
      watched.push(this);
    }
  };
}

const NOTHING = new Uint8Array(0);

export function isWiped({ keys }: HeldSession): boolean {
  const { requestKey, responseSecret, hmacKey, exporterKey, exporterSecret } = keys;
  const uses = [
    () => requestKey.seal(new Uint8Array(12), NOTHING, []),
    ...[responseSecret, hmacKey, exporterKey].map((key) => () => key.mac(NOTHING)),
  ];
  return uses.every(throws) && exporterSecret.every((byte) => byte === 0);
}

function throws(use: () => unknown): boolean {
  try {
    use();
    return false;
  } catch {
    return true;
  }
}
