/** Server-sent events by the HTML standard: what PROTOCOL.md 7 travels in where the encoding is JSON. */
import type { Bytes } from './bytes.ts';

export interface Event {
  /** Empty where the event has none. */
  readonly name: string;
  readonly data: string;
}

/** Events that have data and were ended by an empty line. Comments, ids and retry times are passed over. */
export async function* eventsOf(body: AsyncIterable<Bytes>): AsyncGenerator<Event> {
  let name = '';
  let data: string[] = [];
  for await (const line of linesOf(body)) {
    if (line === '') {
      if (data.length > 0) yield { name, data: data.join('\n') };
      name = '';
      data = [];
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === 'data') data.push(value);
    if (field === 'event') name = value;
  }
}

/** Lines that were ended, by LF, CR or both. */
async function* linesOf(body: AsyncIterable<Bytes>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = '';
  let afterCr = false;
  for await (const chunk of body) {
    for (const character of decoder.decode(chunk, { stream: true })) {
      const endsCrLf = afterCr && character === '\n';
      afterCr = character === '\r';
      if (endsCrLf) continue;
      if (character !== '\n' && character !== '\r') {
        held += character;
        continue;
      }
      yield held;
      held = '';
    }
  }
}
