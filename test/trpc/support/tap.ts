/**
 * A TCP relay between client and server, in the place of whoever terminates TLS: it keeps every byte of
 * both ways and can break off what is open.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Tap {
  /** http://127.0.0.1:port */
  readonly url: string;
  /** All bytes, both ways, in the order in which they came. */
  bytes(): Buffer;
  /** The bytes of each connection and way, whole. */
  streams(): readonly Buffer[];
  /** The bytes from client to server. */
  sent(): Buffer;
  /** Resets every connection; later ones are served. */
  cut(): void;
  close(): Promise<void>;
}

export async function tap(targetUrl: string): Promise<Tap> {
  const target = Number(new URL(targetUrl).port);
  const both: Buffer[] = [];
  const sent: Buffer[] = [];
  const streams: Buffer[][] = [];
  const open = new Set<Socket>();

  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      const stream: Buffer[] = [];
      streams.push(stream);
      from.on('data', (bytes) => {
        both.push(bytes);
        stream.push(bytes);
        if (from === near) sent.push(bytes);
        to.write(bytes);
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    bytes: () => Buffer.concat(both),
    streams: () => streams.map((chunks) => Buffer.concat(chunks)),
    sent: () => Buffer.concat(sent),
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
