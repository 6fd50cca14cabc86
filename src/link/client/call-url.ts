/**
 * The URL of a call, in parts.
 */

/** What is used of a URL. */
export type CallUrl = Readonly<Pick<URL, 'origin' | 'pathname' | 'search' | 'href'>>;

/**
 * A path and a query that the URL parser would leave as they are (URL Standard, section 4.4): nothing in them
 * is escaped, and no segment is empty or begins as `..` and `%2e%2e` do.
 */
const PLAIN = /^(?=\/)((?:\/[\w~!$&'()*+,;=:@-][\w~!$&'()*+,;=:@%.-]*)*\/?)(\?[\w~!$&()*+,;=:@/?%.-]+)?$/;

/**
 * What `new URL(input, base)` gives. As a rule nothing has to be parsed, which would cost 8 us in Node.
 * @param base an origin.
 * @throws {TypeError} for no URL, and for one with credentials, which fetch refuses too.
 */
export function readCallUrl(input: string | URL, base: string): CallUrl {
  if (typeof input === 'string' && base.startsWith('http')) {
    const target = input.startsWith(base) ? input.slice(base.length) : input;
    const [, pathname, search = ''] = PLAIN.exec(target) ?? [];
    if (pathname !== undefined) return { origin: base, pathname, search, href: base + target };
  }
  const url = new URL(input, base);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('Request cannot be constructed from a URL that includes credentials.');
  }
  return url;
}
