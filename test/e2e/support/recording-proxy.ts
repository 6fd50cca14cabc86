/**
 * An HTTP proxy in front of a server, in the place of a CDN: it passes everything on as it comes and keeps a
 * copy of every byte. It asks the server for uncompressed answers, so that the copy can be searched.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly requestHeaders: IncomingHttpHeaders;
  readonly sent: Buffer[];
  status: number | undefined;
  responseHeaders: IncomingHttpHeaders;
  /** Each piece of the answer with the time at which it came. */
  readonly received: { readonly at: number; readonly bytes: Buffer }[];
  ended: 'open' | 'complete' | 'cut';
}

export interface RecordingProxy {
  readonly origin: string;
  readonly exchanges: Exchange[];
  /** Everything that went through, headers included, as text. */
  text(matches?: (exchange: Exchange) => boolean): string;
  /** Breaks off every answer that is still arriving; gives back how many. */
  cut(): number;
  stop(): Promise<void>;
}

export async function startRecordingProxy(targetPort: number): Promise<RecordingProxy> {
  const exchanges: Exchange[] = [];
  const open = new Set<ServerResponse>();

  const server = createServer((incoming, outgoing) => {
    open.add(outgoing);
    const exchange = begin(incoming);
    exchanges.push(exchange);
    const headers = { ...incoming.headers, 'accept-encoding': 'identity' };
    const { method, url: path } = incoming;
    const onward = request({ host: '127.0.0.1', port: targetPort, method, path, headers }, (answer) => {
      exchange.status = answer.statusCode;
      exchange.responseHeaders = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      outgoing.flushHeaders();
      answer.on('data', (bytes: Buffer) => {
        exchange.received.push({ at: performance.now(), bytes });
        outgoing.write(bytes);
      });
      answer.on('end', () => {
        exchange.ended = 'complete';
        outgoing.end();
      });
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    incoming.on('data', (bytes: Buffer) => {
      exchange.sent.push(bytes);
      onward.write(bytes);
    });
    incoming.on('end', () => onward.end());
    outgoing.on('close', () => {
      open.delete(outgoing);
      if (exchange.ended === 'open') exchange.ended = 'cut';
      onward.destroy();
    });
  });

  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('the proxy has no port');

  return {
    origin: `http://127.0.0.1:${address.port}`,
    exchanges,
    text: (matches = () => true) => exchanges.filter(matches).map(textOf).join('\n\n'),
    cut() {
      const arriving = [...open].filter((outgoing) => outgoing.headersSent && !outgoing.writableEnded);
      for (const outgoing of arriving) outgoing.destroy();
      return arriving.length;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function begin(incoming: IncomingMessage): Exchange {
  return {
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    requestHeaders: incoming.headers,
    sent: [],
    status: undefined,
    responseHeaders: {},
    received: [],
    ended: 'open',
  };
}

function textOf({ method, url, requestHeaders, sent, status, responseHeaders, received }: Exchange): string {
  return [
    `${method} ${decodeURIComponent(url)}`,
    JSON.stringify(requestHeaders),
    Buffer.concat(sent).toString('utf8'),
    String(status),
    JSON.stringify(responseHeaders),
    Buffer.concat(received.map(({ bytes }) => bytes)).toString('utf8'),
  ].join('\n');
}
