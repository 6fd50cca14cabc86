/** A page: the client side, and the golden transcripts. */
import { runChecks } from '../check.ts';
import { checkClient, ownGoldenChecks, type Report } from '../suite.ts';

async function checkPage(): Promise<{ readonly golden: unknown; readonly client: Report }> {
  const golden = await runChecks(await ownGoldenChecks(GOLDEN_TRANSCRIPTS));
  return { golden, client: await checkClient(location.origin) };
}

Object.assign(globalThis, { checkPage });
