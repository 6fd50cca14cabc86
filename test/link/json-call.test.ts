/** What nenFetch and nenStream make of an answer that says no. */
import { expect, it } from 'vitest';
import { toHttpError } from '../../src/link/client/json-call.ts';

it('an error that is longer than the limit is left, and not kept open', async () => {
  let left = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(8)),
    cancel: () => {
      left = true;
    },
  });
  const response = new Response(body, { status: 500 });
  await expect(toHttpError(response, 10)).rejects.toMatchObject({ code: 'ISO-4003' });
  await expect.poll(() => left).toBe(true);
  // Node lets go of responses that nobody has any more.
  expect(response.status).toBe(500);
});
