import { useSyncExternalStore } from 'react';
import type { Transport } from 'trpc-nen/client';

/** One request as it crosses the network, for the panel beside the chat. */
export interface Exchange {
  readonly id: number;
  /** Method and path. */
  readonly line: string;
  readonly sent: Bytes;
  /** Grows while an answer streams in. */
  readonly received: Bytes;
}

interface Bytes {
  /** A part of them, as text: of what was sent the beginning, of what was received the end. */
  readonly text: string;
  readonly count: number;
  readonly pieces: number;
}

const MAX_EXCHANGES = 20;
const SHOWN_CHARS = 480;
const NOTHING: Bytes = { text: '', count: 0, pieces: 0 };

/** Newest first. */
let exchanges: readonly Exchange[] = [];
const listeners = new Set<() => void>();

function show(next: readonly Exchange[]): void {
  exchanges = next;
  for (const listener of listeners) listener();
}

function receive(id: number, piece: Uint8Array): void {
  const text = new TextDecoder('latin1').decode(piece);
  const grow = ({ text: before, count, pieces }: Bytes): Bytes => ({
    text: (before + text).slice(-SHOWN_CHARS),
    count: count + piece.length,
    pieces: pieces + 1,
  });
  show(exchanges.map((one) => (one.id === id ? { ...one, received: grow(one.received) } : one)));
}

/** The browser's fetch, with a copy of every byte. Given to the client, it stands where bytes leave the page. */
export const recordingFetch: Transport = async (url, init) => {
  const id = (exchanges[0]?.id ?? 0) + 1;
  const line = `${init.method} ${new URL(url, location.href).pathname}`;
  const head = Object.entries(init.headers).map(([name, value]) => `${name}: ${value}`);
  const whole = [...head, '', new TextDecoder('latin1').decode(init.body ?? undefined)].join('\n');
  const sent = { text: whole.slice(0, SHOWN_CHARS), count: whole.length, pieces: 1 };
  show([{ id, line, sent, received: NOTHING }, ...exchanges].slice(0, MAX_EXCHANGES));
  const response = await fetch(url, init);
  const copy = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      receive(id, piece);
      controller.enqueue(piece);
    },
  });
  return new Response(response.body?.pipeThrough(copy), response);
};

const NONE: readonly Exchange[] = [];

export function useExchanges(): readonly Exchange[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => exchanges,
    () => NONE,
  );
}
