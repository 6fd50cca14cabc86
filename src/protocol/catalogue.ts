/**
 * The error codes for people: what each one means, what causes it, what to do, and whether the call ran.
 * Nothing of this goes on the wire: that is errors.ts, which has the same keys. Apart from it, so that
 * a page that never asks doesn't load the texts. docs/errors.md is made from this file.
 */
import { type NenErrorCode, WIRE_ERRORS } from './errors.ts';

/** One row of docs/errors.md. */
export interface NenCodeDescription {
  readonly code: NenErrorCode;
  /** A few words for a heading. */
  readonly title: string;
  /** The constant message of errors and wire. */
  readonly message: string;
  /** HTTP status of the answer, outside of a tunnel; undefined for a code that is no answer of its own. */
  readonly status: number | undefined;
  /** Who says it, and whether in clear. */
  readonly form: string;
  readonly cause: string;
  readonly fix: string;
  /** Whether the call ran. What one error says for itself is its `outcome`. */
  readonly ran: string;
}

/**
 * Explains a code, for logs, consoles and support pages.
 * @example
 * const failure = NenError.from(error);
 * if (failure !== undefined) console.error(describeNenCode(failure.code).fix);
 */
export function describeNenCode(code: NenErrorCode): NenCodeDescription {
  const { status, message } = WIRE_ERRORS[code];
  const form =
    FORMS[code] ??
    (status === undefined ? 'raised by the client only' : `HTTP status ${status} where it is in clear`);
  return { code, message, status, form, ...CATALOGUE[code] };
}

/** Of the codes that never come in clear. */
const FORMS: { readonly [Code in NenErrorCode]?: string } = {
  'ISO-2004': 'in the server’s log only; on the wire it is ISO-2002',
  'ISO-4006': 'always sealed; HTTP status 400, in a tunnel 200',
  'ISO-5002': 'always sealed; HTTP status 409, in a tunnel 200',
  'ISO-6003': 'raised by the client; from the server always sealed',
  'ISO-6004': 'always sealed, as the end of a stream',
};

type Entry = Pick<NenCodeDescription, 'title' | 'cause' | 'fix' | 'ran'>;

const NOT_SENT =
  'No: the call waits for its session. If this was the handshake of a retry, or a rotation, unknown.';
const NOT_THIS_COPY =
  'Unknown to the client. The server did not run this copy, but the refusal is in clear and could be forged.';
const NO_HANDSHAKE = 'No, if it refused the handshake before the call was first sent.';
const NO_HANDSHAKE_OR_COPY = `${NO_HANDSHAKE} Else unknown to the client: the server did not run this copy, but the refusal is in clear and could be forged.`;
const BEFORE_HANDLER = 'No: the refusal is sealed and comes from before the handler. After a retry, unknown.';
const ANSWER_LOST = 'Unknown: the call may have run, only its answer was lost or not authentic.';
const BEGAN = 'Yes, at least in part: the answer had begun.';

const CATALOGUE: Readonly<Record<NenErrorCode, Entry>> = {
  'ISO-1001': {
    title: 'No public key',
    cause: 'The body of the handshake is no well-formed message, or it has no public key.',
    fix: 'Send handshakes with this package. If you do, something on the way alters the body of POST {nen}/handshake: let it pass unchanged.',
    ran: NOT_SENT,
  },
  'ISO-1002': {
    title: 'Public key not accepted',
    cause: 'The public key is not canonical base64 of the right length, or the KEM refuses it.',
    fix: 'Compare client and server version. If they fit, something on the way alters the body of the handshake.',
    ran: NOT_SENT,
  },
  'ISO-1003': {
    title: 'Version, suite or origin not accepted',
    cause:
      'Client and server speak different versions or suites, or the origin that the client means is not among the server’s `origins`.',
    fix: 'Add the origin of the URL that the client calls (scheme://host[:port]) to `origins` of createNen: the server’s log names it. Else update the older side.',
    ran: NOT_SENT,
  },
  'ISO-1004': {
    title: 'Client identity signature invalid',
    cause:
      'The handshake carries a client identity whose signature is not good: altered on the way, or a Signer that fails or does not sign as FIPS 204 says.',
    fix: 'Let the body of POST {nen}/handshake pass unchanged. A Signer of your own signs pure ML-DSA-65 with the context string that it is given.',
    ran: NOT_SENT,
  },
  'ISO-1005': {
    title: 'Client not authorised',
    cause:
      'The server’s `authorize` did not let the client in: it does not know its identity, or it has none.',
    fix: 'Make the client’s pin known to `authorize`, and give the client identityMode "pqc" and its `identity`. The server’s log names the pin.',
    ran: NOT_SENT,
  },
  'ISO-1006': {
    title: 'Server identity not accepted',
    cause:
      'The server did not prove an identity that the client has pinned: it has another key or none, or somebody on the way answers in its place. Without pins: another key than it had at first.',
    fix: 'Does the server’s process have NEN_IDENTITY? `npx trpc-nen doctor <url>` shows the pin that it proves. Compare the pin of your key (`npx trpc-nen fingerprint < .env.local`) with `serverPins`. If they agree and the server proves another one, don’t go on: somebody is in between. To roll a key, give clients both pins first.',
    ran: NOT_SENT,
  },
  'ISO-1007': {
    title: 'Handshake answer invalid',
    cause:
      'Something other than the session routes answered the handshake, it took over 10 s, or the answer was altered, so that the two sides do not have the same keys. Or the server failed at it: its `authorize` threw, and the answer is an empty 500. Or a script of the page that the client loads for it did not come: the message says so.',
    fix: 'Open the network panel: does POST {nen}/handshake reach your server and answer 200 with JSON? Mount `nen.routes` there, or set `nenUrl`. After a 500, look for a `handler-error` in the server’s log. If it answers 200 and still fails, something on the way alters the answer. A script that is gone from the server since the page was loaded comes with a reload.',
    ran: NOT_SENT,
  },
  'ISO-1008': {
    title: 'Handshake refused for now',
    cause:
      'More handshakes than the rate limit allows, from this address or in all, or than the server can answer at once. Or the server’s NEN_IDENTITY is malformed, or its Signer failed or gave no signature within 5 s: its log says so.',
    fix: 'Wait for the seconds that Retry-After names. On the server, set `clientAddress`, so that one client can’t use up the rate of all, or allow more: `rateLimit: tokenBucket({ perSecond, burst, global: { perSecond, burst } })`. If the server’s log names the Signer or NEN_IDENTITY, mend that.',
    ran: NOT_SENT,
  },
  'ISO-2001': {
    title: 'Session not initialised',
    cause: 'The client was terminated, or the request reached the server without a session id.',
    fix: 'After terminate(), call handshake() before the next call. On the server’s side, look for a proxy that strips X-Nen-Session.',
    ran: 'No, if the client says it after terminate(). From the server: unknown, since the refusal is in clear.',
  },
  'ISO-2002': {
    title: 'Session expired or unknown',
    cause:
      'The session has expired, rested too long or was rotated or terminated, the server has restarted, or another instance answered, which does not share the store.',
    fix: 'The client makes a new session and sends the call once more by itself. If it still surfaces, run one instance, or a store that all instances share; session routes and wrapped handlers must use the same one.',
    ran: NOT_THIS_COPY,
  },
  'ISO-2003': {
    title: 'Session store unavailable',
    cause: 'The session store failed or has no room for a replay claim. Nothing runs without it.',
    fix: 'The server’s log says why: the store is down or slow, may evict claims, or has no store keys (`npx trpc-nen keygen --store`).',
    ran: NO_HANDSHAKE_OR_COPY,
  },
  'ISO-2004': {
    title: 'Session record can’t be opened',
    cause:
      'The record of the session was sealed under a key that is not in the server’s ring, or was altered in the store. Clients see ISO-2002 and handshake; the server’s log has this code.',
    fix: 'Give all instances the same NEN_STORE_KEYS; keep a replaced key in the list for as long as sessions live.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3001': {
    title: 'Signature missing',
    cause:
      'The request has no X-Nen-Signature, but was meant to be sealed, or goes to a withNen route, which takes no others.',
    fix: 'Call withNen routes with nenFetch. Let X-Nen-* headers pass every proxy. On another origin, set `cors` on the server and export the wrapped handler as `OPTIONS` too.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3002': {
    title: 'Signature invalid',
    cause:
      'Method, path, timestamp or nonce are not what the client signed: a proxy rewrites the path or the method, or somebody altered the request.',
    fix: 'If a proxy removes a prefix from the path, name it as `mountPath`. If it decodes or merges slashes, turn that off. Some CDNs turn HEAD into GET.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3003': {
    title: 'Timestamp outside the window',
    cause: 'The request arrived over 30 s away from its timestamp: it was held on the way, or clocks differ.',
    fix: 'The client makes a new session, with it takes the server’s clock, and sends the call once more by itself. A mutation that is outside the window even then ends in ISO-5002, since nobody can tell any more whether it ran. If it still surfaces, set the clocks of your instances by NTP.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3004': {
    title: 'Timestamp missing or malformed',
    cause: 'X-Nen-Timestamp is absent, sent twice, or not 13 digits.',
    fix: 'Let X-Nen-* headers pass every proxy unchanged.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3005': {
    title: 'Nonce missing',
    cause: 'The request has no X-Nen-Nonce.',
    fix: 'Let X-Nen-* headers pass every proxy unchanged.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3006': {
    title: 'Nonce malformed',
    cause: 'X-Nen-Nonce is sent twice, or not canonical base64 of 12 bytes.',
    fix: 'Let X-Nen-* headers pass every proxy unchanged.',
    ran: NOT_THIS_COPY,
  },
  'ISO-3007': {
    title: 'A sealed request is required',
    cause:
      'A plain request reached a wrapped handler: a client without nenLink, a crawler, or a proxy that strips all X-Nen-* headers.',
    fix: 'Use nenLink or NenClient. While old clients are still about, set `plain: "allow"` on the server.',
    ran: NOT_THIS_COPY,
  },
  'ISO-4001': {
    title: 'Request can’t be opened',
    cause: 'Body, query or X-Nen-Retry were altered on the way.',
    fix: 'Find the proxy or firewall that rewrites bodies or queries, and exempt the sealed path from it.',
    ran: NOT_THIS_COPY,
  },
  'ISO-4002': {
    title: 'Envelope malformed',
    cause:
      'The body is not a sealed envelope: replaced or emptied on the way, or changed by a body parser before the wrapped handler. Or a body was added to a call that has none.',
    fix: 'Wrap the handler outermost, before anything reads the body. Else find what alters bodies on the way.',
    ran: NOT_THIS_COPY,
  },
  'ISO-4003': {
    title: 'Too large',
    cause:
      'The sealed request is over the server’s `maxBodyBytes`, or the answer over the client’s `maxEnvelopeBytes`.',
    fix: 'Send less at once, or raise the limit that was met. Both count sealed bytes: about 1.4 times the content in the JSON encoding.',
    ran: `${NO_HANDSHAKE} Else unknown to the client: a request that was too large did not run, a call whose answer was too large did.`,
  },
  'ISO-4004': {
    title: 'Response can’t be opened',
    cause:
      'A sealed answer was altered on the way, or belongs to another request: a cache or a proxy mixed answers up.',
    fix: 'Find the cache or proxy between client and server that ignores Cache-Control: no-store, no-transform.',
    ran: ANSWER_LOST,
  },
  'ISO-4005': {
    title: 'Response not sealed',
    cause:
      'No answer came (then there is no status), or one that the sealed server did not write: an error page of a proxy, a redirect, a login page, or a handler that is not wrapped.',
    fix: 'Look at `status` and `cause`. Check that the handler is wrapped with nen.wrap and that nothing in front of it answers in its place. Status 400 with an empty body: the path or Host is not spelled as URLs are.',
    ran: ANSWER_LOST,
  },
  'ISO-4006': {
    title: 'Payload malformed',
    cause:
      'The request opened, but what was inside is not a request that this handler may see: its path lies outside of the endpoint or is not in its one spelling, or JSON is nested too deeply.',
    fix: 'Compare the `url` of nenLink with the `endpoint` of the wrapped handler, and `mountPath` with what the proxy removes. The server’s log names the reason.',
    ran: BEFORE_HANDLER,
  },
  'ISO-4007': {
    title: 'Body truncated on the way',
    cause:
      'Fewer bytes arrived than Content-Length declares, or the body broke off. Next.js cuts bodies over 10 MB where a proxy.ts is present.',
    fix: 'Send less at once, or take the sealed path out of what buffers bodies.',
    ran: NO_HANDSHAKE_OR_COPY,
  },
  'ISO-5001': {
    title: 'Nonce replayed',
    cause: 'A copy of a request that was accepted before: somebody replays it, or a proxy sent it twice.',
    fix: 'If your own calls meet this, a proxy repeats requests: turn off its retries for POST.',
    ran: 'Perhaps, by the first copy. This copy did not.',
  },
  'ISO-5002': {
    title: 'First attempt may have run',
    cause:
      'A call was sent once more because its session or its timestamp was refused, and the server can’t rule out that the first attempt ran: it saw it, or the attempt is too old, or the server has restarted since.',
    fix: 'Ask the server for the state before you repeat the call: it may have happened already.',
    ran: 'Unknown. The retry did not run; the first attempt may have.',
  },
  'ISO-6001': {
    title: 'Stream truncated',
    cause: 'A streamed answer ended without its authenticated end, or was silent for 45 s.',
    fix: 'What arrived is good, but not all. Subscriptions reconnect by themselves; repeat a query. If it happens often, look for a proxy with a short timeout.',
    ran: BEGAN,
  },
  'ISO-6002': {
    title: 'Record invalid',
    cause: 'A part of a streamed answer was altered, dropped, repeated or moved on the way.',
    fix: 'Find the proxy that rewrites streams: it ignores Cache-Control: no-transform.',
    ran: BEGAN,
  },
  'ISO-6003': {
    title: 'Stream limit exceeded',
    cause:
      'A record is over 64 KiB, a stream has 2^32 records, an item of nenStream is over 8 MiB, or the response headers of a stream do not fit into a record.',
    fix: 'Send smaller items, or smaller response headers. Otherwise something on the way alters the stream.',
    ran: BEGAN,
  },
  'ISO-6004': {
    title: 'Sender of the stream failed',
    cause: 'The handler’s response body broke off with an error.',
    fix: 'Look into the server’s log for the error: it is never sent.',
    ran: BEGAN,
  },
};
