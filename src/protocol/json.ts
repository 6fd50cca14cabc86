/**
 * JSON from the network, read strictly: fatal UTF-8, no byte order mark, own properties only, the
 * exact set of fields and none of them twice. Callers cap the size before.
 */
import { type Bytes, bytesToUtf8 } from '../crypto/bytes.ts';
import { MAX_JSON_DEPTH, MAX_JSON_KEYS } from './constants.ts';

/** A decoded object without a prototype: a polluted Object.prototype adds nothing to it. */
export type JsonObject = { readonly [name: string]: unknown };

/** No message of ours has more: twelve names with strings. */
const MAX_QUOTES = 48;

/**
 * Parses a protocol message: an object, with at most one object and one array inside. No
 * string of ours needs an escape, so quotes count names and strings: one more means a name given twice,
 * which JSON.parse would hide. What could be slow to parse, nesting and a crowd of names, is refused
 * before it is; one bracket may be an IPv6 address in an origin. The type of a field is its reader's to check.
 */
export function parseMessage(bytes: Bytes): JsonObject | undefined {
  const quotes = count(bytes, QUOTE, MAX_QUOTES);
  if (quotes > MAX_QUOTES || count(bytes, BRACE, 2) > 2) return undefined;
  if (count(bytes, BRACKET, 1) > 1 || bytes.includes(BACKSLASH)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytesToUtf8(bytes));
  } catch {
    return undefined;
  }
  const message = toObject(value);
  return message !== undefined && quotes === expectedQuotes(message) ? message : undefined;
}

/** Whether the object's own fields are among `required` and `optional`, with all of the required ones. */
export function hasFields(
  object: JsonObject,
  required: readonly string[],
  optional: readonly string[] = [],
): boolean {
  const names = Object.keys(object);
  return (
    required.every((name) => names.includes(name)) &&
    names.every((name) => required.includes(name) || optional.includes(name))
  );
}

/** Whether the bytes are one JSON text within the limits of depth and number of names. */
export function isBoundedJson(bytes: Bytes): boolean {
  let depth = 0;
  let names = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = endOfString(bytes, i + 1);
    else if (byte === BRACE || byte === BRACKET) {
      if (++depth > MAX_JSON_DEPTH) return false;
    } else if (byte === BRACE_END || byte === BRACKET_END) depth--;
    else if (byte === COLON && ++names > MAX_JSON_KEYS) return false;
  }
  try {
    JSON.parse(bytesToUtf8(bytes));
    return true;
  } catch {
    return false;
  }
}

/** A string that goes on for longer than this is searched by the platform, which takes a fifth of the time. */
const SHORT_STRING_BYTES = 32;

/** Where the string that begins at `start` has its closing quote; behind the last byte, if it has none. */
function endOfString(bytes: Bytes, start: number): number {
  let at = start;
  while (at < bytes.length) {
    const near = Math.min(at + SHORT_STRING_BYTES, bytes.length);
    for (; at < near; at++) {
      if (bytes[at] === QUOTE) return at;
      if (bytes[at] === BACKSLASH) at++;
    }
    const quote = bytes.indexOf(QUOTE, at);
    if (quote === -1) break;
    let escapes = quote;
    while (escapes > at && bytes[escapes - 1] === BACKSLASH) escapes--;
    if ((quote - escapes) % 2 === 0) return quote;
    at = quote + 1;
  }
  return bytes.length;
}

const QUOTE = 0x22;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

export function toObject(value: unknown): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.assign(Object.create(null), value);
}

/** How often the byte occurs; counting stops at the first one over the limit. */
function count(bytes: Bytes, byte: number, limit: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at !== -1 && found <= limit; at = bytes.indexOf(byte, at + 1)) found++;
  return found;
}

function expectedQuotes(object: JsonObject): number {
  let quotes = 0;
  for (const value of Object.values(object)) {
    quotes += 2;
    if (typeof value === 'string') quotes += 2;
    else {
      const inner = toObject(value);
      if (inner !== undefined) quotes += expectedQuotes(inner);
    }
  }
  return quotes;
}
