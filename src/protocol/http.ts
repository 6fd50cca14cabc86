/**
 * HTTP messages as bytes: Binary HTTP (RFC 9292), known-length form, with every section written,
 * scheme https, empty authority, no informational responses and no trailers.
 *
 *   request  = 0 | LV(method) LV("https") LV("") LV(path) | LV(fields) | LV(content) | LV("") | padding
 *   response = 1 | status                                 | LV(fields) | LV(content) | LV("") | padding
 *
 * LV(x) is the length of x as a QUIC variable-length integer (RFC 9000 section 16), then x.
 * Encoding gives pieces, so that the body is never copied; decoding gives a view of it.
 */
import { type Bytes, bytesToLatin1, EMPTY, latin1ToBytes } from '../crypto/bytes.ts';
import { isToken } from './fetch-rules.ts';
import type { Field } from './headers.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly fields: readonly Field[];
  readonly body: Bytes;
}

export interface HttpResponse {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: Bytes;
}

const REQUEST = 0;
const RESPONSE = 1;
/** A token in lower case. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE_FORBIDDEN = /[\r\n\0]/;

/** The empty trailer section that ends every message. */
const NO_TRAILERS: Bytes = new Uint8Array(1);

/** @returns [head, content, trailers], to be taken as one message. */
export function encodeRequest(message: HttpRequest): readonly Bytes[] {
  const head = `\0${lv(message.method)}${lv('https')}${lv('')}${lv(message.path)}${lv(encodeFields(message.fields))}`;
  return [latin1ToBytes(head + varint(message.body.length)), message.body, NO_TRAILERS];
}

/** @returns [head, content, trailers], to be taken as one message. */
export function encodeResponse(message: HttpResponse): readonly Bytes[] {
  const head = `\x01${varint(message.status)}${lv(encodeFields(message.fields))}`;
  return [latin1ToBytes(head + varint(message.body.length)), message.body, NO_TRAILERS];
}

/** @returns undefined for anything that is not exactly such a message. */
export function decodeRequest(bytes: Bytes): HttpRequest | undefined {
  const reader = new Reader(bytes);
  if (reader.varint() !== REQUEST) return undefined;
  const method = reader.text();
  const scheme = reader.text();
  const authority = reader.text();
  const path = reader.text();
  const rest = reader.sections();
  if (rest === undefined || scheme !== 'https' || authority !== '' || !isToken(method)) return undefined;
  return { method, path, ...rest };
}

/** @returns undefined for anything that is not exactly such a message. */
export function decodeResponse(bytes: Bytes): HttpResponse | undefined {
  const reader = new Reader(bytes);
  if (reader.varint() !== RESPONSE) return undefined;
  const status = reader.varint();
  const rest = reader.sections();
  if (rest === undefined || status < 200 || status > 599) return undefined;
  return { status, ...rest };
}

function encodeFields(fields: readonly Field[]): string {
  let text = '';
  for (const [name, value] of fields) text += lv(name) + lv(value);
  return text;
}

function lv(text: string): string {
  return varint(text.length) + text;
}

function varint(value: number): string {
  if (value < 0x40) return String.fromCharCode(value);
  if (value < 0x4000) return String.fromCharCode(0x40 | (value >> 8), value & 0xff);
  if (value >= 0x40000000) throw new RangeError('a message section is limited to 2^30 - 1 bytes');
  return String.fromCharCode(0x80 | (value >> 24), (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff);
}

/** Reads forward; the first fault makes everything after it fail, and `sections` says so. */
class Reader {
  readonly #bytes: Bytes;
  #at = 0;
  #failed = false;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  varint(): number {
    const first = this.#bytes[this.#at];
    if (first === undefined) return this.#fail(0);
    const size = 1 << (first >> 6);
    if (this.#at + size > this.#bytes.length) return this.#fail(0);
    let value = first & 0x3f;
    for (let i = 1; i < size; i++) value = value * 256 + (this.#bytes[this.#at + i] ?? 0);
    this.#at += size;
    return Number.isSafeInteger(value) ? value : this.#fail(0);
  }

  /** The end of a section of the length that stands here; the reader stands at its start. */
  #sectionEnd(): number {
    const end = this.varint() + this.#at;
    return end > this.#bytes.length ? this.#fail(this.#at) : end;
  }

  text(): string {
    const end = this.#sectionEnd();
    const text = bytesToLatin1(this.#bytes, this.#at, end);
    this.#at = end;
    return text;
  }

  sections(): { fields: readonly Field[]; body: Bytes } | undefined {
    const fields = this.#fields();
    const end = this.#sectionEnd();
    const body = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    const trailers = this.#failed ? 0 : this.varint();
    if (this.#failed || trailers !== 0) return undefined;
    for (; this.#at < this.#bytes.length; this.#at++) {
      if (this.#bytes[this.#at] !== 0) return undefined;
    }
    return { fields, body: body.length === 0 ? EMPTY : body };
  }

  #fields(): readonly Field[] {
    const fields: Field[] = [];
    const end = this.#sectionEnd();
    while (this.#at < end) {
      const name = this.text();
      const value = this.text();
      if (this.#failed || this.#at > end || !FIELD_NAME.test(name) || VALUE_FORBIDDEN.test(value)) {
        this.#fail(0);
        return fields;
      }
      fields.push([name, value]);
    }
    return fields;
  }

  #fail<T>(value: T): T {
    this.#failed = true;
    this.#at = this.#bytes.length;
    return value;
  }
}
