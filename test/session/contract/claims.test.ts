/** Each case of the contract about claims, against stores that are broken in the one place that it looks at. */
import type { Claim, Fault } from './broken.ts';
import { claiming, finds, pause } from './broken.ts';
import type { PlainStore } from './plain-store.ts';

const claimsNothing = claiming(() => async () => 'gone');

/** Each call of it claims another nonce than the one before. */
const forgetsClaims = claiming((claim) => {
  let calls = 0;
  return (sid, nonce, attempt, options) => claim(sid, `${nonce} ${calls++}`, attempt, options);
});

const forgetsWhoClaimed = claiming((claim) => {
  let calls = 0;
  return (sid, nonce, attempt, options) => claim(sid, nonce, `${attempt} ${calls++}`, options);
});

const ownClaimsOfRetries = claiming(
  (claim) => (sid, nonce, attempt, options) =>
    claim(sid, `${nonce} ${options.requireSession}`, attempt, options),
);

/** Who comes second can't claim, and then who came first can't either. */
const burnsReplayedNonces = claiming((claim, good) => async (sid, nonce, attempt, options) => {
  const result = await claim(sid, nonce, attempt, options);
  const key = good.claimKey(sid, nonce);
  const held = good.claims.get(key);
  if (result === 'replayed' && held !== undefined) good.claims.set(key, { ...held, attempt: '' });
  return result;
});

const comparesAttempts = (part: (attempt: string) => string) =>
  claiming((claim) => (sid, nonce, attempt, options) => claim(sid, nonce, part(attempt), options));

finds('a nonce is claimed once: another attempt is a replay', [
  ['forgets claims', forgetsClaims, 'second attempt: expected replayed, got claimed'],
  [
    'keeps claims of calls and of retries apart',
    ownClaimsOfRetries,
    'without the session: expected replayed, got claimed',
  ],
  [
    'takes one nonce for all of a session',
    claiming((claim) => (sid, _, attempt, options) => claim(sid, '', attempt, options)),
    'another nonce: expected claimed, got replayed',
  ],
  ['claims nothing', claimsNothing, 'the first claim: expected claimed, got gone'],
]);

finds('the same attempt may claim again: a resent command is no replay', [
  [
    'takes a resent command for a replay',
    forgetsWhoClaimed,
    'the second time: expected claimed, got replayed',
  ],
  ['claims nothing', claimsNothing, 'the first time: expected claimed, got gone'],
  [
    'forgives one resent command',
    claiming((claim) => {
      const times = new Map<string, number>();
      return (sid, nonce, attempt, options) => {
        const time = (times.get(attempt) ?? 0) + 1;
        times.set(attempt, time);
        return claim(sid, nonce, time < 3 ? attempt : 'another', options);
      };
    }),
    'the third time: expected claimed, got replayed',
  ],
  [
    'looks at the beginning of attempts',
    comparesAttempts((attempt) => attempt.slice(0, 22)),
    'a longer attempt: expected replayed, got claimed',
  ],
  [
    'looks at the end of attempts',
    comparesAttempts((attempt) => attempt.slice(-21)),
    'a shorter attempt: expected replayed, got claimed',
  ],
  [
    'burns a nonce that is replayed',
    burnsReplayedNonces,
    'after the replays: expected claimed, got replayed',
  ],
]);

/** Looks, and claims later. */
const claimsInTwoSteps = claiming((claim, good) => async (sid, nonce, attempt, options) => {
  if (good.claims.has(good.claimKey(sid, nonce))) return 'replayed';
  await pause();
  return claim(sid, `${nonce} ${attempt}`, attempt, options);
});

finds('of 100 attempts at one nonce at once exactly one claims it', [
  ['looks first and claims later', claimsInTwoSteps, 'claimed: expected 1, got 100'],
  ['claims nothing', claimsNothing, 'claimed: expected 1, got 0'],
  [
    "says 'gone' of a replay",
    claiming(
      (claim) =>
        async (...args) =>
          (await claim(...args)) === 'claimed' ? 'claimed' : 'gone',
    ),
    'replayed: expected 99, got 0',
  ],
]);

finds('a call and its retry at once: one of the two claims, with the session or without it', [
  ['looks first and claims later', claimsInTwoSteps, 'claimed: expected 1, got 2'],
  ['keeps claims of calls and of retries apart', ownClaimsOfRetries, 'claimed: expected 1, got 2'],
  ['claims nothing', claimsNothing, 'claimed: expected 1, got 0'],
]);

/** The claims of a session, or of all, are forgotten there. */
const forgettingBefore = (method: 'create' | 'delete' | 'rotate') => (good: PlainStore) => ({
  [method]: (...args: never[]) => {
    good.claims.clear();
    return Reflect.apply(good[method], good, args);
  },
});

finds('a claim outlives the deletion of its session', [
  ['refuses to delete', () => ({ delete: async () => false }), 'delete: expected true, got false'],
  [
    'keeps a deleted session',
    () => ({ delete: async () => true }),
    'claim that requires the session: expected gone, got replayed',
  ],
  [
    'forgets claims with the session',
    forgettingBefore('delete'),
    'claim without the session: expected replayed, got claimed',
  ],
  [
    'forgets claims when a session is made',
    forgettingBefore('create'),
    'claim under a new session of that id: expected replayed, got claimed',
  ],
]);

finds('a claim outlives the rotation of its session', [
  ['refuses to rotate', () => ({ rotate: async () => false }), 'rotate: expected true, got false'],
  [
    'keeps a rotated session',
    () => ({ rotate: async () => true }),
    'claim that requires the session: expected gone, got replayed',
  ],
  [
    'forgets claims with the session',
    forgettingBefore('rotate'),
    'claim without the session: expected replayed, got claimed',
  ],
  [
    'forgets claims when a session is made',
    forgettingBefore('create'),
    'claim under a new session of that id: expected replayed, got claimed',
  ],
]);

const claimsFor = (claimMsOf: (options: Parameters<Claim>[3]) => number) =>
  claiming(
    (claim) => (sid, nonce, attempt, options) =>
      claim(sid, nonce, attempt, { ...options, claimMs: claimMsOf(options) }),
  );

finds('a claim outlives the expiry of its session', [
  [
    'keeps claims for no longer than the session',
    claimsFor(({ claimMs, idleMs }) => Math.min(claimMs, idleMs)),
    'claim without the session: expected replayed, got claimed',
  ],
  [
    'keeps a session that has ended',
    claiming(
      (claim) => (sid, nonce, attempt, options) =>
        claim(sid, nonce, attempt, { ...options, idleMs: Number.MAX_SAFE_INTEGER }),
    ),
    'claim that requires the session: expected gone, got replayed',
  ],
]);

/** A repeated claim ends when the first one would have ended. */
const keepsTheFirstEnd = claiming((claim, good) => async (sid, nonce, attempt, options) => {
  const held = good.claims.get(good.claimKey(sid, nonce));
  const result = await claim(sid, nonce, attempt, options);
  if (held !== undefined && good.now < held.endsAt) good.claims.set(good.claimKey(sid, nonce), held);
  return result;
});

finds('a claim holds for its time, and a repeated one begins it anew', [
  [
    'holds claims for half of their time',
    claimsFor(({ claimMs }) => claimMs / 2),
    'within its time: expected replayed, got claimed',
  ],
  ['burns a nonce that is replayed', burnsReplayedNonces, 'repeated: expected claimed, got replayed'],
  [
    'does not prolong a repeated claim',
    keepsTheFirstEnd,
    'within the time of the repeated one: expected replayed, got claimed',
  ],
]);

finds('a repeated claim never ends the first one sooner', [
  [
    'gives a repeated claim the time of the last one',
    claiming((claim, good) => (sid, nonce, attempt, options) => {
      const key = good.claimKey(sid, nonce);
      if (good.claims.get(key)?.attempt === attempt) good.claims.delete(key);
      return claim(sid, nonce, attempt, options);
    }),
    'after the time of the repeated one: expected replayed, got claimed',
  ],
  ['takes a repeated claim for a replay', forgetsWhoClaimed, 'repeated: expected claimed, got replayed'],
]);

finds("'gone' claims nothing: the retry of that call may still run", [
  [
    'never asks for the session',
    claiming(
      (claim) => (sid, nonce, attempt, options) =>
        claim(sid, nonce, attempt, { ...options, requireSession: false }),
    ),
    'without a session: expected gone, got claimed',
  ],
  [
    'claims before it looks for the session',
    claiming((claim) => async (sid, nonce, attempt, options) => {
      const result = await claim(sid, nonce, attempt, options);
      if (result === 'gone') await claim(sid, nonce, attempt, { ...options, requireSession: false });
      return result;
    }),
    'afterwards: expected claimed, got replayed',
  ],
]);

/** Claims that need no session, in another way. */
const withoutSession = (change: (claim: Claim, good: PlainStore) => Claim) =>
  claiming((claim, good) => {
    const changed = change(claim, good);
    return (sid, nonce, attempt, options) =>
      (options.requireSession ? claim : changed)(sid, nonce, attempt, options);
  });

/** Such a claim confirms the session, and makes it where there is none. */
const confirmsWithoutSession = withoutSession((claim, good) => async (sid, nonce, attempt, options) => {
  const result = await claim(sid, nonce, attempt, options);
  const { record = Uint8Array.of(7) } = good.sessions.get(sid) ?? {};
  good.sessions.set(sid, { record, endsAt: good.now + options.idleMs });
  return result;
});

const alwaysNeedsTheSession = withoutSession(
  (claim) => (sid, nonce, attempt, options) =>
    claim(sid, nonce, attempt, { ...options, requireSession: true }),
);

finds('a claim that needs no session works without one, and makes none', [
  ['always needs the session', alwaysNeedsTheSession, 'first: expected claimed, got gone'],
  [
    'remembers only claims of sessions',
    withoutSession(() => async () => 'claimed'),
    'second: expected replayed, got claimed',
  ],
  ['makes a session of it', confirmsWithoutSession, 'read: expected undefined, got 7'],
]);

finds('a claim that needs no session leaves a session unconfirmed', [
  ['confirms the session', confirmsWithoutSession, 'read: expected undefined, got 1'],
  ['claims nothing', claimsNothing, 'claim: expected claimed, got gone'],
]);

const joins = (separator: string): Fault => [
  `joins sid and nonce with ${JSON.stringify(separator)}`,
  claiming(
    (claim) => (sid, nonce, attempt, options) => claim('', `${sid}${separator}${nonce}`, attempt, options),
  ),
  /^.{22,} and .{22,}: expected claimed, got replayed$/,
];

finds('one nonce under two sessions is two nonces, however the names are joined', [
  joins(''),
  joins(':'),
  joins(' '),
  [
    'looks at the nonce alone',
    claiming((claim) => (_, nonce, attempt, options) => claim('', nonce, attempt, options)),
    /^.{22}b and .{22}: expected claimed, got replayed$/,
  ],
]);

finds('a nonce is a name like any other, whatever it spells', [
  [
    'keeps claims in an object',
    claiming((claim) => {
      const claims: Record<string, string> = {};
      return async (sid, nonce, attempt, options) => {
        if (claims[nonce] !== undefined) return 'replayed';
        claims[nonce] = attempt;
        return claim(sid, nonce, attempt, options);
      };
    }),
    'claim of __proto__: expected claimed, got replayed',
  ],
  [
    'forgets claims of some names',
    claiming(
      (claim) => async (sid, nonce, attempt, options) =>
        nonce === '*' ? 'claimed' : claim(sid, nonce, attempt, options),
    ),
    'replay of *: expected replayed, got claimed',
  ],
]);

finds('an attempt that names nobody is a TypeError and claims nothing: two of them must not look alike', [
  [
    'takes any attempt',
    comparesAttempts((attempt) => `attempt ${attempt}`),
    'an attempt that is empty: expected a TypeError, got none',
  ],
  [
    'looks for an empty attempt only',
    comparesAttempts((attempt) => (attempt === '' ? attempt : `attempt ${attempt}`)),
    'an attempt that is undefined: expected a TypeError, got none',
  ],
  [
    'fails with another error',
    claiming(() => async (_sid, _nonce, attempt) => {
      throw new RangeError(`bad: ${attempt}`);
    }),
    'an attempt that is empty: expected a TypeError, got RangeError: bad: ',
  ],
  [
    'claims before it looks at the attempt',
    claiming((claim) => async (sid, nonce, attempt, options) => {
      await claim(sid, nonce, `attempt ${attempt}`, options);
      return claim(sid, nonce, attempt, options);
    }),
    'a good attempt: expected claimed, got replayed',
  ],
]);

finds('the epoch is a name of 1 to 64 characters: A-Z, a-z, 0-9, - and _', [
  [
    'names it in words',
    () => ({ epoch: async () => 'since this morning' }),
    'not an epoch: "since this morning"',
  ],
  ['names it with nothing', () => ({ epoch: async () => '' }), 'not an epoch: ""'],
  ['names it at length', () => ({ epoch: async () => 'a'.repeat(65) }), /^not an epoch: "a{65}"$/],
]);

/** Another epoch after each call of this method. */
const forgettingAfter = (method: 'create' | 'claim' | 'delete') => (good: PlainStore) => {
  let calls = 0;
  return {
    epoch: async () => `epoch-${calls}`,
    [method]: (...args: never[]) => {
      calls++;
      return Reflect.apply(good[method], good, args);
    },
  };
};

finds('the epoch is a name that stays while nothing is forgotten', [
  ...(['create', 'claim', 'delete'] as const).map(
    (method): Fault => [
      `draws another at each ${method}`,
      forgettingAfter(method),
      'the epoch afterwards: expected epoch-0, got epoch-1',
    ],
  ),
  ['claims nothing', claimsNothing, 'claim: expected claimed, got gone'],
]);

const comparesEpochs = (isSame: (epoch: string, own: string) => boolean) =>
  claiming((claim, good) => async (sid, nonce, attempt, { epoch, ...options }) => {
    if (epoch !== undefined && !isSame(epoch, good.memory)) return 'gone';
    return claim(sid, nonce, attempt, options);
  });

finds("a retry's claim holds in the memory that it names, and in no other", [
  ['does not look at the epoch', comparesEpochs(() => true), 'another epoch: expected gone, got claimed'],
  [
    'looks at the length of the epoch',
    comparesEpochs((epoch, own) => epoch.length === own.length),
    'another epoch: expected gone, got claimed',
  ],
  [
    'takes an empty epoch for none',
    comparesEpochs((epoch, own) => epoch === '' || epoch === own),
    'an empty epoch: expected gone, got claimed',
  ],
  ['takes no epoch', comparesEpochs(() => false), 'its epoch: expected claimed, got gone'],
  [
    'looks for a claim before it looks at the epoch',
    claiming(
      (claim, good) => async (sid, nonce, attempt, options) =>
        options.epoch !== undefined && good.claims.has(good.claimKey(sid, nonce))
          ? 'replayed'
          : claim(sid, nonce, attempt, options),
    ),
    'another epoch, once claimed: expected gone, got replayed',
  ],
  [
    'forgets claims that name an epoch',
    claiming((claim, good) => async (sid, nonce, attempt, options) => {
      const result = await claim(sid, nonce, attempt, options);
      if (options.epoch !== undefined) good.claims.clear();
      return result;
    }),
    'its epoch, once claimed: expected replayed, got claimed',
  ],
]);
