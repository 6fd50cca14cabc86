/** Keys live while anything is in flight under them, and not longer. */
import { describe, expect, it } from 'vitest';
import { primitives } from '../../src/crypto/select.ts';
import { HeldSession } from '../../src/protocol/held-session.ts';
import { importKeys, wipeKeys } from '../../src/protocol/keys.ts';
import { hex, named, secretsOf, sidOf } from './support.ts';

const NONCE = new Uint8Array(12);

function held(): HeldSession {
  return new HeldSession(sidOf('a'), importKeys(primitives(), secretsOf('a')));
}

async function works({ keys }: HeldSession): Promise<boolean> {
  try {
    await keys.requestKey.seal(NONCE, NONCE, []);
    await keys.responseSecret.mac(NONCE);
    await keys.hmacKey.mac(NONCE);
    return keys.exporterSecret.some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

describe('a held session', () => {
  it('that is retired while nothing is in flight is wiped at once', async () => {
    const session = held();
    expect(await works(session)).toBe(true);
    expect(session.retired).toBe(false);
    session.retire();
    expect(session.retired).toBe(true);
    expect(await works(session)).toBe(false);
  });

  it('that is retired is wiped with the last release, not before', async () => {
    const session = held();
    session.hold();
    session.hold();
    session.retire();
    expect(await works(session)).toBe(true);
    session.release();
    expect(await works(session)).toBe(true);
    session.release();
    expect(await works(session)).toBe(false);
  });

  it('that is not retired outlives every release', async () => {
    const session = held();
    for (let i = 0; i < 3; i++) {
      session.hold();
      session.release();
    }
    expect(await works(session)).toBe(true);
  });

  it('may be retired twice', async () => {
    const session = held();
    session.hold();
    session.retire();
    session.retire();
    expect(await works(session)).toBe(true);
    session.release();
    expect(await works(session)).toBe(false);
  });
});

describe('the keys of a session', () => {
  it('are imported, and their bytes wiped', () => {
    const secrets = secretsOf('a');
    const keys = importKeys(primitives(), secrets);
    for (const secret of Object.values(secrets)) expect(hex(secret)).toBe('00'.repeat(32));
    expect(hex(keys.exporterSecret)).toBe(hex(named('exporter a')));
    expect(hex(keys.hmacKey.mac(NONCE))).toBe(hex(primitives().macKey(named('hmac key a')).mac(NONCE)));
  });

  it('refuse to work once wiped', () => {
    const keys = importKeys(primitives(), secretsOf('a'));
    wipeKeys(keys);
    expect(() => keys.hmacKey.mac(NONCE)).toThrow('wiped');
    expect(() => keys.responseSecret.mac(NONCE)).toThrow('wiped');
    expect(() => keys.requestKey.seal(NONCE, NONCE, [])).toThrow('wiped');
    expect(hex(keys.exporterSecret)).toBe('00'.repeat(32));
  });
});
