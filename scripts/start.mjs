/**
 * npm start: an example app with the package as it is here, on a fresh clone with nothing but Node and npm.
 * Installs what is missing, builds both, and serves the example on http://localhost:3000 until it is
 * interrupted. `npm start secure-chat` names another example than the first, PORT another port.
 * Plain Node without dependencies, because it runs before there are any.
 */
import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { buildPackage } from './lib/build.mjs';
import { buildExample, examples, next } from './lib/example.mjs';
import { install } from './lib/install.mjs';
import { Failure, root, say, script } from './lib/run.mjs';

const [example = 'next-trpc'] = process.argv.slice(2);
const port = Number(process.env.PORT || 3000);
const address = `http://localhost:${port}`;

await script(async () => {
  if (!examples.includes(example)) throw new Failure(`no such example; there are ${examples.join(' and ')}`);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Failure('PORT must be a number up to 65535');
  for (const host of ['127.0.0.1', '::1']) await mustBeFree(host);

  await install(root);
  await buildPackage();
  await buildExample(example);

  void sayWhenServed();
  // Named localhost, because Next builds request URLs from this name; IPv4 first, so that 127.0.0.1 answers too.
  const ipv4First = `${process.env.NODE_OPTIONS ?? ''} --dns-result-order=ipv4first`.trim();
  await next(example, ['start', '-H', 'localhost', '-p', String(port)], { NODE_OPTIONS: ipv4First });
  throw new Failure('the server ended by itself');
});

/** @param {string} host */
async function mustBeFree(host) {
  /** @type {string | undefined} */
  const code = await new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (/** @type {NodeJS.ErrnoException} */ error) => resolve(error.code));
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
  if (code === 'EADDRINUSE') {
    throw new Failure(
      `port ${port} is taken: end what listens there, or choose another with PORT=3001 npm start`,
    );
  }
  if (code === 'EACCES')
    throw new Failure(`port ${port} is not allowed for this user: choose one above 1023`);
}

async function sayWhenServed() {
  for (;;) {
    const response = await fetch(address).catch(() => undefined);
    await response?.body?.cancel();
    if (response) return say(`the example is on ${address}   (Ctrl+C ends it)`);
    await setTimeout(200, undefined, { ref: false });
  }
}
