/**
 * What an application does with the package: a server with the store that the environment names, a pinned
 * client that calls, streams, rotates and leaves. Says on which port. With NEN_STRAY it also calls elsewhere.
 */
import { createServer } from 'node:http';
import { createTRPCClient } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import express from 'express';
import { createExpressMiddleware } from 'trpc-nen/adapter/express';
import { NenClient } from 'trpc-nen/client';
import { nenLink } from 'trpc-nen/link';
import { createNen } from 'trpc-nen/server';

const t = initTRPC.create();
const router = t.router({
  echo: t.procedure.input(String).query(({ input }) => input),
  feed: t.procedure.subscription(async function* () {
    yield 'event';
  }),
});

const nen = createNen();
await nen.check();
const app = express();
app.use('/api/nen', nen.nodeRoutes);
app.use('/api/trpc', createExpressMiddleware({ nen, router }));
const server = createServer(app);
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const address = server.address();
const port = typeof address === 'object' ? address?.port : undefined;

const url = `http://127.0.0.1:${port}`;
const serverPins = [process.env.NEN_PIN ?? ''];
const client = new NenClient(url, { serverPins, identityMode: 'pqc' });
/** @type {import('@trpc/client').TRPCClient<typeof router>} */
const trpc = createTRPCClient({ links: [nenLink({ url: `${url}/api/trpc`, client })] });
if ((await trpc.echo.query('x')) !== 'x') throw new Error('no echo');
await new Promise((resolve, reject) => {
  trpc.feed.subscribe(undefined, { onComplete: () => resolve(undefined), onError: reject });
});
await client.rotate();
await client.status();
// A failure, which nobody may report to anybody.
await client.nenFetch('/nothing').catch(() => undefined);
await client.terminate();

if (process.env.NEN_STRAY) {
  const signal = AbortSignal.timeout(100);
  await fetch('http://192.0.2.1/', { signal }).catch(() => undefined);
  await fetch('http://stray.invalid/', { signal: AbortSignal.timeout(100) }).catch(() => undefined);
}
process.stdout.write(JSON.stringify({ port }), () => process.exit());
