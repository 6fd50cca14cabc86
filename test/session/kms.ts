/** Key management services for tests. */
import type { Bytes, Kek } from '../../src/session/index.ts';

/** A KMS that turns bits over, the same in every instance, and counts how often it is asked. */
export function turningKms(
  keyId = 'arn:aws:kms:eu-1:key/1',
): Kek & { wraps: number; unwraps: number; down: boolean } {
  const turned = (bytes: Bytes): Bytes => bytes.map((byte) => byte ^ 0xff);
  return {
    keyId,
    wraps: 0,
    unwraps: 0,
    down: false,
    async wrap(dataKey) {
      this.wraps++;
      if (this.down) throw new Error(`no route, ${dataKey.length}`);
      return turned(dataKey);
    },
    async unwrap(wrapped) {
      this.unwraps++;
      if (this.down) throw new Error('no route');
      return turned(wrapped);
    },
  };
}

/** A KMS that knows which of its answers was which key, and notes what it is asked. */
export function notingKms(changes: Partial<Kek> = {}): { readonly kek: Kek; readonly asked: string[] } {
  const asked: string[] = [];
  const keys: Bytes[] = [];
  const kek: Kek = {
    keyId: 'kms',
    wrap(dataKey) {
      asked.push('wrap');
      return Uint8Array.of(keys.push(dataKey.slice()));
    },
    unwrap(wrapped) {
      asked.push(`unwrap ${wrapped.join()}`);
      const known = keys[(wrapped[0] ?? 0) - 1];
      return known?.slice() ?? new Uint8Array(32).fill(wrapped.at(-1) ?? 0);
    },
    ...changes,
  };
  return { kek, asked };
}
