/** A link that is loaded with its first operation: nothing is sent before, and nothing is lost where it does not come. */
import { createTRPCClient, TRPCClientError, type TRPCLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { describe, expect, it } from 'vitest';
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
  const { unsubscribe } = client.ticks.subscribe(undefined, {
    onStarted: () => told.push('started'),
    onError: (error) => errors.push(error),
    onComplete: () => told.push('complete'),
  });
  return { told, errors, unsubscribe };
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

  it('that does not come is an ISO-1007 of a call that did not run, and is asked for again', async () => {
    const { link, seen } = answering();
    const cause = new TypeError('Failed to fetch dynamically imported module');
    let missing = true;
    const client = createTRPCClient<Router>({
      links: [
        laterLink<Router>(async () => {
          if (missing) throw cause;
          return link;
        }),
      ],
    });
    const [failed, left] = [subscribe(client), subscribe(client)];
    left.unsubscribe();
    await turn();
    expect(left.errors).toEqual([]);
    expect(failed.errors).toEqual([expect.any(TRPCClientError)]);
    expect(NenError.from(failed.errors[0])).toMatchObject({ code: 'ISO-1007', outcome: 'not-run', cause });
    missing = false;
    const next = subscribe(client);
    await turn();
    expect(next.told).toEqual(['started']);
    expect(seen.begun).toBe(1);
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
