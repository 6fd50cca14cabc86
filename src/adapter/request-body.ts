/**
 * The body of an incoming request: whole, within a limit, and no shorter than was declared.
 */
import { type Bytes, EMPTY } from '../crypto/bytes.ts';
import { readBody } from '../protocol/body.ts';
import { NenError } from '../protocol/errors.ts';
import { headersOf, takeBody } from './incoming-request.ts';

/** @throws {NenError} ISO-4003, before anything is read. */
export function declaredLength(req: Request, limit: number): number | undefined {
  const declared = headersOf(req).get('content-length');
  if (declared === null) return undefined;
  const length = Number(declared);
  if (!(length <= limit)) throw new NenError('ISO-4003', { hint: `Content-Length is over ${limit} bytes` });
  return length;
}

/**
 * Next truncates long bodies silently where a proxy.ts is present: hence the comparison.
 * @throws {NenError} ISO-4003, ISO-4007.
 */
export async function readRequestBody(req: Request, limit: number, declared?: number): Promise<Bytes> {
  const body = await readWhole(req, limit);
  if (declared !== undefined && body.length < declared) {
    throw new NenError('ISO-4007', { hint: `${body.length} of ${declared} bytes arrived` });
  }
  return body;
}

async function readWhole(req: Request, limit: number): Promise<Bytes> {
  try {
    const incoming = takeBody(req);
    if (incoming !== undefined) return (await incoming?.whole(limit)) ?? EMPTY;
    if (req.body === null) return EMPTY;
    return await readBody(req as Request & { body: ReadableStream<Bytes> }, limit);
  } catch (cause) {
    throw NenError.from(cause) ?? new NenError('ISO-4007', { hint: 'the body broke off', cause });
  }
}
