/**
 * A real HTTP server on a free loopback port for a fetch handler, as a test's server side.
 */
import { createServer } from 'node:http';
import { toNodeHandler } from '../../src/adapter/node-http/handler.ts';
import { type Listening, listen } from './listen.ts';

export type FetchHandler = (req: Request) => Response | Promise<Response>;

export type TestServer = Listening;

/** Serves `handler`; `close` ends every connection. */
export function serve(handler: FetchHandler): Promise<TestServer> {
  return listen(createServer(toNodeHandler(handler)));
}
