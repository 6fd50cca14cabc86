/** An HTTP proxy with one of the faults that proxies have. */
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';

export interface Fault {
  /** What becomes of the path and query. */
  readonly rewrite?: (target: string) => string;
  /** Names of headers that it takes out of requests, or of answers. */
  readonly stripsRequest?: RegExp;
  readonly stripsAnswer?: RegExp;
  readonly gzips?: boolean;
  /** Whether it waits for the whole answer. */
  readonly buffers?: boolean;
}

export interface Proxy {
  readonly url: string;
  close(): Promise<void>;
}

export async function startFaultyProxy(targets: readonly string[], fault: Fault): Promise<Proxy> {
  let count = 0;
  const server = createServer((incoming, outgoing) => {
    const target = targets[count++ % targets.length] ?? '';
    const path = fault.rewrite?.(incoming.url ?? '') ?? incoming.url;
    const headers = without(incoming.headers, fault.stripsRequest);
    const onward = request(target, { method: incoming.method, path, headers }, (answer) => {
      const kept = without(answer.headers, fault.stripsAnswer);
      if (fault.gzips === true && answer.statusCode !== 204) {
        delete kept['content-length'];
        outgoing.writeHead(answer.statusCode ?? 502, { ...kept, 'content-encoding': 'gzip' });
        answer.pipe(createGzip({ flush: 2 })).pipe(outgoing);
      } else if (fault.buffers === true) {
        outgoing.writeHead(answer.statusCode ?? 502, kept);
        buffer(answer).then(
          (whole) => outgoing.end(whole),
          () => outgoing.destroy(),
        );
      } else {
        outgoing.writeHead(answer.statusCode ?? 502, kept);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
      }
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
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

function without(headers: IncomingHttpHeaders, names: RegExp | undefined): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names?.test(name) !== true));
}
