/**
 * The URL of a request, with the very path that the router in front has seen. Target and Host are the way's to
 * write. A URL parser would find a path in the one, and go from `/pay/../read` to `/read` in the other: what was
 * sealed for one handler would then open in another.
 */

/** @throws {TypeError} for parts that make no URL, or one with another path, or one with credentials, which no Request has. */
export function requestUrl(origin: string, target: string): string {
  const { href, pathname } = new URL(origin + target);
  if (pathname === target.split('?', 1)[0] && !origin.includes('@')) return href;
  throw new TypeError('the path or the host is none as URLs spell it');
}
