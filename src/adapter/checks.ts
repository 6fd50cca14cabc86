/**
 * Checks of what an application configures: an option that is given but wrong is a TypeError at once,
 * and not a call that fails later on.
 */
import { isToken } from '../protocol/fetch-rules.ts';
import { isAudience } from '../protocol/formats.ts';
import { isFraming } from '../protocol/headers.ts';

/** @throws {TypeError} */
export function positiveInteger(name: string, value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value > 0 && value <= max) return value;
  throw new TypeError(`${name}: a whole number from 1 to ${max}`);
}

/** @throws {TypeError} */
export function positiveNumber(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`${name}: a positive number`);
}

/** @throws {TypeError} */
export function optionalFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value;
  throw new TypeError(`${name}: a function`);
}

/** Origins that clients may mean. @throws {TypeError} */
export function audiences(name: string, origins: readonly string[]): ReadonlySet<string> {
  if (Array.isArray(origins) && origins.length > 0 && origins.every(isAudience)) return new Set(origins);
  throw new TypeError(`${name}: a list of origins, scheme://host[:port], without a path`);
}

/** As in the Origin header: of any scheme, since apps have some of their own. @throws {TypeError} */
export function pageOrigins(name: string, origins: readonly string[]): ReadonlySet<string> {
  const isOrigin = (origin: unknown): boolean =>
    typeof origin === 'string' && /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s*]+$/.test(origin);
  if (Array.isArray(origins) && origins.length > 0 && origins.every(isOrigin)) return new Set(origins);
  throw new TypeError(`${name}: a list of origins, scheme://host[:port], without a path`);
}

/** '' or a path such as '/api/trpc', as URLs spell it. @throws {TypeError} */
export function pathPrefix(name: string, path: string): string {
  const spelled = `${path}/x`;
  const isPath =
    /^(?:\/[^/?#]+)*$/.test(path) && new URL(spelled, 'https://origin.invalid').pathname === spelled;
  if (isPath) return path;
  throw new TypeError(`${name}: a path such as '/api', which does not end with a slash`);
}

/** What an envelope says of itself: the handler's own word for these goes inside alone. */
const OF_THE_ENVELOPE = new Set(['content-type', 'cache-control', 'x-accel-buffering']);

/** @returns the names in lower case. @throws {TypeError} */
export function headerNames(name: string, names: readonly string[]): readonly string[] {
  return names.map((header) => {
    const lower = typeof header === 'string' && isToken(header) ? header.toLowerCase() : '';
    if (lower !== '' && !OF_THE_ENVELOPE.has(lower) && !isFraming(lower)) return lower;
    throw new TypeError(
      `${name}: names of headers, without Content-Type, Cache-Control, X-Nen-* and those of one hop`,
    );
  });
}
