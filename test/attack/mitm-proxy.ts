/**
 * The man in the middle, run as a process of its own: it ends every connection, does its own handshakes on both
 * sides with the project's own code, opens everything, writes down what it reads, seals it anew and passes it on.
 *
 *   mitm-proxy <url of the server> <mode>
 *
 * What it shows the client for the server's identity:
 *   bare        none
 *   own         a key of its own, and a good signature
 *   replay      the server's key, and its signature of the handshake on the other side
 *   impostor    the server's key, and a signature by its own
 *   relay       it changes nothing, and writes down the bytes that pass
 */
import { type Bytes, bytesToLatin1, concatBytes } from '../../src/crypto/bytes.ts';
import { createMlDsa65Signer } from '../../src/crypto/ml-dsa-65.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { Signer } from '../../src/crypto/signature.ts';
import { loadSuite } from '../../src/crypto/suite.ts';
import { CONTENT_TYPE_OCTETS, CONTENT_TYPE_SSE } from '../../src/protocol/constants.ts';
import { OCTETS_STREAM } from '../../src/protocol/envelope.ts';
import {
  type Exchange,
  openRequest,
  openResponse,
  sealRequest,
  sealResponse,
} from '../../src/protocol/exchange.ts';
import {
  answerHandshake,
  finishHandshake,
  type NewSession,
  type PendingHandshake,
  startHandshake,
  UNPINNED,
} from '../../src/protocol/handshake.ts';
import {
  type ClientHello,
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  type ServerHello,
} from '../../src/protocol/handshake-messages.ts';
import { identityDigest } from '../../src/protocol/identity.ts';
import type { Identities, PreviousSession } from '../../src/protocol/key-schedule.ts';
import { importKeys, type SessionContext } from '../../src/protocol/keys.ts';
import { readSealedHeaders } from '../../src/protocol/signed-headers.ts';
import { StreamOpener, StreamSealer } from '../../src/protocol/stream.ts';
import { serve } from '../support/serve.ts';

export type MitmMode = 'bare' | 'own' | 'replay' | 'impostor' | 'relay';

/** What the process tells: where it listens, or what it has read so far. */
export type MitmReport =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'log'; readonly paths: readonly string[]; readonly read: readonly string[] };

const [server = '', mode = 'bare'] = process.argv.slice(2) as [string?, MitmMode?];
const p = primitives();
const suites = [await loadSuite(p, 'ML-KEM-768'), await loadSuite(p, 'X-Wing')];
const mallory = createMlDsa65Signer(new Uint8Array(32).fill(0x66), 'mallory');

const paths: string[] = [];
const read: string[] = [];
const note = (bytes: Bytes): void => {
  read.push(bytesToLatin1(bytes));
};

interface End extends SessionContext, Identities {}

/** Both ends of a call: it is the server to the client, and a client to the server. */
interface Between {
  readonly client: End;
  readonly server: End;
}
const sessions = new Map<string, Between>();

function endOf({ sid, secrets, clientIdentity, serverIdentity }: NewSession): End {
  return { sid, keys: importKeys(p, secrets), clientIdentity, serverIdentity };
}

function previousOf({ sid, keys, clientIdentity, serverIdentity }: End): PreviousSession {
  return { sid, exporterSecret: keys.exporterSecret, clientIdentity, serverIdentity };
}

async function bodyOf(message: Request | Response): Promise<Bytes> {
  return new Uint8Array(await message.arrayBuffer());
}

async function handshake(body: Bytes): Promise<Response> {
  const hello = decodeClientHello(body, { suites, origins: undefined });
  const pending = await startHandshake(hello.suite, hello.audience);
  const answer = await fetch(`${server}/api/nen/handshake`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: encodeClientHello(pending.hello),
  });
  const bytes = await bodyOf(answer);
  if (answer.status !== 200) return new Response(bytes, answer);
  const shown = decodeServerHello(bytes, hello.suite);
  const real = await finishHandshake(p, pending, bytes, UNPINNED);
  const mine = await answerHandshake(p, hello, {
    terms: real.terms,
    clientIdentity: hello.identity && identityDigest(p, hello.identity.publicKey),
    identity: identityFor(shown),
  });
  sessions.set(mine.session.sid, { client: endOf(mine.session), server: endOf(real) });
  return new Response(mine.answer, { headers: { 'Content-Type': 'application/json' } });
}

function identityFor({ identity }: ServerHello): Signer | undefined {
  if (mode === 'bare') return undefined;
  if (mode === 'own' || identity === undefined) return mallory;
  const { publicKey, signature } = identity;
  return { keyId: mode, publicKey, sign: mode === 'replay' ? () => signature : mallory.sign };
}

interface Rotation {
  readonly hello: ClientHello;
  readonly pending: PendingHandshake;
}

/** The client's rotation goes no further; it rotates its own session with the server in the same call. */
async function startRotation(between: Between, body: Bytes): Promise<Rotation> {
  const hello = decodeClientHello(body, { suites, origins: undefined });
  const previous = previousOf(between.server);
  return { hello, pending: await startHandshake(hello.suite, hello.audience, { previous }) };
}

async function finishRotation(between: Between, { hello, pending }: Rotation, answer: Bytes): Promise<Bytes> {
  const real = await finishHandshake(p, pending, answer, UNPINNED);
  const mine = await answerHandshake(p, hello, { terms: real.terms, previous: previousOf(between.client) });
  sessions.set(mine.session.sid, { client: endOf(mine.session), server: endOf(real) });
  return mine.answer;
}

async function call(req: Request, path: string, query: string, body: Bytes): Promise<Response> {
  const headers = readSealedHeaders(req.headers);
  const between = sessions.get(headers.sid);
  if (between === undefined) throw new Error('a session that is not mine');
  const line = { method: req.method, path, query };
  const encoding = req.headers.get('content-type') === CONTENT_TYPE_OCTETS ? 'octets' : 'json';
  const opened = await openRequest(between.client, line, headers, encoding, body);
  note(opened.payload);
  const rotation = path.endsWith('/rotate') ? await startRotation(between, opened.payload) : undefined;
  const payload = rotation === undefined ? opened.payload : encodeClientHello(rotation.pending.hello);
  const { kind } = opened.exchange;
  const options = { kind, encoding, timestamp: Number(headers.timestamp), retry: '' } as const;
  const sealed = await sealRequest(between.server, line, [payload], options);
  const response = await fetch(server + path + query, {
    method: req.method,
    headers: sealed.headers,
    ...(sealed.body !== undefined && { body: sealed.body }),
  });
  if (rotation !== undefined) {
    const { payload: answer } = await openResponse(
      sealed.exchange,
      response.status,
      response.headers,
      await bodyOf(response),
    );
    const mine = await finishRotation(between, rotation, answer);
    const resealed = await sealResponse(opened.exchange, response.status, 'json', [mine]);
    return new Response(resealed.body ?? null, { headers: resealed.headers });
  }
  const type = response.headers.get('content-type');
  if (type === CONTENT_TYPE_SSE && response.body !== null)
    return stream(sealed.exchange, opened.exchange, response.body.getReader(), []);
  if (type === CONTENT_TYPE_OCTETS && response.body !== null) {
    const reader = response.body.getReader();
    const { value = new Uint8Array(0) } = await reader.read();
    if (value[0] === OCTETS_STREAM) return stream(sealed.exchange, opened.exchange, reader, [value]);
    const chunks = [value];
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    return whole(sealed.exchange, opened.exchange, response, concatBytes(chunks));
  }
  return whole(sealed.exchange, opened.exchange, response, await bodyOf(response));
}

async function whole(from: Exchange, to: Exchange, response: Response, body: Bytes): Promise<Response> {
  const { kind, payload } = await openResponse(from, response.status, response.headers, body);
  note(payload);
  const sealed = await sealResponse(to, response.status, kind, [payload]);
  return new Response(sealed.body ?? null, { status: response.status, headers: sealed.headers });
}

/** A stream, record by record. */
function stream(
  from: Exchange,
  to: Exchange,
  reader: ReadableStreamDefaultReader<Bytes>,
  first: readonly Bytes[],
): Response {
  const opener = new StreamOpener(from, 200);
  const sealer = new StreamSealer(to, 200);
  async function* sealed(): AsyncGenerator<Bytes, void, void> {
    const pending = [...first];
    for (;;) {
      const chunk = pending.shift() ?? (await reader.read()).value;
      if (chunk === undefined) return;
      for await (const record of opener.push(chunk)) {
        if (record.type === 'head') yield await sealer.head(record.status, record.fields);
        else if (record.type === 'final') yield await sealer.final();
        else {
          note(record.bytes);
          yield await sealer.data(record.bytes);
        }
      }
    }
  }
  const records = sealed();
  const body = new ReadableStream<Bytes>({
    async pull(controller) {
      const { done, value } = await records.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => reader.cancel(),
  });
  const type = to.encoding === 'octets' ? CONTENT_TYPE_OCTETS : CONTENT_TYPE_SSE;
  return new Response(body, { headers: { 'Content-Type': type } });
}

async function relay(req: Request, target: string, body: Bytes): Promise<Response> {
  note(body);
  note(new TextEncoder().encode(JSON.stringify([...req.headers])));
  const headers = new Headers(req.headers);
  for (const name of ['host', 'connection', 'content-length']) headers.delete(name);
  const response = await fetch(server + target, {
    method: req.method,
    headers,
    ...(body.length > 0 && { body }),
  });
  const answer = await bodyOf(response);
  note(answer);
  note(new TextEncoder().encode(JSON.stringify([...response.headers])));
  const type = response.headers.get('content-type');
  return new Response(answer, {
    status: response.status,
    headers: type === null ? {} : { 'Content-Type': type },
  });
}

const proxy = await serve(async (req) => {
  const { pathname, search } = new URL(req.url);
  paths.push(`${req.method} ${pathname}`);
  const body = await bodyOf(req);
  if (mode === 'relay') return relay(req, pathname + search, body);
  return pathname.endsWith('/handshake') ? handshake(body) : call(req, pathname, search, body);
});

function report(message: MitmReport): void {
  process.send?.(message);
}

// Its parent asks for the log with any message, and ends it by leaving.
process.on('message', () => report({ type: 'log', paths, read }));
process.on('disconnect', () => process.exit(0));
report({ type: 'listening', url: proxy.url });
