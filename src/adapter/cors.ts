/**
 * CORS for clients on another origin (Fetch standard, "HTTP extensions"): the sealed channel's own
 * headers are allowed and exposed, so that an application has nothing to list.
 */
import {
  HEADER_NONCE,
  HEADER_RETRY,
  HEADER_SESSION,
  HEADER_SIGNATURE,
  HEADER_TAG,
  HEADER_TIMESTAMP,
} from '../protocol/constants.ts';
import { pageOrigins } from './checks.ts';

/** Which pages of other origins may call. */
export interface CorsOptions {
  /** The origins that may call, scheme://host[:port]. */
  readonly origins: readonly string[];
  /** Whether cookies may come along. Off by default. */
  readonly credentials?: boolean;
  /** How long a browser may remember the preflight. Two hours by default. */
  readonly maxAgeSeconds?: number;
}

const REQUEST_HEADERS = [
  'Content-Type',
  HEADER_SESSION,
  HEADER_TIMESTAMP,
  HEADER_NONCE,
  HEADER_SIGNATURE,
  HEADER_TAG,
  HEADER_RETRY,
];
const EXPOSED_HEADERS = [HEADER_NONCE, HEADER_TAG, 'Retry-After'];
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';

export interface Cors {
  /** The answer to a preflight. */
  preflight(req: Request): Response;
  /** Lets the requesting page read the response, if its origin may. */
  expose(req: Request, response: Response): Response;
}

export function createCors(
  { origins, credentials = false, maxAgeSeconds = 7200 }: CorsOptions,
  publicHeaders: readonly string[],
): Cors {
  const allowed = pageOrigins('cors.origins', origins);
  const allow = (req: Request, headers: Headers): void => {
    const origin = req.headers.get('origin');
    headers.append('Vary', 'Origin');
    if (origin === null || !allowed.has(origin)) return;
    headers.set('Access-Control-Allow-Origin', origin);
    if (credentials) headers.set('Access-Control-Allow-Credentials', 'true');
  };
  return {
    preflight(req) {
      const headers = new Headers({
        'Access-Control-Allow-Methods': METHODS,
        'Access-Control-Allow-Headers': [...REQUEST_HEADERS, ...publicHeaders].join(', '),
        'Access-Control-Max-Age': String(maxAgeSeconds),
      });
      allow(req, headers);
      return new Response(null, { status: 204, headers });
    },
    expose(req, given) {
      // The headers of a redirect, or of what fetch gave a plain handler, can't be set.
      const response = new Response(given.body, given);
      allow(req, response.headers);
      response.headers.set(
        'Access-Control-Expose-Headers',
        [...EXPOSED_HEADERS, ...publicHeaders].join(', '),
      );
      return response;
    },
  };
}
