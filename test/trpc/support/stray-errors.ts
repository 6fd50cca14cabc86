/**
 * Fails a test in which the process met an uncaught exception or an unhandled rejection: in an
 * application that would have been a crash.
 */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';

export function failOnStrayErrors(): void {
  const strays: unknown[] = [];
  const keep = (error: unknown): void => {
    strays.push(error);
  };

  beforeAll(() => {
    process.on('uncaughtException', keep);
    process.on('unhandledRejection', keep);
  });

  afterEach(async () => {
    // Rejections are told of after the microtasks; what an abort stirred up may take some turns.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(strays.splice(0)).toEqual([]);
  });

  afterAll(() => {
    process.off('uncaughtException', keep);
    process.off('unhandledRejection', keep);
  });
}
