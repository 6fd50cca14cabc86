/*
 * The handshake of PROTOCOL.md, with an attacker who is the network: reads and alters every message,
 * starts handshakes of its own, and owns an identity key of its own. Cryptography is perfect: a value
 * that is derived from a secret can only be made, or opened, by who knows the secret.
 *
 * What must hold (the asserts below):
 *   secrecy    the attacker knows no key that the client has accepted, nor one that the server takes for the client's
 *   agreement  the session that the client has accepted exists at the server, with the same transcript
 *
 * Each macro takes one stone out of the wall, and check.mjs expects the attack that follows:
 *   NO_PIN                   the client accepts any identity, and none
 *   RELAY_ONLY               (with NO_PIN) the attacker reads and relays, and makes nothing of its own: no attack
 *   SIGN_SID_ONLY            the server signs the session id in place of the transcript
 *   TRANSCRIPT_WITHOUT_SUITE the suite is not hashed into the transcript
 *   HELLO_WITHOUT_PK         the client's signature does not cover its ephemeral key
 */

/* Ephemeral public keys. */
#define PK_CLIENT 1
#define PK_ATTACKER 2

/* Suites: the client offers the strong one; the attacker can break the weak one. */
#define STRONG 1
#define WEAK 2

/* Identities, and who signed. */
#define NOBODY 0
#define SERVER 1
#define ATTACKER 2

/* Shared secrets: the server's session i draws secret i, the attacker draws this one. */
#define SESSIONS 2
#define SECRET_OF_ATTACKER 3

/* The server's sessions: what it hashed, and whether its hello was signed by the client. Index 1 to SESSIONS. */
byte count = 0;
byte suite_of[3];
byte pk_of[3];
bool client_signed[3];

/* The client's offer, once sent, and what it has accepted: the number of a secret, or 0. */
bool offered = false;
bool answered = false;
byte accepted = 0;
byte accepted_sid = 0;

/* Who knows a secret: whoever drew it, whoever holds the key that it was encapsulated to, whoever breaks the suite. */
inline attacker_knows(secret, result) {
  result = (secret == SECRET_OF_ATTACKER) ||
    (secret >= 1 && secret <= count && (pk_of[secret] == PK_ATTACKER || suite_of[secret] == WEAK))
}

/* Whether the client, who offered STRONG and its own key, computes the transcript of the server's session i. */
#ifdef TRANSCRIPT_WITHOUT_SUITE
#define same_transcript(i, sid) (pk_of[i] == PK_CLIENT && sid == i)
#else
#define same_transcript(i, sid) (suite_of[i] == STRONG && pk_of[i] == PK_CLIENT && sid == i)
#endif

/* Whether the attacker can show the server's signature over what the client verifies. */
#ifdef SIGN_SID_ONLY
#define server_signed(sid, secret) (sid >= 1 && sid <= count)
#else
#define server_signed(sid, secret) (sid >= 1 && sid <= count && secret == sid && same_transcript(sid, sid))
#endif

active proctype client_and_network() {
  byte suite, pk, sid, secret, signer;
  bool by_client, known, confirmed;

  do
  /* The client offers: the attacker has its public key, and its signature over suite and key, from now on. */
  :: !offered -> offered = true

  /* A hello reaches the server: the client's, altered, or the attacker's own. */
  :: offered && count < SESSIONS -> atomic {
#ifdef RELAY_ONLY
      suite = STRONG; pk = PK_CLIENT;
#else
      if :: suite = STRONG :: suite = WEAK fi;
      if :: pk = PK_CLIENT :: pk = PK_ATTACKER fi;
#endif
      /* The client's signature fits what it signed, and nothing else (1004). */
      if
      :: by_client = false
#ifdef HELLO_WITHOUT_PK
      :: suite == STRONG -> by_client = true
#else
      :: suite == STRONG && pk == PK_CLIENT -> by_client = true
#endif
      fi;
      count++;
      suite_of[count] = suite;
      pk_of[count] = pk;
      client_signed[count] = by_client
    }

  /* An answer reaches the client, put together by the attacker from all that it has. */
  :: offered && !answered -> atomic {
      answered = true;
      select(sid : 0 .. SESSIONS);
#ifdef RELAY_ONLY
      select(secret : 1 .. SESSIONS);
#else
      select(secret : 1 .. SECRET_OF_ATTACKER);
#endif
      if :: signer = NOBODY :: signer = ATTACKER :: signer = SERVER fi;

      /* Decapsulation: a ciphertext for another key gives a secret that nobody knows, and hs does not open (1007). */
      if
      :: secret == SECRET_OF_ATTACKER -> confirmed = true
      :: secret <= count && pk_of[secret] == PK_CLIENT ->
        attacker_knows(secret, known);
        /* hs is sealed under transcript and secret: by the server, or by an attacker who knows the secret. */
        confirmed = known || (sid == secret && same_transcript(secret, sid))
      :: else -> confirmed = false
      fi;

      /* The pin (1006). */
#ifndef NO_PIN
      confirmed = confirmed && signer == SERVER && server_signed(sid, secret);
#endif
      if
      :: confirmed -> accepted = secret; accepted_sid = sid
      :: else
      fi
    }

  :: answered && accepted != 0 ->
    attacker_knows(accepted, known);
    assert(!known); /* secrecy, client */
    assert(accepted_sid <= count && accepted == accepted_sid &&
      suite_of[accepted] == STRONG && pk_of[accepted] == PK_CLIENT); /* agreement */
    break

  /* The server takes a session for the client's: its hello was signed, and a good request came under its keys. */
  :: count == SESSIONS -> atomic {
      select(sid : 1 .. SESSIONS);
      if
      :: client_signed[sid] ->
        attacker_knows(sid, known);
        assert(!known) /* secrecy, server with a client identity */
      :: else
      fi;
      break
    }
  od
}
