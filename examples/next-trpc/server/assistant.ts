import { setTimeout as sleep } from 'node:timers/promises';
import type { Note } from './notes';

/** How far the last answer to somebody came: what the page asks for after it has pressed stop. */
export interface Outcome {
  readonly written: number;
  readonly of: number;
}

const MAX_NOTES_IN_ANSWER = 5;

const outcomes = new Map<string, Promise<Outcome>>();

/**
 * Writes an answer word by word, as a language model would. It is made up here from the notes, so the same
 * question over the same notes gives the same words: `from` lets a broken connection go on where it was.
 */
export async function* writeAnswer(
  memberId: string,
  question: string,
  notes: readonly Note[],
  from: number,
  signal: AbortSignal,
): AsyncGenerator<{ index: number; word: string }> {
  const words = compose(question, notes).split(/(?<=\s)(?=\S)/);
  const { promise, resolve } = deferred<Outcome>();
  outcomes.set(memberId, promise);
  let written = from;
  try {
    for (const [index, word] of words.entries()) {
      if (index < from) continue;
      await sleep(pauseMs(index, word), undefined, { signal });
      written = index + 1;
      yield { index, word };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    resolve({ written, of: words.length });
  }
}

export async function lastOutcome(memberId: string): Promise<Outcome | undefined> {
  return Promise.race([outcomes.get(memberId), sleep(2000, undefined)]);
}

function compose(question: string, notes: readonly Note[]): string {
  const asked = question.toLowerCase();
  const named = notes.filter((note) =>
    note.patient
      .toLowerCase()
      .split(' ')
      .some((name) => asked.includes(name)),
  );
  const used = (named.length > 0 ? named : notes).slice(0, MAX_NOTES_IN_ANSWER);
  const changed = [...new Set(used.filter((note) => /\bmg\b/.test(note.text)).map((note) => note.patient))];
  return [
    used.length === 1 ? 'One note fits your question.' : `I went through ${used.length} notes, newest first.`,
    used.map((note) => `${note.patient}: ${note.text}`).join('\n'),
    changed.length > 0
      ? `Look first at ${changed.join(' and ')}, where a medicine was started or changed.`
      : 'No medicine was started or changed.',
    'Please read the notes themselves before you decide.',
  ].join('\n\n');
}

/** A steady hand with pauses at the ends of sentences. */
function pauseMs(index: number, word: string): number {
  return 28 + ((index * 37) % 45) + (/[.:]\s/.test(word) ? 140 : 0);
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
