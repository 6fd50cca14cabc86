/** T16: what large bodies do to the event loop of a server, and to its memory. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession, TestClock } from '../attack/harness.ts';
import { upload } from '../attack/upload.ts';
import { httpTransport } from '../faults/long/http-transport.ts';
import { startLoad } from '../faults/long/load.ts';
import { report } from '../support/figures.ts';
import { lasting } from '../support/share.ts';
import { mebibytes, type SoakServer, startSoakServer } from './stage.ts';

const BODIES = 64;
const BODY = 'x'.repeat(1_000_000);
const LOAD_MS = 15_000;
const UPLOAD_MIB = 1000;
/** What a server may read: its limit, and what the buffers of two sockets and two ends hold. */
const MAX_WRITTEN_MIB = 32;
const MAX_GROWN_MIB = 64;

let server: SoakServer;
beforeAll(async () => {
  server = await startSoakServer();
});
afterAll(() => server?.stop());

test('T16: 64 bodies of 1 MB at once, again and again', async () => {
  const { transport, close } = httpTransport(BODIES);
  await server.report();
  const load = startLoad({ url: server.url, transport, clients: 1, calls: BODIES, filler: BODY });
  await pause(lasting(LOAD_MS));
  await load.stop();
  const { delayP99Ms, delayMaxMs, peakRss, uncaught } = await server.report();
  close();
  const wrong = load.fates.filter(({ outcome }) => outcome !== 'ran');
  report({
    target: 'T16',
    done: `${BODIES} calls at once with 1 MB each way, client on the same processors`,
    aim: 'delay of the event loop p99 50 ms, 0 wrong (on a machine of its own)',
    figures: `p99 ${delayP99Ms.toFixed(0)} ms, longest ${delayMaxMs.toFixed(0)} ms; ${wrong.length} wrong of ${load.fates.length}; RSS at most ${mebibytes(peakRss).toFixed(0)} MiB`,
  });
  expect(wrong).toEqual([]);
  expect(load.fates.length).toBeGreaterThanOrEqual(BODIES);
  expect(uncaught).toEqual([]);
});

test('T16: an upload of 1 GB is cut at the limit, and good calls go on', async () => {
  const session = await openSession({ port: server.port, clock: new TestClock() }, server.url);
  const request = await session.seal({ timestamp: Date.now() });
  const before = await server.report();
  const { status, written } = await upload(server.port, request, UPLOAD_MIB);
  const after = await server.report();
  const grownMib = mebibytes(after.peakRss - before.rss);
  report({
    target: 'T16',
    done: 'one upload of 1 GB without a length',
    aim: 'cut at the limit',
    figures: `${status === 0 ? 'closed' : status} after ${written} MiB; RSS at most ${grownMib.toFixed(1)} MiB more`,
  });
  expect([0, 413]).toContain(status);
  expect(written).toBeLessThan(MAX_WRITTEN_MIB);
  expect(grownMib).toBeLessThan(MAX_GROWN_MIB);
  expect(after.ran).toBe(before.ran);

  const { transport, close } = httpTransport(1);
  const load = startLoad({ url: server.url, transport, clients: 1, calls: 1 });
  await load.stop();
  close();
  expect(load.fates.map(({ outcome }) => outcome)).toEqual(['ran']);
});
