/** The ways to read what was captured: as it is, and with what writers put between or in place of bytes undone. */

export interface View {
  readonly name: string;
  read(captured: Buffer): Buffer;
}

export const AS_IT_IS: View = { name: 'as it is', read: (captured) => captured };

/** `<Buffer 01 02>`, and lists of numbers over several lines. */
const withoutSpace: View = {
  name: 'without white space',
  read(captured) {
    const read = Buffer.allocUnsafe(captured.length);
    let length = 0;
    for (const byte of captured) if (byte > SPACE) read[length++] = byte;
    return read.subarray(0, length);
  },
};

const SPACE = 0x20;
const BACKSLASH = 0x5c;
const PERCENT = 0x25;

/** %41 of URLs, \x41 of nginx and MONITOR, \u0041 and \n of JSON and of inspected strings. */
export const UNESCAPED: View = {
  name: 'unescaped',
  read(captured) {
    const read = Buffer.allocUnsafe(captured.length);
    let length = 0;
    for (let at = 0; at < captured.length; length++) {
      const spelled = escapeAt(captured, at);
      read[length] = spelled?.byte ?? captured[at] ?? 0;
      at += spelled?.length ?? 1;
    }
    return read.subarray(0, length);
  },
};

interface Escape {
  readonly byte: number;
  /** Of its spelling. */
  readonly length: number;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '/': '/',
  '\\': '\\',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function escapeAt(captured: Buffer, at: number): Escape | undefined {
  const first = captured[at];
  if (first === PERCENT) return hexEscape(captured, at, '%');
  if (first !== BACKSLASH) return undefined;
  const short = SHORT_ESCAPES[String.fromCharCode(captured[at + 1] ?? 0)];
  if (short !== undefined) return { byte: short.charCodeAt(0), length: 2 };
  return hexEscape(captured, at, '\\x') ?? hexEscape(captured, at, '\\u00');
}

function hexEscape(captured: Buffer, at: number, prefix: string): Escape | undefined {
  const length = prefix.length + 2;
  const spelled = captured.toString('latin1', at, at + length);
  const digits = spelled.slice(prefix.length);
  if (!spelled.startsWith(prefix) || !/^[0-9a-f]{2}$/i.test(digits)) return undefined;
  return { byte: Number.parseInt(digits, 16), length };
}

export const VIEWS: readonly View[] = [AS_IT_IS, withoutSpace, UNESCAPED];
