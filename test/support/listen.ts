/** A Node server on a free loopback port, whose connections end with it. */
import type { AddressInfo } from 'node:net';

export interface Listening {
  /** http://127.0.0.1:port */
  readonly url: string;
  close(): Promise<void>;
}

interface NodeServer {
  listen(port: number, host: string, done: () => void): unknown;
  address(): AddressInfo | string | null;
  close(done: () => void): unknown;
  closeAllConnections?(): void;
}

export async function listen(server: NodeServer): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections?.();
      }),
  };
}
