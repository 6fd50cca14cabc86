/**
 * From a response of fetch to one of node:http. A small answer leaves together with its head, in one packet;
 * the head does not wait for a body that is late.
 */
import { wholeBody } from '../whole-response.ts';
import { pump } from './pump.ts';
import type { NodeResponse } from './types.ts';

/** A middleware in front may have set them too, and both hold. */
const KEPT = new Set(['set-cookie', 'vary']);

export async function writeResponse(response: Response, res: NodeResponse, method: string): Promise<void> {
  try {
    writeHead(response, res);
  } catch (error) {
    // Somebody in front has answered, with a time-out say: nobody will read this body.
    response.body?.cancel().catch(() => undefined);
    throw error;
  }
  const whole = method === 'HEAD' ? undefined : wholeBody(response);
  if (whole !== undefined && !res.destroyed) {
    res.end(whole);
    return;
  }
  if (response.body !== null) {
    if (method === 'HEAD') await response.body.cancel();
    else await writeBody(response.body, res);
  }
  res.end();
}

function writeHead({ status, headers }: Response, res: NodeResponse): void {
  res.statusCode = status;
  for (const [name, value] of headers) {
    if (KEPT.has(name)) res.appendHeader(name, value);
    else res.setHeader(name, value);
  }
}

async function writeBody(body: ReadableStream<Uint8Array>, res: NodeResponse): Promise<void> {
  const late = setImmediate(() => res.headersSent || res.flushHeaders?.());
  try {
    await pump(body, res, () => clearImmediate(late));
  } finally {
    clearImmediate(late);
  }
}
