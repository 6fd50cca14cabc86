/**
 * Reading a body as it arrives, and in one piece where bodies don't stream: React Native's Response has no `body`.
 */
import type { Bytes } from '../../crypto/bytes.ts';

export interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Bytes | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

/** Whether this runtime's response can be read as it arrives, or has nothing to read. */
export function readsAsItArrives(response: Response): boolean {
  return response.body !== undefined;
}

export function readerOf(response: Response): BodyReader {
  if (response.body) return response.body.getReader() as BodyReader;
  let left = response.body === undefined;
  return {
    async read() {
      if (!left) return { done: true };
      left = false;
      return { done: false, value: new Uint8Array(await response.arrayBuffer()) };
    },
    async cancel() {
      left = false;
    },
  };
}
