/*
 * Claims and the retry of PROTOCOL.md ("Claims", "Retrying, at most once"), with an attacker who is the network: it
 * delivers each message as often as it likes, to either of two instances, holds bodies back, and forges the plain
 * errors that make a client retry. Beside it, what goes wrong by itself: clocks apart, sessions that end, a store that
 * forgets.
 *
 * What must hold: the handler runs the call at most once.
 *
 * Time goes in ticks of 10 s. Each macro takes one rule away, and check.mjs expects the attack that follows:
 *   NO_FIRST_CLAIM           a retry does not claim its first attempt
 *   NO_AGE_LIMIT             a first attempt of any age may be claimed by its retry
 *   NO_AGE_AT_CLAIM          a body may arrive as late as it likes
 *   NO_EPOCH                 a store that forgot its claims goes by the same name, and keeps its sessions
 *   CLAIMS_END_WITH_SESSION  the end of a session removes its claims
 *   SHORT_CLAIM              a claim lives for the window alone
 *   SKEW=7                   clocks further apart than the 60 s that PROTOCOL.md allows
 */

#ifndef SKEW
#define SKEW 6           /* 60 s between the clocks of two instances */
#endif
#define WINDOW 3         /* 30 s either way */
#define MAX_AGE_AT_CLAIM 6
#ifdef SHORT_CLAIM
#define MARGIN (-3)
#else
#define MARGIN 6
#endif
#define END 30

#define FIRST 0
#define RETRY 1

/* Two copies of the first attempt and one of its retry: two of that are two of one message, as the first's are. */
#define COPIES 3
#define message_of(copy) ((copy) / 2)

/* How far a copy has come, and at which instance. */
#define ON_THE_WAY 0
#define VERIFIED 1       /* signature and time are good; the body is awaited */
#define CLAIMED 2        /* its own nonce is claimed */
#define ENDED 3
byte progress[COPIES];
byte instance[COPIES];

short now = 0;           /* true time */
short offset[2];         /* of each instance's clock */
short sent_at[2];        /* timestamps of the two messages; -1: not sent */
short claimed_until[2];  /* in the store, by true time; 0: not claimed */
bool session[2];         /* whether the store has the session of each message */
byte epoch = 0;          /* the store's name for its memory; the first attempt's handshake was told 0 */
byte runs = 0;

/* Of no meaning between two steps. */
hidden byte m, c, i;

#define clock_of(i) (now + offset[i])
#define within_window(t, i) (clock_of(i) - (t) <= WINDOW && (t) - clock_of(i) <= WINDOW)
#define is_claimed(message) (claimed_until[message] > now)
#ifdef NO_AGE_AT_CLAIM
#define is_too_old(message, i) false
#else
#define is_too_old(message, i) (clock_of(i) - sent_at[message] >= MAX_AGE_AT_CLAIM)
#endif

/* What a retry asks of its first attempt. */
#ifdef NO_EPOCH
#define is_forgetful false
#else
#define is_forgetful (epoch != 0)
#endif
#ifdef NO_AGE_LIMIT
#define is_too_late(i) false
#else
#define is_too_late(i) (!within_window(sent_at[FIRST], i))
#endif

inline claim(message, i) {
  if
  :: sent_at[message] > clock_of(i) ->
    claimed_until[message] = now + (sent_at[message] - clock_of(i)) + 2 * WINDOW + MARGIN
  :: else -> claimed_until[message] = now + 2 * WINDOW + MARGIN
  fi
}

/* A claim that has expired is as if it had never been. */
inline forget(message) {
  if
  :: claimed_until[message] <= now -> claimed_until[message] = 0
  :: else
  fi
}

inline finish(copy) {
  progress[copy] = ENDED;
  instance[copy] = 0
}

active proctype everything() {
  /* The second clock is up to SKEW before or after the first. */
  offset[0] = SKEW;
  select(i : 0 .. 2 * SKEW);
  offset[1] = i;

  /* The first attempt is sent, dated by the clock of the instance that shook hands, or a little behind it. */
  session[FIRST] = true;
  sent_at[RETRY] = -1;
  sent_at[FIRST] = SKEW + WINDOW;

  do
  :: now < END -> atomic {
      now++;
      forget(FIRST);
      forget(RETRY)
    }

  /* An error, true or forged, reaches the client: a new session, and the call once more. */
  :: sent_at[RETRY] < 0 -> atomic {
      session[RETRY] = true;
      select(i : 0 .. 1);
      sent_at[RETRY] = clock_of(i)
    }

  /* A session ends, by rotation, termination or expiry. */
  :: session[FIRST] -> atomic {
      session[FIRST] = false;
#ifdef CLAIMS_END_WITH_SESSION
      claimed_until[FIRST] = 0
#endif
    }

  /* The store forgets: a restart, or a promotion that lost the last writes. */
  :: epoch == 0 -> atomic {
      epoch++;
      claimed_until[FIRST] = 0;
      claimed_until[RETRY] = 0;
#ifndef NO_EPOCH
      session[FIRST] = false;
      session[RETRY] = false
#endif
    }

  /* A copy of a message goes one step on. The first two are alike: one sets out after the other. */
  :: atomic {
      select(c : 0 .. COPIES - 1);
      m = message_of(c);
      i = instance[c];
      if
      :: sent_at[m] < 0 || progress[c] == ENDED

      :: sent_at[m] >= 0 && progress[c] == ON_THE_WAY ->
        select(i : 0 .. 1);
        if
        :: session[m] && within_window(sent_at[m], i) && (c != 1 || progress[0] != ON_THE_WAY) ->
          instance[c] = i;
          progress[c] = VERIFIED
        :: else /* 2002, 3003: in clear, so the copy may set out again */
        fi

      :: progress[c] == VERIFIED ->
        if
        :: is_too_old(m, i) || !session[m] || is_claimed(m) -> finish(c) /* 3003, 2002, 5001 */
        :: else -> claim(m, i); progress[c] = CLAIMED
        fi

      :: progress[c] == CLAIMED ->
        finish(c);
        if
        :: m == FIRST -> runs++
#ifdef NO_FIRST_CLAIM
        :: m == RETRY -> runs++
#else
        :: m == RETRY && (is_forgetful || is_too_late(i) || is_claimed(FIRST)) /* 5002 */
        :: m == RETRY && !(is_forgetful || is_too_late(i) || is_claimed(FIRST)) -> claim(FIRST, i); runs++
#endif
        fi
      fi;
      assert(runs <= 1)
    }

  :: now == END -> break
  od
}
