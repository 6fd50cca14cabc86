/** A link that is loaded with its first operation: nothing is sent before, and nothing is lost where it does not come. */
import { createTRPCClient, TRPCClientError, type TRPCLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { laterLink } from '../../src/link/later-link.ts';
import { NenError } from '../../src/protocol/errors.ts';

const t = initTRPC.create();
const router = t.router({ ticks: t.procedure.subscription(async function* () {}) });
type Router = typeof router;

/** Answers each operation at once, and notes how many it has had and how many were left. */
function answering() {
  const seen = { made: 0, begun: 0, left: 0 };
  const link: TRPCLink<Router> = () => {
    seen.made++;
    return () =>
      observable((observer) => {
        seen.begun++;
        observer.next({ result: { type: 'started' } });
        return () => {
          seen.left++;
        };
      });
  };
  return { link, seen };
}

function subscribe(client: ReturnType<typeof createTRPCClient<Router>>) {
  const told: string[] = [];
  const errors: unknown[] = [];
  const waits: unknown[] = [];
  const { unsubscribe } = client.ticks.subscribe(undefined, {
    onStarted: () => told.push('started'),
    onError: (error) => errors.push(error),
    onConnectionStateChange: ({ state, error }) => {
      waits.push([state, NenError.from(error)?.code]);
    },
    onComplete: () => told.push('complete'),
  });
  return { told, errors, waits, unsubscribe };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a link that is loaded later', () => {
  it('is loaded by the first operation alone, and serves every one', async () => {
    const { link, seen } = answering();
    let loads = 0;
    const client = createTRPCClient<Router>({
      links: [
        laterLink<Router>(async () => {
          loads++;
          return link;
        }),
      ],
    });
    expect(loads).toBe(0);
    const both = [subscribe(client), subscribe(client)];
    await turn();
    const third = subscribe(client);
    expect([...both, third].map(({ told }) => told)).toEqual([['started'], ['started'], ['started']]);
    expect(seen).toEqual({ made: 1, begun: 3, left: 0 });
    expect(loads).toBe(2);
    for (const { unsubscribe } of [...both, third]) unsubscribe();
    expect(seen.left).toBe(3);
  });

  it('begins nothing for whom has left before it came', async () => {
    const { link, seen } = answering();
    const client = createTRPCClient<Router>({ links: [laterLink<Router>(async () => link)] });
    const { told, errors, unsubscribe } = subscribe(client);
    unsubscribe();
    await turn();
    expect(seen.begun).toBe(0);
    expect([told, errors]).toEqual([[], []]);
  });

  it('leaves for whom leaves at its first word', async () => {
    const { link, seen } = answering();
    const client = createTRPCClient<Router>({ links: [laterLink<Router>(async () => link)] });
    const subscription = client.ticks.subscribe(undefined, { onStarted: () => subscription.unsubscribe() });
    await turn();
    expect(seen).toEqual({ made: 1, begun: 1, left: 1 });
  });

  describe('that does not come', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
    afterEach(() => void vi.useRealTimers());

    const cause = new TypeError('Failed to fetch dynamically imported module');

    /** A client whose link can't be loaded as long as `missing` says so. */
    function clientWithout() {
      const { link, seen } = answering();
      const network = { missing: true, loads: 0 };
      const load = async (): Promise<TRPCLink<Router>> => {
        network.loads++;
        if (network.missing) throw cause;
        return link;
      };
      return { client: createTRPCClient<Router>({ links: [laterLink<Router>(load)] }), network, seen };
    }

    it('is waited for and asked for again, and who subscribes is told', async () => {
      const { client, network, seen } = clientWithout();
      const { told, errors, waits } = subscribe(client);
      await turn();
      await vi.advanceTimersByTimeAsync(1_250);
      expect(network.loads).toBe(2);
      expect(waits).toEqual(new Array(2).fill(['connecting', 'ISO-1007']));
      network.missing = false;
      await vi.advanceTimersByTimeAsync(2_500);
      expect([told, errors, network.loads]).toEqual([['started'], [], 3]);
      expect(seen).toEqual({ made: 1, begun: 1, left: 0 });
    });

    it('in half a minute is an ISO-1007 of a call that did not run; the next one begins anew', async () => {
      const { client, network } = clientWithout();
      const { errors, waits } = subscribe(client);
      await turn();
      await vi.advanceTimersByTimeAsync(40_000);
      expect([network.loads, waits.length]).toEqual([6, 5]);
      expect(errors).toEqual([expect.any(TRPCClientError)]);
      expect(NenError.from(errors[0])).toMatchObject({ code: 'ISO-1007', outcome: 'not-run', cause });
      network.missing = false;
      const next = subscribe(client);
      await turn();
      expect(next.told).toEqual(['started']);
    });

    it('is not asked for again for whom has left', async () => {
      const { client, network } = clientWithout();
      const { errors, waits, unsubscribe } = subscribe(client);
      await turn();
      unsubscribe();
      expect(vi.getTimerCount()).toBe(0);
      await vi.advanceTimersByTimeAsync(40_000);
      expect([network.loads, waits.length, errors]).toEqual([1, 1, []]);
    });
  });

  it('tells of what a link throws at once, where it would have thrown it', async () => {
    const client = createTRPCClient<Router>({
      links: [
        laterLink<Router>(async () => () => () => {
          throw new RangeError('no such transformer');
        }),
      ],
    });
    const { errors } = subscribe(client);
    await turn();
    expect(errors).toEqual([expect.objectContaining({ message: 'no such transformer' })]);
  });
});
