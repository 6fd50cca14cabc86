/**
 * The body of a request as a value, by what its content type says it is.
 */
import { type Bytes, bytesToUtf8 } from '../../crypto/bytes.ts';
import { NenError, statusOf } from '../../protocol/errors.ts';
import { NenHttpError } from '../../protocol/http-error.ts';
import { isJsonType, mediaType } from '../../protocol/media-type.ts';
import { innerBody } from '../inner-request.ts';
import { declaredLength, readRequestBody } from '../request-body.ts';

/**
 * JSON as its value, text as a string, a form as FormData, all else as bytes, and nothing as undefined.
 * The request itself stays unread.
 * @param limit for a plain request; a sealed one was within its own.
 * @throws {NenHttpError} 400 for what is not of its type, 413.
 */
export async function readRouteBody(req: Request, limit: number): Promise<unknown> {
  const bytes = innerBody(req) ?? (await readPlain(req, limit));
  if (bytes.length === 0) return undefined;
  const contentType = req.headers.get('content-type');
  const type = mediaType(contentType);
  try {
    if (isJsonType(type)) return JSON.parse(bytesToUtf8(bytes));
    if (type.startsWith('text/')) return new TextDecoder().decode(bytes);
    if (!FORMS.has(type)) return bytes.slice();
    return await new Response(bytes, { headers: { 'Content-Type': contentType ?? '' } }).formData();
  } catch {
    throw new NenHttpError(400, { error: { message: `The body is not ${type}.` } });
  }
}

const FORMS = new Set(['multipart/form-data', 'application/x-www-form-urlencoded']);

async function readPlain(req: Request, limit: number): Promise<Bytes> {
  try {
    return await readRequestBody(req.clone(), limit, declaredLength(req, limit));
  } catch (error) {
    // A clone alone can't let go of a body.
    req.body?.cancel().catch(() => undefined);
    if (!(error instanceof NenError)) throw error;
    const { code, message } = error;
    throw new NenHttpError(statusOf(code), { error: { code, message } });
  }
}
