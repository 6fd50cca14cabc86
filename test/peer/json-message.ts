/** PROTOCOL.md 2.3: the strict reading of the protocol's own messages. */
const MAX_BRACKETS = 1;
const MAX_BRACES = 2;
const MAX_QUOTES = 48;

/** There are no escapes: every quote begins or ends a string. A colon after it makes the string a name. */
const STRING = /"([^"]*)"(\s*:)?/g;

/** The object, or undefined for what is no message. Which fields it must have, its reader says. */
export function readMessage(body: Uint8Array, maxBytes = Number.POSITIVE_INFINITY): Fields | undefined {
  if (body.length > maxBytes || count(body, '\\') > 0) return undefined;
  if (count(body, '[') > MAX_BRACKETS || count(body, '{') > MAX_BRACES || count(body, '"') > MAX_QUOTES) {
    return undefined;
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    const value: unknown = JSON.parse(text);
    return isFields(value) && namesOnce(text) ? value : undefined;
  } catch {
    return undefined;
  }
}

export type Fields = Record<string, unknown>;

/** Whether an object has all of `required`, perhaps some of `optional`, and nothing else. */
export function hasExactly(value: unknown, required: string[], optional: string[] = []): value is Fields {
  if (!isFields(value)) return false;
  const names = Object.keys(value);
  return (
    required.every((name) => names.includes(name)) &&
    names.every((name) => required.includes(name) || optional.includes(name))
  );
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function count(body: Uint8Array, character: string): number {
  const code = character.charCodeAt(0);
  let found = 0;
  for (const byte of body) if (byte === code) found += 1;
  return found;
}

/** In the outer object and, apart from it, in the one that may stand in it. */
function namesOnce(text: string): boolean {
  const bare = text.replace(STRING, (string) => '.'.repeat(string.length));
  const from = bare.indexOf('{', bare.indexOf('{') + 1);
  const to = bare.indexOf('}') + 1;
  if (from < 0) return distinct(text);
  return distinct(text.slice(from, to)) && distinct(text.slice(0, from) + text.slice(to));
}

function distinct(object: string): boolean {
  const names = [...object.matchAll(STRING)].filter(([, , colon]) => colon).map(([, name]) => name);
  return new Set(names).size === names.length;
}
