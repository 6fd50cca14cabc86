/**
 * The measured server: a real HTTP server in a process of its own, with the same router plain under
 * /plain/trpc and sealed under /sealed/trpc. It tells its port at start and its usage when asked, by IPC.
 */
import { createServer } from 'node:http';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { createNen, toNodeHandler } from 'trpc-nen/adapter';
import { force } from '../dist/crypto/choice.js';
import { router } from './router.mjs';

force(process.argv[2] === 'noble' ? 'noble' : undefined);
const nen = createNen({ rateLimit: () => 0 });

/** @param {string} endpoint */
const trpc = (endpoint) => (/** @type {Request} */ req) => fetchRequestHandler({ endpoint, req, router });
/** @type {[path: string, handler: (req: Request) => Response | Promise<Response>][]} */
const routes = [
  ['/plain/trpc/', trpc('/plain/trpc')],
  ['/sealed/trpc/', nen.wrap(trpc('/sealed/trpc'))],
  ['/sealed/nen/', (req) => nen.routes.POST(req)],
  // What HTTP alone costs: the body is read and nothing is done with it.
  ['/nothing/', async (req) => new Response((await req.arrayBuffer()).slice(0, 1))],
];

const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  const handler = routes.find(([path]) => req.url?.startsWith(path))?.[1];
  if (handler === undefined) res.writeHead(404).end();
  else toNodeHandler(handler)(req, res);
});

/** Bytes of all connections that are closed. */
let closedBytes = 0;
/** @type {Set<import('node:net').Socket>} */
const sockets = new Set();
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.once('close', () => {
    sockets.delete(socket);
    closedBytes += socket.bytesRead + socket.bytesWritten;
  });
});

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  let bytes = closedBytes;
  for (const socket of sockets) bytes += socket.bytesRead + socket.bytesWritten;
  process.send?.({ cpuUs: user + system, bytes });
});
process.once('disconnect', () => process.exit());

server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
