/** The steps of an interleaving, as plain data, which fast-check makes, shrinks and prints. */
import fc from 'fast-check';
import type { StoreFault } from '../../support/faulty-store.ts';
import { DAMAGES, type Fate, FORGED_CODES } from './waiting.ts';

const DOORS = ['fetch', 'nenFetch', 'tunnel', 'link'] as const;
export type Door = (typeof DOORS)[number];
export type Control = 'rotate' | 'handshake' | 'status' | 'exporter' | 'terminate';

type Action =
  | { readonly do: 'call'; readonly kind: 'query' | 'mutation'; readonly door: Door }
  | { readonly do: Control }
  | { readonly do: 'abort'; readonly which: number }
  /** Something that waits goes on, or is done harm to. */
  | { readonly do: 'go'; readonly which: number; readonly fate: Fate; readonly to: number }
  | { readonly do: 'replay'; readonly which: number; readonly to: number }
  | { readonly do: 'hold'; readonly where: 'store' | 'handler'; readonly calls: number }
  | { readonly do: 'fail'; readonly faults: readonly StoreFault[] }
  | { readonly do: 'forget' }
  | { readonly do: 'restart'; readonly instance: number }
  /** Time passes for everybody. */
  | { readonly do: 'pass'; readonly ms: number }
  /** The device sleeps: its monotonic clock stands still. */
  | { readonly do: 'sleep'; readonly ms: number }
  | { readonly do: 'set'; readonly clock: 'wall' | 'server'; readonly ms: number };

/** An action, and what the world may do before the next: microtasks first, then whole turns of the event loop. */
export interface Step {
  readonly action: Action;
  readonly ticks: number;
  readonly turns: number;
}

/** A place in a list, by its remainder: often the first or the last. */
const which = fc.oneof(fc.nat(20), fc.constantFrom(0, -1));
const instance = fc.nat(1);
const constant = <const Value>(value: Value): fc.Arbitrary<Value> => fc.constant(value);

const call = fc.record({
  do: constant('call'),
  kind: fc.constantFrom('query', 'mutation'),
  door: fc.constantFrom(...DOORS),
});
const control = fc.record({ do: fc.constantFrom('rotate', 'rotate', 'handshake', 'status', 'exporter') });
const go = fc.record({ do: constant('go'), which, fate: constant('on'), to: instance });
const abort = fc.record({ do: constant('abort'), which });
const hold = fc.record({
  do: constant('hold'),
  where: fc.constantFrom('store', 'handler'),
  calls: fc.integer({ min: 1, max: 4 }),
});
const restart = fc.record({ do: constant('restart'), instance });

const damage = fc.record({
  do: constant('go'),
  which,
  fate: fc.oneof(fc.constantFrom(...DAMAGES), fc.constantFrom(...FORGED_CODES)),
  to: instance,
});
const replay = fc.record({ do: constant('replay'), which, to: instance });
const fail = fc.record({
  do: constant('fail'),
  faults: fc.array(fc.constantFrom<StoreFault>('before', 'after'), { minLength: 1, maxLength: 3 }),
});
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const pass = fc.record({
  do: constant('pass'),
  ms: fc.constantFrom(
    1,
    SECOND_MS,
    11 * SECOND_MS,
    29 * SECOND_MS,
    31 * SECOND_MS,
    61 * SECOND_MS,
    130 * SECOND_MS,
    8 * MINUTE_MS,
    11 * MINUTE_MS,
  ),
});
const sleep = fc.record({
  do: constant('sleep'),
  ms: fc.constantFrom(4 * SECOND_MS, 40 * SECOND_MS, 9 * MINUTE_MS, 60 * MINUTE_MS),
});
const set = fc.record({
  do: constant('set'),
  clock: fc.constantFrom('wall', 'server'),
  ms: fc.constantFrom(
    -10 * MINUTE_MS,
    -50 * SECOND_MS,
    -20 * SECOND_MS,
    20 * SECOND_MS,
    50 * SECOND_MS,
    10 * MINUTE_MS,
  ),
});

function sequence(actions: fc.Arbitrary<Action>, plots?: fc.Arbitrary<Step[]>): fc.Arbitrary<Step[]> {
  const step = fc.record({
    action: actions,
    ticks: fc.oneof(constant(0), fc.nat(30)),
    turns: fc.oneof(constant(0), fc.nat(4)),
  });
  if (plots === undefined) return fc.array(step, { minLength: 4, maxLength: 50, size: 'max' });
  const part = fc.oneof({ weight: 20, arbitrary: step.map((one) => [one]) }, { weight: 1, arbitrary: plots });
  return fc.array(part, { minLength: 4, maxLength: 40, size: 'max' }).map((parts) => parts.flat());
}

/** Nobody does any harm: calls, rotations, handshakes, aborts, slow stores and handlers, processes that restart. */
export const calm: fc.Arbitrary<Step[]> = sequence(
  fc.oneof(
    { weight: 6, arbitrary: call },
    { weight: 3, arbitrary: control },
    { weight: 12, arbitrary: go },
    { weight: 1, arbitrary: abort },
    { weight: 2, arbitrary: hold },
    { weight: 1, arbitrary: restart },
  ),
);

/** A few calls, again and again overtaken by rotations and handshakes. */
export const rotating: fc.Arbitrary<Step[]> = sequence(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ do: constant('call'), kind: constant('mutation'), door: constant('fetch') }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('rotate', 'rotate', 'rotate', 'handshake') }) },
    { weight: 14, arbitrary: go },
  ),
);

/** The newest of what waits. */
const deliver: Action = { do: 'go', which: -1, fate: 'on', to: 0 };

/** Actions in this order, under a session, each with time enough to have its effect. */
function inOrder(...actions: readonly fc.Arbitrary<Action>[]): fc.Arbitrary<Step[]> {
  const all = [constant({ do: 'exporter' }), constant(deliver), constant(deliver), ...actions];
  return fc.tuple(...all).map((chosen) => chosen.map((action) => ({ action, ticks: 0, turns: 4 })));
}

const pay = call.map((one) => ({ ...one, kind: 'mutation' as const }));
const forget = fc.record({ do: constant('forget') });
const terminate = fc.record({ do: constant('terminate') });
const delivered = fc.oneof({ weight: 4, arbitrary: constant(deliver) }, { weight: 1, arbitrary: go });
const renewable = fc
  .constantFrom('ISO-2001' as const, 'ISO-2002' as const, 'ISO-3003' as const)
  .map((fate): Action => ({ ...deliver, fate }));

/** What chance alone would seldom come upon. */
const plots: fc.Arbitrary<Step[]> = fc.oneof(
  // A mutation that ran is said not to have been known, and the store may have forgotten it.
  inOrder(pay, delivered, fc.oneof(forget, pass, go), renewable, delivered, delivered, delivered),
  // A copy, as late as it may be.
  inOrder(
    pay,
    delivered,
    delivered,
    pass,
    fc.record({ do: constant('replay'), which: constant(-1), to: instance }),
  ),
  // The session ends in the middle of its rotation.
  inOrder(constant({ do: 'rotate' }), delivered, terminate, constant({ do: 'handshake' }), go, go),
);

/** Everything at once. */
export const stormy: fc.Arbitrary<Step[]> = sequence(
  fc.oneof(
    { weight: 12, arbitrary: call },
    { weight: 5, arbitrary: control },
    { weight: 30, arbitrary: go },
    { weight: 2, arbitrary: abort },
    { weight: 2, arbitrary: hold },
    { weight: 1, arbitrary: restart },
    { weight: 8, arbitrary: damage },
    { weight: 3, arbitrary: replay },
    { weight: 2, arbitrary: fail },
    { weight: 1, arbitrary: forget },
    { weight: 1, arbitrary: terminate },
    { weight: 3, arbitrary: pass },
    { weight: 1, arbitrary: sleep },
    { weight: 1, arbitrary: set },
  ),
  plots,
);

/** How far the second instance's clock is from the first's. Those of a fleet agree within 60 s. */
export const skewMs: fc.Arbitrary<number> = fc.constantFrom(0, 0, 25_000, -25_000, 50_000, -50_000);
