/** PROTOCOL.md 8: whole HTTP messages as bytes, RFC 9292 in the known-length form and one profile. */
import { type Bytes, bytes, type Field, join } from './bytes.ts';

export type HeaderLine = readonly [name: string, value: string];

export interface InnerRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly HeaderLine[];
  readonly content: Bytes;
}

export interface InnerResponse {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly content: Bytes;
}

/** The sections of a message in their order: each is bytes with a length in front, but for the padding. */
export interface Sections {
  /** Framing indicator and control data: 0x00, method, scheme, authority, path; or 0x01 and the status. */
  readonly control: Bytes;
  readonly fields: Bytes;
  readonly content: Bytes;
  readonly trailers: Bytes;
  readonly padding: Bytes;
}

const REQUEST = 0;
const RESPONSE = 1;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** CR, LF and NUL. */
const IN_NO_VALUE = /[\r\n\0]/;
const VARINT_BITS = 6;
const STATUS_MIN = 200;
const STATUS_MAX = 599;

/** A variable-length integer (RFC 9000 section 16); its first two bits say how many bytes it has. */
export function varint(
  value: number,
  size = value < 2 ** 6 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 30 ? 4 : 8,
): Buffer {
  const all = Buffer.alloc(8);
  all.writeBigUInt64BE(BigInt(value));
  const written = all.subarray(8 - size);
  written[0] = (written[0] ?? 0) | (Math.log2(size) << VARINT_BITS);
  return written;
}

export const LV = (field: Field): Buffer => join(varint(bytes(field).length), field);
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const fieldLines = (headers: readonly HeaderLine[]): Buffer =>
  join(...headers.flatMap(([name, value]) => [LV(latin1(name.toLowerCase())), LV(latin1(value))]));

const NONE = new Uint8Array(0);

export function requestSections({ method, target, headers, content }: InnerRequest): Sections {
  const control = join(Uint8Array.of(REQUEST), LV(method), LV('https'), LV(''), LV(latin1(target)));
  return { control, fields: fieldLines(headers), content, trailers: NONE, padding: NONE };
}

export function responseSections({ status, headers, content }: InnerResponse): Sections {
  const control = join(Uint8Array.of(RESPONSE), varint(status));
  return { control, fields: fieldLines(headers), content, trailers: NONE, padding: NONE };
}

export const write = ({ control, fields, content, trailers, padding }: Sections): Buffer =>
  join(control, LV(fields), LV(content), LV(trailers), padding);

/** The same with as many zeros behind it as make it a multiple of `blockBytes`. */
export function padded(sections: Sections, blockBytes = 1): Sections {
  const { length } = write(sections);
  return { ...sections, padding: Buffer.alloc(Math.ceil(length / blockBytes) * blockBytes - length) };
}

/** What does not fit the profile throws, and the readers below say undefined. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(from: Bytes) {
    this.#bytes = Buffer.from(from);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError('cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  varint(): number {
    const [first = 0] = this.take(1);
    const rest = this.take(2 ** (first >> VARINT_BITS) - 1);
    const value = BigInt(`0x${join(Uint8Array.of(first & 0x3f), rest).toString('hex')}`);
    if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('too long');
    return Number(value);
  }

  section(): Buffer {
    return this.take(this.varint());
  }

  text(): string {
    return this.section().toString('latin1');
  }

  headers(): HeaderLine[] {
    const fields = new Reader(this.section());
    const headers: HeaderLine[] = [];
    while (!fields.atEnd) {
      const [name, value] = [fields.text(), fields.text()];
      must(TOKEN.test(name) && name === name.toLowerCase() && !IN_NO_VALUE.test(value));
      headers.push([name, value]);
    }
    return headers;
  }

  /** Empty trailers, then zeros. */
  end(): void {
    must(this.section().length === 0);
    while (!this.atEnd) must(this.take(1)[0] === 0);
  }
}

function must(so: boolean): void {
  if (!so) throw new RangeError('not of this profile');
}

export function readRequest(payload: Bytes): InnerRequest | undefined {
  return attempt(() => {
    const reader = new Reader(payload);
    must(reader.take(1)[0] === REQUEST);
    const [method, scheme, authority, target] = [reader.text(), reader.text(), reader.text(), reader.text()];
    must(TOKEN.test(method) && scheme === 'https' && authority === '');
    const [headers, content] = [reader.headers(), reader.section()];
    reader.end();
    return { method, target, headers, content };
  });
}

export function readResponse(payload: Bytes): InnerResponse | undefined {
  return attempt(() => {
    const reader = new Reader(payload);
    must(reader.take(1)[0] === RESPONSE);
    const status = reader.varint();
    must(status >= STATUS_MIN && status <= STATUS_MAX);
    const [headers, content] = [reader.headers(), reader.section()];
    reader.end();
    return { status, headers, content };
  });
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
