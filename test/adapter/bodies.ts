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
  let onCancel: ((reason: unknown) => void) | undefined;
  const cancelled = new Promise<unknown>((resolve) => {
    onCancel = resolve;
  });
  const body = new ReadableStream<Bytes>({
    start: (given) => {
      controller = given;
    },
    cancel: (reason) => onCancel?.(reason),
  });
  return {
    body,
    push: (chunk) => controller?.enqueue(chunk),
    end: () => controller?.close(),
    fail: (error) => controller?.error(error),
    cancelled,
  };
}

/** What a generator yields. Cancelling the body ends the generator. */
export function bodyOf(chunks: AsyncGenerator<Bytes>): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
