/**
 * What a server tells about itself: typed events without a key, a payload or a raw store error.
 * Without a listener, refusals go to the console, one line per code and minute.
 */
import type { SuiteName } from '../crypto/suite.ts';
import type { NenErrorCode } from '../protocol/errors.ts';

/** A handshake or a rotation was answered. */
export interface HandshakeEvent {
  readonly type: 'handshake';
  readonly sid: string;
  readonly suite: SuiteName;
  /** The origin that the client means. */
  readonly audience: string;
  readonly rotated: boolean;
}

/** A sealed call was opened and goes to the handler: the inner method and path. */
export interface CallEvent {
  readonly type: 'call';
  readonly sid: string;
  readonly method: string;
  readonly path: string;
}

/** A plain request was let in by `plain: 'allow'`; `count` is how many there were so far. */
export interface PlainEvent {
  readonly type: 'plain';
  readonly method: string;
  readonly path: string;
  readonly count: number;
}

/** A request was refused. `hint` says why, for the log only. */
export interface RefusedEvent {
  readonly type: 'refused';
  readonly code: NenErrorCode;
  readonly hint: string | undefined;
  /** The outer path. */
  readonly path: string;
}

/** A sealed stream is over: to its end, broken off by the handler, or given up by the client. */
export interface StreamEndedEvent {
  readonly type: 'stream-ended';
  readonly sid: string;
  readonly outcome: 'final' | 'failed' | 'cancelled';
  readonly bytes: number;
}

/**
 * Something of the application's threw, and the client sees nothing of the error. A handler that threw is a sealed
 * 500. The body of a stream that broke off is ISO-6004, and a `stream-ended` follows. What failed before the request
 * was claimed, `authorize` among it, is a plain 500 without a body, and `sid` is ''.
 */
export interface HandlerErrorEvent {
  readonly type: 'handler-error';
  readonly sid: string;
  readonly error: unknown;
}

/** What a server tells about itself, by its `type`. */
export type NenEvent =
  | HandshakeEvent
  | CallEvent
  | PlainEvent
  | RefusedEvent
  | StreamEndedEvent
  | HandlerErrorEvent;

/** Receives every event; what it throws changes no answer. */
export type EventListener = (event: NenEvent) => void;

const WARN_EVERY_MS = 60_000;

/** The listener of a server that was given none. */
export function consoleListener(now: () => number): EventListener {
  const lastWarnedAt = new Map<NenErrorCode, number>();
  return (event) => {
    if (event.type === 'handler-error') return console.error('trpc-nen: a handler threw', event.error);
    if (event.type !== 'refused') return;
    const at = now();
    const last = lastWarnedAt.get(event.code);
    if (last !== undefined && at - last < WARN_EVERY_MS) return;
    lastWarnedAt.set(event.code, at);
    console.warn(`trpc-nen: refused with ${event.code}${event.hint === undefined ? '' : `: ${event.hint}`}`);
  };
}

/** A listener that fails, at once or by a promise, must not change what a request comes to. */
export function guarded<Told>(name: string, listener: (told: Told) => void): (told: Told) => void {
  const failed = (error: unknown): void => console.error(`trpc-nen: ${name} threw`, error);
  return (told) => {
    try {
      const result: unknown = listener(told);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
