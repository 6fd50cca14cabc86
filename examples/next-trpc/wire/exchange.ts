/** One request and its answer as they cross the network: what anybody between browser and server holds. */
export interface Exchange {
  readonly id: number;
  readonly at: Date;
  readonly method: string;
  readonly path: string;
  /** The headers that the link sends; the browser adds its own (user agent, accept-language and so on). */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly sent: Recorded;
  readonly status: number | undefined;
  readonly contentType: string;
  readonly received: Recorded;
  /** Pieces in which the answer has arrived so far. */
  readonly pieces: number;
  readonly state: 'waiting' | 'arriving' | 'complete' | 'stopped' | 'failed';
  readonly durationMs: number;
}

/** Bytes as text; what goes beyond the limit is counted and not kept. */
export interface Recorded {
  readonly text: string;
  readonly bytes: number;
}

export const NOTHING: Recorded = { text: '', bytes: 0 };

const MAX_KEPT_CHARS = 64 * 1024;

export function append(recorded: Recorded, text: string, bytes: number): Recorded {
  const room = MAX_KEPT_CHARS - recorded.text.length;
  return {
    text: room > 0 ? recorded.text + text.slice(0, room) : recorded.text,
    bytes: recorded.bytes + bytes,
  };
}

export function isStream(exchange: Exchange): boolean {
  return exchange.contentType.startsWith('text/event-stream');
}

/** All that is readable in an exchange, for searching. */
export function textOf(exchange: Exchange): string {
  const headers = exchange.headers.map(([name, value]) => `${name}: ${value}`);
  return [`${exchange.method} ${exchange.path}`, ...headers, exchange.sent.text, exchange.received.text].join(
    '\n',
  );
}
