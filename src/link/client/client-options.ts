/**
 * The options of a client, and their checks but for the identity's: what is given but wrong is a TypeError when the
 * client is made, and so is what would go unheard.
 */
import { isSuiteName, type SuiteName } from '../../crypto/suite.ts';
import type { Encoding } from '../../protocol/envelope.ts';
import { isToken } from '../../protocol/fetch-rules.ts';
import { isFraming } from '../../protocol/headers.ts';
import type { Padding } from '../../protocol/padding.ts';
import type { DeviceClock } from './clock.ts';
import type { IdentityOptions } from './identity-options.ts';
import type { Transport } from './transport.ts';

/** The options of a client; each is checked when the client is made. */
export interface NenClientOptions extends IdentityOptions {
  /** Where the session routes are. By default `{baseUrl}/api/nen`. */
  readonly nenUrl?: string;
  /** What carries the sealed bytes. By default the runtime's fetch. */
  readonly fetch?: Transport;
  /** The key encapsulation of the handshake; never changed because of an answer. 'ML-KEM-768' by default. */
  readonly suite?: SuiteName;
  /** 'json' (the default) passes every proxy and body parser; 'octets' is smaller and faster. */
  readonly encoding?: Encoding;
  /** Headers that the way may read: copied outside, and unprotected there. */
  readonly publicHeaders?: readonly string[];
  /** Cookies for handshakes and calls that say nothing of it, as in fetch. */
  readonly credentials?: RequestCredentials;
  /** The largest answer in one envelope, in bytes. 8 MiB by default. */
  readonly maxEnvelopeBytes?: number;
  /**
   * Pads requests to size classes: `{ blockBytes: 256 }` to multiples of it, `'padme'` to about 12 % more at most.
   * A direct GET or HEAD has no body that could be padded. 'none' by default; answers are the server's to pad.
   */
  readonly padding?: Padding;
  /** The device's clocks. Date.now and performance.now by default. */
  readonly clock?: DeviceClock;
}

/** @throws {TypeError} for an option that is given but wrong, or a runtime without secure randomness. */
export function checkOptions(baseUrl: string, options: NenClientOptions): void {
  const { nenUrl, fetch, suite, encoding, publicHeaders, maxEnvelopeBytes } = options;
  if (baseUrl !== '' && !(/^https?:\/\/[^/]/.test(baseUrl) && isPlainUrl(baseUrl))) {
    throw new TypeError("baseUrl: an http(s) origin, or '' for the page's own");
  }
  if (nenUrl !== undefined && !isPlainUrl(nenUrl)) {
    throw new TypeError("nenUrl: an http(s) URL or a path, such as '/api/nen'");
  }
  if (fetch !== undefined && typeof fetch !== 'function') throw new TypeError('fetch: a function');
  if (encoding !== undefined && encoding !== 'json' && encoding !== 'octets') {
    throw new TypeError("encoding: 'json' or 'octets'");
  }
  if (suite !== undefined && !isSuiteName(suite)) throw new TypeError("suite: 'ML-KEM-768' or 'X-Wing'");
  if (publicHeaders !== undefined && !(Array.isArray(publicHeaders) && publicHeaders.every(isPublishable))) {
    throw new TypeError('publicHeaders: names of headers that do not describe the sealed message');
  }
  if (maxEnvelopeBytes !== undefined && !(maxEnvelopeBytes > 0)) {
    throw new TypeError('maxEnvelopeBytes: a positive number');
  }
  if (typeof globalThis.crypto?.getRandomValues !== 'function') {
    throw new TypeError(
      'this runtime has no crypto.getRandomValues: in React Native import react-native-get-random-values first',
    );
  }
}

/** Whether a path can be appended, and everybody reads the same server in it. */
function isPlainUrl(text: string): boolean {
  const url = parseUrl(text);
  if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
  return url.username + url.password + url.search + url.hash === '';
}

function isPublishable(name: unknown): boolean {
  if (typeof name !== 'string' || !isToken(name)) return false;
  return name.toLowerCase() !== 'content-type' && !isFraming(name.toLowerCase());
}

/** @throws {TypeError} for one that isn't as it will stand on the wire. */
export function checkEndpoint(endpoint: string): void {
  if (endpoint !== '' && (endpoint.endsWith('/') || parseUrl(endpoint)?.pathname !== endpoint))
    throw new TypeError("endpoint: a path such as '/api/trpc', or '' for the root");
}

/** Undefined for what is no URL. */
function parseUrl(text: string): URL | undefined {
  return URL.canParse(text, PAGE) ? new URL(text, PAGE) : undefined;
}

/** Stands for the origin of a page that isn't known yet. */
const PAGE = 'https://page.invalid';

/** Of options beside a shared client, whose own hold. @throws {TypeError} for one that is a client's. */
export function refuseClientOptions(options: object): void {
  const unheard = CLIENT_OPTIONS.find((name) => name in options);
  if (unheard !== undefined) throw new TypeError(`${unheard}: give it to the shared client`);
}

/** Going unheard, they would leave somebody trusted whom nobody meant, or send calls another way. */
const CLIENT_OPTIONS: readonly (keyof NenClientOptions)[] = Object.keys({
  serverPins: true,
  identityMode: true,
  identity: true,
  suite: true,
  nenUrl: true,
  fetch: true,
  encoding: true,
  publicHeaders: true,
  credentials: true,
  maxEnvelopeBytes: true,
  padding: true,
  clock: true,
} satisfies Record<keyof NenClientOptions, true>) as (keyof NenClientOptions)[];
