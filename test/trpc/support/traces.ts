/** Looks for words in recorded bytes, in every form in which an encoding could have left them there. */

/** What of a word's base64 does not depend on its neighbours, where it begins at the given byte of a group. */
function base64Core(word: Buffer, offset: number): string {
  const whole = Buffer.concat([Buffer.alloc(offset), word]).toString('base64');
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + word.length) * 8) / 6);
  return whole.slice(first, end);
}

function escapeEach(word: Buffer): string {
  return [...word].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Lower-case where the encoding does not care. */
function formsOf(word: string): { exact: string[]; anyCase: string[] } {
  const bytes = Buffer.from(word);
  const base64 = [0, 1, 2].map((offset) => base64Core(bytes, offset));
  return {
    exact: [...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))],
    anyCase: [
      bytes.toString('latin1'),
      Buffer.from(word, 'utf16le').toString('latin1'),
      bytes.toString('hex'),
      encodeURIComponent(word),
      escapeEach(bytes),
      JSON.stringify(word).slice(1, -1),
      word.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    ].map((text) => text.toLowerCase()),
  };
}

/** Those of the words that the bytes hold in some form. */
export function findTraces(bytes: Buffer, words: readonly string[]): string[] {
  const text = bytes.toString('latin1');
  const lower = text.toLowerCase();
  return words.filter((word) => {
    const { exact, anyCase } = formsOf(word);
    return exact.some((form) => text.includes(form)) || anyCase.some((form) => lower.includes(form));
  });
}

/** The request lines, in order of first use. */
export function requestLines(bytes: Buffer): string[] {
  const line = /(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \/[^ ]*(?= HTTP\/1\.1\r\n)/g;
  return [...new Set(bytes.toString('latin1').match(line) ?? [])];
}

/** The names of the headers of all requests, sorted. */
export function headerNames(bytes: Buffer): string[] {
  const heads = bytes.toString('latin1').match(/ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)+/g) ?? [];
  const names = heads.flatMap((head) =>
    [...head.matchAll(/\r\n([\w-]+):/g)].map(([, name]) => name?.toLowerCase() ?? ''),
  );
  return [...new Set(names)].sort();
}
