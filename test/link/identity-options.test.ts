/** The identity options of a client: what a failure to load leaves behind. */
import { expect, it, vi } from 'vitest';
import * as loading from '../../src/crypto/load-ml-dsa-65.ts';
import { readIdentity } from '../../src/link/client/identity-options.ts';

vi.mock('../../src/crypto/load-ml-dsa-65.ts', { spy: true });

it('an identity that could not be loaded is loaded by the next handshake, and then kept', async () => {
  const identity = readIdentity({ identityMode: 'pqc' });
  vi.mocked(loading.loadSigner).mockRejectedValueOnce(new Error('the chunk is gone'));
  await expect(identity?.()).rejects.toThrow('the chunk is gone');
  const signer = await identity?.();
  expect(signer?.publicKey).toHaveLength(1952);
  expect(await identity?.()).toBe(signer);
});
