/**
 * What runs inside of a runtime: its cryptography against the golden transcripts, both sides in one process,
 * and its client against a server elsewhere. Behind real HTTP it is the server as well.
 */
import { loadPrimitives } from '../../src/crypto/load-primitives.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import { nodeMlDsa65 } from '../../src/crypto/node-ml-dsa-65.ts';
import { nodeCrypto } from '../../src/crypto/runtime.ts';
import { webMlDsa65 } from '../../src/crypto/web-ml-dsa-65.ts';
import { modernSubtle } from '../../src/crypto/web-subtle.ts';
import { loadX25519 } from '../../src/crypto/x25519.ts';
import { nobleX25519 } from '../../src/crypto/x25519-noble.ts';
import type { Transport } from '../../src/link/client/index.ts';
import { createApp, type FetchHandler } from './app.ts';
import { callChecks } from './calls.ts';
import { type Check, type Outcome, runChecks } from './check.ts';
import { goldenChecks, type Transcripts } from './golden.ts';
import { IDENTITY_PIN, IDENTITY_SEED } from './identity.ts';

export interface Report {
  /** Whose functions were used, in words. */
  readonly cryptography: string;
  readonly outcomes: readonly Outcome[];
}

/** The application, and beside it the runtime's own checks under `/checks/`, whose answers are JSON. */
export function createRuntimeApp(files: Transcripts): FetchHandler {
  const app = createApp(IDENTITY_SEED);
  return async (req) => {
    const { pathname, searchParams } = new URL(req.url);
    if (pathname === '/checks/inside') return Response.json(await checkInside(files));
    if (pathname === '/checks/client') {
      const ends = searchParams.get('ends') !== 'false';
      return Response.json(await checkClient(searchParams.get('origin') ?? '', { ends }));
    }
    return app(req);
  };
}

/** The golden transcripts, then client and server side by side: a call is a call of a function. */
async function checkInside(files: Transcripts): Promise<Report> {
  const app = createApp(IDENTITY_SEED);
  const send: Transport = async (url, { method, headers, body, signal }) =>
    app(new Request(url, { method, headers, body, signal }));
  const server = { origin: 'http://inside.test', pin: IDENTITY_PIN, send };
  const outcomes = await runChecks([...(await ownGoldenChecks(files)), ...callChecks(server)]);
  return { cryptography: await cryptography(), outcomes };
}

/** The client of this runtime against a server elsewhere, over its own fetch. */
export async function checkClient(origin: string, { ends = true }: { ends?: boolean } = {}): Promise<Report> {
  const send: Transport = (url, init) => globalThis.fetch(url, init);
  const outcomes = await runChecks(callChecks({ origin, pin: IDENTITY_PIN, send, ends }));
  return { cryptography: await cryptography(), outcomes };
}

/** The golden transcripts against what a client uses here. */
export async function ownGoldenChecks(files: Transcripts): Promise<Check[]> {
  return goldenChecks(await loadPrimitives(), files);
}

/** What a client here need not bring along, and whose it is. */
export async function cryptography(): Promise<string> {
  const own = await loadPrimitives();
  const crypto = nodeCrypto();
  const subtle = modernSubtle();
  const mlDsa = crypto === undefined ? subtle && (await webMlDsa65(subtle)) : nodeMlDsa65(crypto);
  const has = [
    own.name === 'noble' ? undefined : 'ChaCha20',
    own.name === 'node' ? 'HMAC' : undefined,
    own.mlKem768 === noblePrimitives.mlKem768 ? undefined : 'ML-KEM',
    mlDsa && 'ML-DSA',
    (await loadX25519()) === nobleX25519 ? undefined : 'X25519',
  ].filter((name) => name !== undefined);
  return `${own.name}: ${has.join(', ') || 'nothing'}`;
}
