/** The spellings in which bytes can lie in a log, a dump or a message. What a view undoes is not among them. */

export interface Spelling {
  readonly name: string;
  readonly bytes: Buffer;
}

/** @param offset of the bytes in what they are a piece of: where their number is written too, it counts. */
export function spellingsOf(bytes: Buffer, offset = 0): readonly Spelling[] {
  const text = (name: string, spelled: string): Spelling => ({ name, bytes: Buffer.from(spelled, 'latin1') });
  const isAscii = bytes.every((byte) => byte < 0x80);
  return [
    { name: 'as it is', bytes },
    ...(isAscii ? [] : [{ name: 'latin1 as UTF-8', bytes: Buffer.from(bytes.toString('latin1'), 'utf8') }]),
    text('hexadecimal', bytes.toString('hex')),
    text('hexadecimal in capitals', bytes.toString('hex').toUpperCase()),
    ...shiftedBase64(bytes).flatMap((spelled, shift) => [
      text(`base64, ${shift} bytes on`, spelled),
      text(`base64url, ${shift} bytes on`, spelled.replaceAll('+', '-').replaceAll('/', '_')),
    ]),
    text('list of numbers', bytes.join(',')),
    text('numbered bytes', Array.from(bytes, (byte, at) => `"${at + offset}":${byte}`).join(',')),
  ];
}

/** What of the base64 depends on these bytes alone, whatever stands before and behind them. */
function shiftedBase64(bytes: Buffer): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const tail = (bytes.length + shift) % 3;
    return whole.slice(shift === 0 ? 0 : 4, tail === 0 ? undefined : -4);
  });
}
