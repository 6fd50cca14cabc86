/**
 * Why a store could not answer (ISO-2003), in words that are fit for a log: never a command, a key, a
 * record or an address. What a client library says may hold any of them, so only its code is taken over.
 */

/** A failure of a session store whose message the server may log. */
export class SessionStoreError extends Error {
  override readonly name = 'SessionStoreError';
}

/** A server's error code at the start of a message: `NOAUTH`, `OOM`, `CLUSTERDOWN`. */
const SERVER_CODE = /^(?:-|ReplyError: )?([A-Z]{2,20})\b/;
/** A system's error code: `ECONNREFUSED`. */
const SYSTEM_CODE = /^[A-Z][A-Z_0-9]{2,30}$/;

/** The failure of a client library, without what it failed at. */
function toStoreError(server: string, error: unknown): SessionStoreError {
  if (error instanceof SessionStoreError) return error;
  return new SessionStoreError(`${server} failed: ${codeOf(error)}`);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (SYSTEM_CODE.test(code)) return code;
  return SERVER_CODE.exec(error.message)?.[1] ?? error.name;
}

/**
 * Waits for `run` no longer than `ms`. A client library may hold a command in its queue for as long as
 * the server is away; whatever comes of it later is dropped.
 */
export async function within<Value>(ms: number, server: string, run: () => Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SessionStoreError(`${server} did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    throw toStoreError(server, error);
  } finally {
    clearTimeout(timer);
  }
}
