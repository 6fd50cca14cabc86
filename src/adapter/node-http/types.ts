/**
 * What is used of the requests and responses of node:http, node:http2 and the frameworks that stand on them:
 * by shape, so that no types of Node are needed to use this package elsewhere.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import type { Sink } from './pump.ts';

/** http.IncomingMessage, Http2ServerRequest, an Express or a Next request. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: object | null | undefined;
  /** What a body parser in front made of the body. */
  readonly body?: unknown;
  /** Whether somebody has begun to read it. */
  readonly readableDidRead: boolean;
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  iterator(options: { destroyOnReturn: boolean }): AsyncIterator<unknown>;
  resume(): unknown;
  /** As in node:events. */
  on(event: 'data', listener: (chunk: Bytes) => void): unknown;
  /** As in node:events. */
  on(event: 'end' | 'close', listener: () => void): unknown;
  /** As in node:events. */
  on(event: 'error', listener: (error: unknown) => void): unknown;
  /** As in node:events. */
  off(event: 'data', listener: (chunk: Bytes) => void): unknown;
  /** As in node:events. */
  off(event: 'close', listener: () => void): unknown;
}

/** http.ServerResponse, Http2ServerResponse, an Express or a Next response. */
export interface NodeResponse extends Sink {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  setHeader(name: string, value: string): unknown;
  appendHeader(name: string, value: string | string[]): unknown;
  flushHeaders?(): void;
  end(): unknown;
  end(chunk: Uint8Array): unknown;
  destroy(): unknown;
}

/**
 * For http.createServer, app.use, and as the default export of a file under pages/api. It returns a promise of
 * the end, which never rejects; its type does not say so, or linters would not let it stand where nobody waits.
 */
export type NodeHandler = (req: NodeRequest, res: NodeResponse, next?: (error?: unknown) => void) => unknown;
