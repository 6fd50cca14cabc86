/**
 * Row 131: somebody reads the whole memory of a process whose session is over. What is searched for is every key
 * that was handed to the runtime's cryptography, in every page that can be written to.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundled, bundleForNode } from '../support/bundle.ts';
import { hasProcessMemory, writableMemory } from '../support/process-memory.ts';

/** Of requests, answers, exports and signatures. */
const KEYS_OF_A_SESSION = 4;

/** The keys that the memory of the process holds, of those that are given as hexadecimal text. */
function keysIn(pid: number | undefined, keys: readonly string[]): readonly string[] {
  const needles = keys.map((key) => Buffer.from(key, 'hex'));
  const found = new Set<string>();
  for (const piece of writableMemory(pid)) {
    needles.forEach((needle, index) => {
      if (piece.includes(needle)) found.add(keys[index] ?? '');
    });
  }
  return [...found];
}

describe.skipIf(!hasProcessMemory)('row 131: the memory of a process is read (Linux: /proc)', () => {
  let bundled: Bundled;
  let victim: ChildProcess;

  beforeAll(async () => {
    bundled = await bundleForNode(new URL('memory-process.ts', import.meta.url));
    victim = fork(bundled.file, [], { execArgv: ['--expose-gc'] });
    await once(victim, 'message');
  });
  afterAll(async () => {
    victim?.disconnect();
    await bundled?.remove();
  });

  async function step(name: 'use' | 'rotate' | 'terminate'): Promise<readonly string[]> {
    const done = once(victim, 'message');
    victim.send(name);
    return ((await done) as [readonly string[]])[0];
  }

  test('it holds the keys of a session while it lasts, none of one that was rotated away, and none in the end', async () => {
    const first = await step('use');
    expect(keysIn(victim.pid, first).length).toBeGreaterThanOrEqual(KEYS_OF_A_SESSION);

    await step('rotate');
    const both = await step('use');
    expect(keysIn(victim.pid, first)).toEqual([]);
    expect(keysIn(victim.pid, both).length).toBeGreaterThanOrEqual(KEYS_OF_A_SESSION);

    const all = await step('terminate');
    expect(all.length).toBeGreaterThan(2 * KEYS_OF_A_SESSION);
    expect(keysIn(victim.pid, all)).toEqual([]);
  });
});
