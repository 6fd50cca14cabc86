/**
 * Which calls a client may make: an allow list of methods and paths. A path is compared as it is sent on, segment
 * by segment, so that `..`, `%2e` and `%2f` lead nowhere.
 */

export interface PathRule {
  readonly method: string;
  readonly segments: readonly string[];
}

/** What a client calls, at the provider. */
export interface Target {
  readonly method: string;
  /** Begins with a slash. */
  readonly path: string;
  /** '' or begins with '?'. */
  readonly search: string;
}

const RULE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) ((?:\/(?:[\w~-][\w.~-]*|\*))+)$/;

/** @throws {TypeError} */
export function readPathRules(rules: readonly string[]): readonly PathRule[] {
  const read = Array.isArray(rules) ? rules.map((rule) => RULE.exec(String(rule))) : [];
  if (read.length > 0 && read.every((rule) => rule !== null)) {
    return read.map(([, method = '', path = '']) => ({ method, segments: path.split('/').slice(1) }));
  }
  throw new TypeError("paths: a list such as ['POST /chat/completions', 'GET /files/*']");
}

/** No dot at its beginning and no escape: it means the same to whoever reads it. */
const SEGMENT = /^[\w~-][\w.~:@-]*$/;

/** @returns undefined for a call that no rule allows. */
export function allowedTarget(
  req: Request,
  endpoint: string,
  rules: readonly PathRule[],
): Target | undefined {
  const { pathname, search } = new URL(req.url);
  if (!pathname.startsWith(`${endpoint}/`)) return undefined;
  const path = pathname.slice(endpoint.length);
  const segments = path.split('/').slice(1);
  const { method } = req;
  const isAllowed = rules.some((rule) => rule.method === method && matches(rule.segments, segments));
  return isAllowed ? { method, path, search } : undefined;
}

function matches(rule: readonly string[], segments: readonly string[]): boolean {
  return (
    rule.length === segments.length &&
    rule.every((part, at) => (part === '*' ? SEGMENT.test(segments[at] ?? '') : part === segments[at]))
  );
}
