/**
 * NenClient: the client side of the sealed channel, for one server. Its `fetch` and `tunnel` are
 * WHATWG fetch, `nenFetch` and `nenStream` give values; all else is about its session.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import { loadPrimitives } from '../../crypto/load-primitives.ts';
import { DEFAULT_SUITE, loadSuite } from '../../crypto/suite.ts';
import { MAX_ENVELOPE_BYTES } from '../../protocol/constants.ts';
import { NenError } from '../../protocol/errors.ts';
import { exportKey } from '../../protocol/keys.ts';
import { type Padding, readPadding } from '../../protocol/padding.ts';
import { type Call, Caller } from './call.ts';
import { checkEndpoint, checkOptions, type NenClientOptions } from './client-options.ts';
import { deviceClock } from './clock.ts';
import { createFetch, type Fetch, type Respond, toResponse } from './fetch.ts';
import { readIdentity, readPins, warnWithoutPins } from './identity-options.ts';
import { type NenFetch, nenFetchOver } from './nen-fetch.ts';
import { type NenStream, nenStreamOver } from './nen-stream.ts';
import { type Answer, isWhole, letGo } from './open-answer.ts';
import { toOpenedResponse } from './opened-response.ts';
import type { SendRoute } from './rotation.ts';
import { SessionManager } from './session-manager.ts';
import { readStatus, type SessionStatus } from './session-status.ts';
import { heedful, nativeTransport } from './transport.ts';

/** {@link NenClient.tunnel} for nenLink, whose responses only tRPC reads: they need not be made whole. */
export let lightTunnel: (client: NenClient, endpoint: string) => Fetch;

/**
 * The client of one server: a session that is made at the first call, renewed when it ends, and shared by all
 * calls. `fetch` is a sealed fetch; `nenFetch` and `nenStream` give values.
 * @example
 * const client = new NenClient('', { serverPins });
 * const data = await client.nenFetch('/api/pay', { method: 'POST', body: JSON.stringify({ amount: 1840 }) });
 */
export class NenClient {
  static {
    lightTunnel = (client, endpoint) => client.#createTunnel(endpoint, toOpenedResponse);
  }

  /**
   * WHATWG fetch, sealed: method, path, query and status are visible, all else is not. It follows no redirect.
   * @throws (a rejection) {NenError} where the seal or the network fails; {TypeError} for what it can't seal, such as a
   *   call to another origin or a GET with headers of its own; the signal's reason once it has aborted.
   */
  readonly fetch: Fetch;
  /** The same for JSON: gives the value that the handler returned. */
  readonly nenFetch: NenFetch;
  /** The items of a withNenStream route, for `for await`. */
  readonly nenStream: NenStream;
  /** How sure it is who is at the other end: without a pinned server identity, nobody is. */
  readonly security: 'pinned' | 'unauthenticated';
  readonly #options: NenClientOptions;
  readonly #padding: Padding;
  readonly #baseUrl: string;
  readonly #baseOrigin: string | undefined;
  readonly #sessions: SessionManager;
  readonly #caller: Caller;
  readonly #sendRoute: SendRoute = async (session, action, payload, signal) =>
    bodyOf(await this.#caller.callUnder(session, this.#routeCall('POST', action, payload, signal)));

  /**
   * Opens no connection: the first call handshakes.
   * @param baseUrl the server's origin, or '' for the page's own.
   * @throws {TypeError} for an option that is given but wrong, or a runtime without secure randomness.
   */
  constructor(baseUrl: string, options: NenClientOptions = {}) {
    checkOptions(baseUrl, options);
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    this.#baseOrigin = baseUrl === '' ? undefined : new URL(baseUrl).origin;
    this.#options = options;
    this.#padding = readPadding(options.padding) ?? 'none';
    const pins = readPins(options);
    if (pins === undefined) warnWithoutPins();
    this.security = pins === undefined ? 'unauthenticated' : 'pinned';
    const transport = options.fetch ? heedful(options.fetch) : nativeTransport;
    this.#sessions = new SessionManager({
      suite: async () => loadSuite(await loadPrimitives(), options.suite ?? DEFAULT_SUITE),
      audience: () => this.#origin(),
      handshakeUrl: () => this.#routeUrl('handshake').href,
      transport,
      device: options.clock ?? deviceClock,
      credentials: options.credentials,
      pins,
      identity: readIdentity(options),
      send: this.#sendRoute,
    });
    const maxEnvelopeBytes = options.maxEnvelopeBytes ?? MAX_ENVELOPE_BYTES;
    this.#caller = new Caller({ sessions: this.#sessions, transport, maxEnvelopeBytes });
    this.fetch = this.#createFetch(undefined, toResponse);
    this.nenFetch = nenFetchOver(this.fetch, maxEnvelopeBytes);
    this.nenStream = nenStreamOver(this.fetch, maxEnvelopeBytes);
  }

  /**
   * A fetch for everything under `endpoint`: each call is a POST to `{endpoint}/sealed`, so that not
   * even method, path, query and status show.
   * @param endpoint a path such as '/api/trpc', or '' for the root.
   * @throws {TypeError} for an endpoint that is none. What it gives throws as `fetch` does.
   */
  tunnel(endpoint: string): Fetch {
    return this.#createTunnel(endpoint, toResponse);
  }

  #createTunnel(endpoint: string, respond: Respond): Fetch {
    checkEndpoint(endpoint);
    return this.#createFetch(endpoint, respond);
  }

  /** Makes a session now; calls do it themselves otherwise. @throws {NenError} */
  async handshake(): Promise<void> {
    await this.#sessions.handshake();
  }

  /** Replaces the session by one that only its owner can make; the old one stays if that fails. @throws {NenError} */
  async rotate(): Promise<{ readonly sid: string }> {
    const { sid } = await this.#sessions.rotate();
    return { sid };
  }

  /**
   * Ends the session on both sides. Calls fail with ISO-2001 until `handshake`.
   * @throws {NenError} if the server could not be told; on this side it has ended all the same.
   */
  async terminate(): Promise<void> {
    const session = this.#sessions.terminate();
    if (session !== undefined) await this.#sendRoute(session, 'terminate', [], null);
  }

  /** What the server knows of the session. @throws {NenError} */
  async status(): Promise<SessionStatus> {
    const answer = await this.#caller.call(this.#routeCall('GET', 'status', []));
    return { ...readStatus(bodyOf(answer)), security: this.security };
  }

  /**
   * A key of 32 bytes that only this session's two ends know, the same as `nen.session(req).exporter(label)`:
   * to bind a login to the session (in the way of RFC 5705). A new session gives another.
   * @throws {NenError} where no session can be made. @throws {TypeError} for a label that is no well-formed string.
   */
  async exporter(label: string): Promise<Uint8Array> {
    const session = await this.#sessions.acquire(null);
    try {
      return await exportKey(session.keys, label);
    } finally {
      session.release();
    }
  }

  #createFetch(endpoint: string | undefined, respond: Respond): Fetch {
    return createFetch({
      caller: this.#caller,
      origin: () => this.#origin(),
      encoding: this.#options.encoding ?? 'json',
      publicHeaders: (this.#options.publicHeaders ?? []).map((name) => name.toLowerCase()),
      credentials: this.#options.credentials,
      padding: this.#padding,
      endpoint,
      respond,
    });
  }

  #origin(): string {
    if (this.#baseOrigin !== undefined) return this.#baseOrigin;
    const origin = globalThis.location?.origin;
    if (origin === undefined)
      throw new TypeError('a relative URL needs a page: give an absolute one outside of browsers');
    return origin;
  }

  #routeUrl(action: string): URL {
    return new URL(`${this.#options.nenUrl ?? `${this.#baseUrl}/api/nen`}/${action}`, this.#origin());
  }

  /** A call of a session route: never retried. */
  #routeCall(
    method: 'GET' | 'POST',
    action: string,
    payload: readonly Bytes[],
    signal: AbortSignal | null = null,
  ): Call {
    const { origin, pathname, search } = this.#routeUrl(action);
    return {
      line: { method, path: pathname, query: search },
      origin,
      kind: payload.length > 0 ? 'json' : 'none',
      encoding: 'json',
      payload,
      publicHeaders: {},
      safe: false,
      retry: 'never',
      signal,
      credentials: this.#options.credentials,
      keepalive: undefined,
    };
  }
}

/** Of a session route, which answers in one piece. @throws {NenError} ISO-4004 for anything else. */
function bodyOf({ status, body }: Answer): Bytes {
  if (status === 200 && isWhole(body)) return body;
  letGo(body);
  throw new NenError('ISO-4004', { status });
}
