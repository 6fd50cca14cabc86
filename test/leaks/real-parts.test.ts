/**
 * Rows 108, 126 to 129 and 131 over real parts: over a thousand canaries and every secret of both ends are looked
 * for, in every spelling, in everything that client, nginx, server and Redis print, send, log, dump and keep.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithNginx } from '../support/nginx.ts';
import { hasProcessMemory } from '../support/process-memory.ts';
import { fromEnvironment, fromOptions } from './configurations.ts';
import { PLANTED_SPELLINGS, type Run, runAll, type Scanned } from './run.ts';
import { bundlePrograms, type Programs } from './stage.ts';

/** Ten seconds as a rule; other tests run beside it. */
const RUN_MS = 120_000;
const MIN_CANARIES = 1000;
const MIN_SECRETS = 200;

/** Where something is that doesn't belong there. */
function leaksIn(scanned: readonly Scanned[]): readonly object[] {
  return scanned.flatMap(({ capture: { name, allowed }, hits }) =>
    hits
      .filter(({ kind }) => kind !== 'planted' && !allowed.includes(kind))
      .map((hit) => ({ in: name, ...hit })),
  );
}

function plantedIn({ capture, hits }: Scanned) {
  const found = hits.filter(({ kind }) => kind === 'planted').map(({ spelling }) => spelling);
  return { in: capture.name, found: [...new Set(found)].toSorted() };
}

describeWithNginx('leaks over real parts', () => {
  let programs: Programs;
  beforeAll(async () => {
    programs = await bundlePrograms();
  }, RUN_MS);
  afterAll(() => Promise.all([programs?.client.remove(), programs?.server.remove()]));

  describe.each([fromEnvironment(), fromOptions()])('$title', (configuration) => {
    let run: Run;
    beforeAll(async () => {
      run = await runAll(programs, configuration);
      console.log(run.figures);
    }, RUN_MS);

    test('enough could have leaked', () => {
      expect(run.canaries).toBeGreaterThan(MIN_CANARIES);
      expect(run.secrets).toBeGreaterThan(MIN_SECRETS);
    });

    test('row 129: nothing is on the wire, or in the logs and files of a proxy', () => {
      expect(leaksIn(run.way)).toEqual([]);
    });

    test('row 108: nothing is on the wire to Redis, in what it shows its operator, or in its files', () => {
      expect(leaksIn(run.redis)).toEqual([]);
    });

    test('rows 126 to 128: nothing is in what both processes print, in errors, and in inspected objects', () => {
      expect(leaksIn(run.processes)).toEqual([]);
    });

    test('row 131: nothing is on the heaps once the session is over', () => {
      expect(leaksIn(run.heaps)).toEqual([]);
    });

    test.skipIf(!hasProcessMemory)('row 131: nor is a key of a session in the memory outside of them', () => {
      expect(run.memory.before.length).toBeGreaterThan(0);
      expect(run.memory.after).toEqual([]);
    });

    test('what was planted in each place is found, in every spelling', () => {
      const places = [...run.way, ...run.redis, ...run.processes.slice(0, 2), ...run.heaps];
      for (const place of places) {
        const found = PLANTED_SPELLINGS.toSorted();
        expect(plantedIn(place)).toEqual({ in: place.capture.name, found });
      }
    });
  });
});
