/** Reading along: no byte changes, however they are cut, and whoever leaves is heard at the other end. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Seen, watched } from '../../src/ai/server/watch.ts';
import { dialects } from './support/dialects.ts';

const conversation = { model: 'gpt-test', prompt: '', stream: true, callsTool: false, tellsUsage: true };
const words = ['grüße ', 'an ', 'alle 🙂'];

function textOf(path: string, end = Number.POSITIVE_INFINITY): Uint8Array<ArrayBuffer> {
  const events = [...(dialects[path]?.events(conversation, words) ?? [])].slice(0, end);
  const text = events
    .map(({ event, data }) => `${event ? `event: ${event}\n` : ''}data: ${data}\n\n`)
    .join('');
  return new TextEncoder().encode(text);
}

/** A response whose body comes in pieces of these lengths, and then the rest. */
function inPieces(bytes: Uint8Array<ArrayBuffer>, lengths: readonly number[]): Response {
  const ends = [...lengths, bytes.length].map((_, index, all) =>
    all.slice(0, index + 1).reduce((sum, length) => sum + length, 0),
  );
  const pieces = ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
  const body = new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

const NEVER = new AbortController().signal;

describe('watched', () => {
  it.each([
    ['/v1/chat/completions', 'chat'],
    ['/v1/responses', 'responses'],
    ['/v1/messages', 'messages'],
  ] as const)('%s: the same bytes, model and usage, wherever they are cut', async (path, dialect) => {
    const bytes = textOf(path);
    const lengths = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(lengths, async (cuts) => {
        const seen: Seen[] = [];
        const onSeen = (one: Seen): void => void seen.push(one);
        const body = watched(inPieces(bytes, cuts), { dialect, signal: NEVER, onSeen });
        expect(new Uint8Array(await new Response(body).arrayBuffer())).toEqual(bytes);
        expect(seen).toMatchObject([{ outcome: 'complete', model: 'gpt-test' }]);
        expect(JSON.stringify(seen[0]?.usage)).toContain('11');
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['/v1/chat/completions', 'chat'],
    ['/v1/responses', 'responses'],
    ['/v1/messages', 'messages'],
  ] as const)('%s: after no event but the last may it end', async (path, dialect) => {
    const whole = textOf(path).length;
    for (let count = 0; textOf(path, count).length < whole; count++) {
      const body = watched(inPieces(textOf(path, count), []), { dialect, signal: NEVER, onSeen: undefined });
      await expect(new Response(body).text(), `after ${count} events`).rejects.toThrow(
        'before its last event',
      );
    }
  });

  it('asks for no more than it is asked for, and passes on that nobody reads any more', async () => {
    let pulled = 0;
    let cancelled: unknown;
    const source = new ReadableStream(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(new TextEncoder().encode('data: {}\n\n'));
        },
        cancel(reason) {
          cancelled = reason;
        },
      },
      { highWaterMark: 0 },
    );
    const response = new Response(source, { headers: { 'content-type': 'text/event-stream' } });
    const seen: Seen[] = [];
    const onSeen = (one: Seen): void => void seen.push(one);
    const reader = watched(response, { dialect: 'chat', signal: NEVER, onSeen })?.getReader();
    await reader?.read();
    await reader?.read();
    expect(pulled).toBe(2);
    await reader?.cancel('gone');
    expect(cancelled).toBe('gone');
    expect(seen).toMatchObject([{ outcome: 'aborted' }]);
  });

  it('whoever leaves after the last event has had the whole answer', async () => {
    const source = new ReadableStream({
      start: (controller) => controller.enqueue(textOf('/v1/chat/completions')),
    });
    const response = new Response(source, { headers: { 'content-type': 'text/event-stream' } });
    const seen: Seen[] = [];
    const onSeen = (one: Seen): void => void seen.push(one);
    const reader = watched(response, { dialect: 'chat', signal: NEVER, onSeen })?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(seen).toMatchObject([{ outcome: 'complete' }]);
  });
});
