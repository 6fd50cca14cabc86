/** Second attempts and rotations wait for each other, and not for ever: what is never answered holds nobody up. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HANDSHAKE_TIMEOUT_MS, MAX_AGE_AT_CLAIM_MS } from '../../src/protocol/constants.ts';
import { type Channel, openChannel, refusal } from './channel.ts';

const ROTATE = '/api/nen/rotate';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const post = (channel: Channel): Promise<Response> =>
  channel.client.fetch('/api/notes', { method: 'POST', body: 'x' });

/** Refuses each first attempt as one of an unknown session. `second` answers the others. */
function refusing(channel: Channel, second: (forward: () => Promise<Response>) => Promise<Response>): void {
  channel.way = ({ path, init }, forward) => {
    if (path !== '/api/notes') return forward();
    return 'X-Nen-Retry' in init.headers ? second(forward) : Promise.resolve(refusal('ISO-2002', 401));
  };
}

it('a rotation waits for a second attempt until it has run or never can', async () => {
  const channel = openChannel();
  await channel.client.handshake();
  let reached = false;
  refusing(channel, () => {
    reached = true;
    return new Promise(() => undefined);
  });
  void post(channel);
  await vi.waitFor(() => expect(reached).toBe(true), 15_000);
  const rotation = channel.client.rotate();
  await vi.advanceTimersByTimeAsync(MAX_AGE_AT_CLAIM_MS - 1_000);
  expect(channel.count(ROTATE)).toBe(0);
  await vi.advanceTimersByTimeAsync(HANDSHAKE_TIMEOUT_MS + 1_000);
  const { sid } = await rotation;
  refusing(channel, (forward) => forward());
  expect((await post(channel)).status).toBe(200);
  expect((await channel.client.status()).sid).not.toBe(sid);
});

it('a second attempt that was answered leaves no timer behind', async () => {
  const channel = openChannel();
  await channel.client.handshake();
  refusing(channel, (forward) => forward());
  expect((await post(channel)).status).toBe(200);
  expect(vi.getTimerCount()).toBe(0);
});
