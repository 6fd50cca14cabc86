/** Response bodies that do what a test tells them, when it tells them. */
import type { Bytes } from '../../src/crypto/bytes.ts';

export function bytes(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export interface GatedBody {
  readonly body: ReadableStream<Bytes>;
  push(chunk: Bytes): void;
  end(): void;
  fail(error: unknown): void;
  /** Resolves with the reason when the body is cancelled. */
  readonly cancelled: Promise<unknown>;
}

/** A body that waits for what is pushed. */
export function gatedBody(): GatedBody {
  let controller: ReadableStreamDefaultController<Bytes> | undefined;
  let onCancel = (_: unknown): void => undefined;
  const cancelled = new Promise<unknown>((resolve) => {
    onCancel = resolve;
  });
  const body = new ReadableStream<Bytes>({
    start: (given) => {
      controller = given;
    },
    cancel: (reason) => onCancel(reason),
  });
  return {
    body,
    push: (chunk) => controller?.enqueue(chunk),
    end: () => controller?.close(),
    fail: (error) => controller?.error(error),
    cancelled,
  };
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
