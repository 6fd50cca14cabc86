import type { Exchange } from './exchange';
import { createStore } from './store';

/** The page's latest exchanges, newest first and bounded. */
export interface Log {
  readonly exchanges: readonly Exchange[];
  /** Since the page was opened, those that have left the list included. */
  readonly count: number;
  readonly bytes: number;
}

const MAX_EXCHANGES = 50;

const log = createStore<Log>({ exchanges: [], count: 0, bytes: 0 });

export const useLog = log.useShown;

export function recordedExchanges(): readonly Exchange[] {
  return log.get().exchanges;
}

export function addExchange(exchange: Omit<Exchange, 'id'>): number {
  const { exchanges, count, bytes } = log.get();
  const id = count + 1;
  log.set({
    exchanges: [{ ...exchange, id }, ...exchanges].slice(0, MAX_EXCHANGES),
    count: id,
    bytes: bytes + exchange.sent.bytes,
  });
  return id;
}

export function updateExchange(id: number, change: (exchange: Exchange) => Partial<Exchange>): void {
  const { exchanges, count, bytes } = log.get();
  let arrived = 0;
  const updated = exchanges.map((exchange) => {
    if (exchange.id !== id) return exchange;
    const changed = { ...exchange, ...change(exchange) };
    arrived = changed.received.bytes - exchange.received.bytes;
    return changed;
  });
  log.set({ exchanges: updated, count, bytes: bytes + arrived });
}
