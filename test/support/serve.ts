/**
 * A real HTTP server on a free loopback port for a fetch handler, as a test's server side.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

export type FetchHandler = (req: Request) => Response | Promise<Response>;

export interface TestServer {
  /** http://127.0.0.1:port */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `handler`; `close` ends every connection. */
export async function serve(handler: FetchHandler): Promise<TestServer> {
  const server = createServer((req, res) => {
    respond(handler, req, res).catch((error: unknown) =>
      res.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(handler: FetchHandler, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const gone = new AbortController();
  res.on('close', () => {
    if (!res.writableFinished) gone.abort();
  });
  const response = await handler(toRequest(req, gone.signal));
  for (const [name, value] of response.headers) if (name !== 'set-cookie') res.setHeader(name, value);
  if (response.headers.getSetCookie().length > 0)
    res.setHeader('set-cookie', response.headers.getSetCookie());
  res.writeHead(response.status);
  if (response.body === null) {
    res.end();
    return;
  }
  res.flushHeaders();
  const reader = response.body.getReader();
  gone.signal.addEventListener(
    'abort',
    () => void reader.cancel('the client went away').catch(() => undefined),
  );
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!res.write(value)) await new Promise<void>((resolve) => onceEither(res, resolve));
    if (gone.signal.aborted) return;
  }
  res.end();
}

function onceEither(res: ServerResponse, run: () => void): void {
  const wake = (): void => {
    res.off('drain', wake);
    res.off('close', wake);
    run();
  };
  res.on('drain', wake);
  res.on('close', wake);
}

function toRequest(req: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    headers.append(req.rawHeaders[i] ?? '', req.rawHeaders[i + 1] ?? '');
  }
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  return new Request(`http://${req.headers.host ?? 'localhost'}${req.url ?? '/'}`, {
    method: req.method ?? 'GET',
    headers,
    signal,
    ...(hasBody && { body: Readable.toWeb(req) as ReadableStream<Uint8Array<ArrayBuffer>>, duplex: 'half' }),
  } as RequestInit);
}
