/**
 * From a response of fetch to one of node:http. A small answer leaves together with its head, in one packet;
 * the head does not wait for a body that is late.
 */
import { type WholeParts, wholeParts } from '../whole-response.ts';
import { isDestroyed, pump } from './pump.ts';
import type { NodeResponse } from './types.ts';

/** A middleware in front may have set them too, and both hold. */
const KEPT = new Set(['set-cookie', 'vary']);

type Head = Pick<WholeParts, 'status'> & {
  readonly headers: Iterable<readonly [name: string, value: string]>;
};

export async function writeResponse(response: Response, res: NodeResponse, method: string): Promise<void> {
  const whole = wholeParts(response);
  try {
    writeHead(whole ?? response, res);
  } catch (error) {
    // Somebody in front has answered, with a time-out say: nobody will read this body.
    if (whole === undefined) response.body?.cancel().catch(() => undefined);
    throw error;
  }
  if (whole !== undefined && method !== 'HEAD' && !isDestroyed(res)) {
    res.end(whole.body);
    return;
  }
  if (response.body !== null) {
    if (method === 'HEAD') await response.body.cancel();
    else await writeBody(response.body, res);
  }
  res.end();
}

function writeHead({ status, headers }: Head, res: NodeResponse): void {
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
