import { textOf } from './exchange';
import { recordedExchanges } from './log';
import { createStore } from './store';

/**
 * The words that somebody typed or read on this page, each looked for in every byte that crosses the network.
 * Short words are left out because they turn up in random text by chance, and so are the words that any sealed
 * request shows by itself.
 */
export interface WordCount {
  readonly watched: number;
  readonly found: readonly string[];
}

const MIN_LENGTH = 6;
const OF_THE_ENVELOPE = new Set(
  'accept application content failed handshake localhost sealed session signature stream timestamp'.split(
    ' ',
  ),
);
const MAX_OVERLAP = 64;

const unseen = new Set<string>();
const found = new Set<string>();
const count = createStore<WordCount>({ watched: 0, found: [] });

export const useWordCount = count.useShown;

/** Watches the words of what was typed or read from now on, and looks for them in what is recorded already. */
export function watchWords(text: string): void {
  const added = wordsOf(text).filter((word) => !unseen.has(word) && !found.has(word));
  if (added.length === 0) return;
  const recorded = recordedExchanges().map(textOf);
  for (const word of added) (recorded.some((bytes) => bytes.includes(word)) ? found : unseen).add(word);
  recount();
}

/** Gives back the end of the text: a word may begin there and end in the next piece. */
export function lookForWords(text: string): string {
  for (const word of unseen) {
    if (!text.includes(word)) continue;
    unseen.delete(word);
    found.add(word);
    recount();
  }
  return text.slice(-MAX_OVERLAP);
}

function wordsOf(text: string): string[] {
  return text
    .split(/\s+/)
    .map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ''))
    .filter((word) => word.length >= MIN_LENGTH && !OF_THE_ENVELOPE.has(word));
}

function recount(): void {
  count.set({ watched: unseen.size + found.size, found: [...found] });
}
