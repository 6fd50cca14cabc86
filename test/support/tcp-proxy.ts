/**
 * A TCP proxy that misbehaves on demand: holds replies back, swallows them, cuts or resets connections,
 * refuses new ones. What it passes on it passes on unread.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Replies are read and dropped until `behave`. */
  swallowReplies(): void;
  /** Replies that come from now on are passed on this much later. */
  delayReplies(ms: number): void;
  /** New connections are reset. */
  refuse(): void;
  behave(): void;
  /** Every connection ends in a reset. */
  reset(): void;
  /** The bytes that clients have sent so far. */
  readonly sent: number;
  close(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let mode: 'behave' | 'swallow' | 'refuse' = 'behave';
  let delayMs = 0;
  let sent = 0;
  const server = createServer((client) => {
    if (mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    const both = [client, upstream];
    for (const socket of both) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    client.on('data', (chunk) => {
      sent += chunk.length;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (mode === 'swallow') return;
      if (delayMs === 0) client.write(chunk);
      else setTimeout(() => client.write(chunk), delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    swallowReplies: () => {
      mode = 'swallow';
    },
    delayReplies: (ms) => {
      delayMs = ms;
    },
    refuse: () => {
      mode = 'refuse';
    },
    behave: () => {
      mode = 'behave';
      delayMs = 0;
    },
    reset,
    get sent() {
      return sent;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        reset();
      }),
  };
}
