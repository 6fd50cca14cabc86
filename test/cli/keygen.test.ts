/** The command that makes store keys: one line that createNen takes. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { storeKeyLine } from '../../src/cli/keygen.ts';
import { KeyRing } from '../../src/session/key-ring.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../../dist/cli/index.js', import.meta.url));

describe('trpc-nen keygen --store', () => {
  it('makes another key each time, as a line for the environment', () => {
    const [one, other] = [storeKeyLine(), storeKeyLine()];
    expect(one).toMatch(/^NEN_STORE_KEYS=[A-Za-z0-9+/]{43}=$/);
    expect(one).not.toBe(other);
    expect(() => new KeyRing([one.slice('NEN_STORE_KEYS='.length)])).not.toThrow();
  });

  it('prints nothing else, and explains itself to whoever asks for something else', async () => {
    const { stdout, stderr } = await run(process.execPath, [program, 'keygen', '--store']);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^NEN_STORE_KEYS=\S{44}\n$/), '']);
    for (const args of [[], ['keygen'], ['keygen', '--store', 'x'], ['help']]) {
      await expect(run(process.execPath, [program, ...args])).rejects.toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('trpc-nen keygen --store'),
      });
    }
  });
});
