/**
 * From node:http to fetch and back, as light as tRPC's own standalone adapter, whose request half it is.
 * Plain and sealed calls go through the same lines, so the comparison is of what nen adds.
 */
import { incomingMessageToRequest } from '@trpc/server/adapters/node-http';

/**
 * @param {(req: Request) => Response | Promise<Response>} handler
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
export async function bridge(handler, req, res) {
  const response = await handler(incomingMessageToRequest(req, res, { maxBodySize: null }));
  res.statusCode = response.status;
  for (const [name, value] of response.headers) res.setHeader(name, value);
  if (response.body !== null) {
    const reader = response.body.getReader();
    res.once('close', () => void reader.cancel().catch(() => undefined));
    for (;;) {
      const { done, value } = await reader.read();
      if (done || res.destroyed) break;
      if (!res.write(value)) await drained(res);
    }
  }
  res.end();
}

/** @param {import('node:http').ServerResponse} res */
function drained(res) {
  return new Promise((resolve) => {
    const wake = () => {
      res.off('drain', wake);
      res.off('close', wake);
      resolve(undefined);
    };
    res.on('drain', wake);
    res.on('close', wake);
  });
}
