/**
 * The peer as a client: handshake, calls through the tunnel and direct ones, rotation, termination, status, and
 * the one retry of PROTOCOL.md 11.
 */
import { randomBytes } from 'node:crypto';
import {
  type HeaderLine,
  type InnerRequest,
  type InnerResponse,
  padded,
  requestSections,
  write,
} from './binary-http.ts';
import { type Bytes, b64, b64url, bytes } from './bytes.ts';
import { type Asked, finish, hello } from './handshake.ts';
import { callersOwn } from './headers.ts';
import type { Identity } from './identity.ts';
import type { SuiteName } from './kem.ts';
import { NONCE_BYTES } from './primitives.ts';
import { codeInPlain, Refusal } from './refusal.ts';
import { sealRequest } from './request.ts';
import { openEnvelope, openTag } from './response.ts';
import { retryOf } from './retry.ts';
import { type Bug, bending, honest } from './seams.ts';
import {
  type Encoding,
  MAX_BODY_BYTES,
  MAX_HANDSHAKE_BYTES,
  type RequestKind,
  type Session,
} from './session.ts';
import { readStream, STREAM_OCTET } from './stream.ts';
import { type Arriving, readAll, send, type WireRequest } from './wire.ts';

export interface PeerClientOptions {
  /** What is called. */
  readonly origin: string;
  /** The origin that the client means, if a proxy leads there. */
  readonly aud?: string;
  readonly endpoint?: string;
  readonly nenPath?: string;
  readonly suite?: SuiteName;
  readonly encoding?: Encoding;
  readonly identity?: Identity;
  readonly pins?: readonly string[];
  /** Calls that have room for it are padded to multiples of this. */
  readonly blockBytes?: number;
}

/** An opened answer. The body of an envelope is one chunk, that of a stream as many as have come. */
export interface PeerAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly streamed: boolean;
  readonly body: AsyncIterable<Bytes>;
}

/** What goes under the seal, and what outside. */
interface Message {
  readonly method: string;
  readonly target: string;
  readonly kind: RequestKind;
  readonly payload: Bytes;
  /** Of the handler's request: whether it may be sent again as it is. */
  readonly innerMethod: string;
  readonly retries: boolean;
}

const RETRIED = ['ISO-2001', 'ISO-2002', 'ISO-3003'];
const SAFE = ['GET', 'HEAD'];
const NO_BYTES = new Uint8Array(0);

export class PeerClient {
  session: Session | undefined;
  /** Without it a refusal of a session surfaces as it came. */
  retries = true;
  #bend = honest;
  /** The server's time when the session began, and this clock then. */
  #clock = { serverMs: 0, hereMs: 0 };
  #seenPin: string | undefined;
  #handshaking: Promise<Session> | undefined;
  readonly #options: PeerClientOptions;
  readonly #endpoint: string;
  readonly #nenPath: string;

  constructor(options: PeerClientOptions) {
    this.#options = options;
    this.#endpoint = options.endpoint ?? '/api/trpc';
    this.#nenPath = options.nenPath ?? '/api/nen';
  }

  misbehave(bug: Bug): void {
    this.#bend = bending(bug);
  }

  behave(): void {
    this.#bend = honest;
  }

  /** Concurrent calls share one. */
  handshake(): Promise<Session> {
    this.#handshaking ??= this.#handshake().finally(() => {
      this.#handshaking = undefined;
    });
    return this.#handshaking;
  }

  async #handshake(): Promise<Session> {
    const { origin, aud = origin, suite = 'ML-KEM-768', identity, pins } = this.#options;
    const asked = hello({ suite, aud, identity }, this.#bend);
    const wire: WireRequest = {
      method: 'POST',
      target: `${this.#nenPath}/handshake`,
      headers: [['Content-Type', 'application/json']],
      body: bytes(asked.text),
    };
    const { status, body } = await send(origin, this.#bend('hello request', wire));
    const answer = await readAll(body, MAX_HANDSHAKE_BYTES);
    if (status !== 200) {
      const code = answer && codeInPlain(answer);
      throw code === undefined ? new Refusal('ISO-1007') : new Refusal(code, 'plain');
    }
    if (answer === undefined) throw new Refusal('ISO-1007');
    const session = this.#start(finish(asked, answer, { pins, seen: this.#seenPin }));
    if (session.serverIdentity.length > 0) this.#seenPin = b64url(session.serverIdentity);
    return session;
  }

  #start(session: Session): Session {
    this.session = session;
    this.#clock = { serverMs: session.createdAtMs, hereMs: performance.now() };
    return session;
  }

  /** A call whose method, target and headers are sealed too. */
  call({ method, target, headers, content }: InnerRequest): Promise<PeerAnswer> {
    const inner = { method, target, headers: callersOwn(headers), content };
    return this.#answered(this.#http('POST', `${this.#endpoint}/sealed`, inner));
  }

  /** A call that shows its method and target, of the kind that the message needs. */
  direct({ method, target, headers, content }: InnerRequest): Promise<PeerAnswer> {
    const only = headers.map((line) => line.join()).join('; ');
    const common = { method, target, innerMethod: method, retries: true };
    const pads = this.#options.blockBytes !== undefined && !SAFE.includes(method);
    if (content.length === 0 && only === '' && !pads) {
      return this.#answered({ ...common, kind: 'none', payload: NO_BYTES });
    }
    if (this.#options.encoding !== 'octets' && !pads && only === 'content-type,application/json') {
      return this.#answered({ ...common, kind: 'json', payload: content });
    }
    return this.#answered(
      this.#http(method, target, { method, target, headers: callersOwn(headers), content }),
    );
  }

  #http(method: string, target: string, right: InnerRequest): Message {
    const inner = this.#bend('inner request', right);
    const sections = padded(requestSections(inner), this.#options.blockBytes);
    const payload = write(this.#bend('inner request sections', sections));
    return { method, target, kind: 'http', payload, innerMethod: inner.method, retries: true };
  }

  async rotate(): Promise<Session> {
    const { origin, aud = origin, suite = 'ML-KEM-768' } = this.#options;
    const previous = this.session ?? (await this.handshake());
    const asked: Asked = hello({ suite, aud, previous }, this.#bend);
    const answer = await this.#inSession('POST', 'rotate', 'json', bytes(asked.text));
    if (answer.status !== 200 || answer.streamed) throw new Refusal('ISO-4004');
    return this.#start(finish(asked, await wholeOf(answer), { previous }));
  }

  async terminate(): Promise<unknown> {
    const answer = await this.#inSession('POST', 'terminate', 'none', NO_BYTES);
    this.session = undefined;
    return JSON.parse(String(await wholeOf(answer)));
  }

  async status(): Promise<unknown> {
    return JSON.parse(String(await wholeOf(await this.#inSession('GET', 'status', 'none', NO_BYTES))));
  }

  #inSession(method: string, action: string, kind: RequestKind, payload: Bytes): Promise<PeerAnswer> {
    const target = `${this.#nenPath}/${action}`;
    return this.#answered({ method, target, kind, payload, innerMethod: method, retries: false });
  }

  async #answered(message: Message): Promise<PeerAnswer> {
    const session = this.session ?? (await this.handshake());
    const first = {
      sid: session.sid,
      timestamp: this.#timestamp(),
      nonce: this.#nonce(),
      epoch: session.epoch,
    };
    try {
      return await this.#exchange(session, message, { ...first, retry: '' });
    } catch (error) {
      if (!this.retries || !message.retries || !isRetried(error)) throw error;
    }
    if (this.session === session) this.session = undefined;
    const next = this.session ?? (await this.handshake());
    const retry = SAFE.includes(message.innerMethod) ? '' : retryOf({ ...first, nonce: b64(first.nonce) });
    return this.#exchange(next, message, { timestamp: this.#timestamp(), nonce: this.#nonce(), retry });
  }

  /** Section 12: the server's time when the session began, and what has passed here since then. */
  #timestamp(): string {
    const { serverMs, hereMs } = this.#clock;
    return this.#bend('timestamp', String(Math.floor(serverMs + performance.now() - hereMs)));
  }

  #nonce(): Bytes {
    return this.#bend('request nonce', randomBytes(NONCE_BYTES));
  }

  async #exchange(
    session: Session,
    { method, target, kind, payload }: Message,
    attempt: { timestamp: string; nonce: Bytes; retry: string },
  ): Promise<PeerAnswer> {
    const { timestamp, nonce } = attempt;
    const encoding = kind === 'http' ? (this.#options.encoding ?? 'json') : 'json';
    const used = this.#bend('request session', session);
    const own = { sid: session.sid, timestamp, nonce: b64(nonce), epoch: session.epoch };
    const { value: retry } = this.#bend('retry', { own, value: attempt.retry });
    const outgoing = { method, target, kind, payload, encoding, timestamp, nonce, retry };
    const arriving = await send(this.#options.origin, sealRequest(used, outgoing, this.#bend));
    return openAnswer(session, nonce, encoding, arriving);
  }
}

const isRetried = (error: unknown): boolean =>
  error instanceof Refusal && error.form === 'plain' && RETRIED.includes(error.code);

/** Section 6.1. @throws Refusal */
async function openAnswer(
  session: Session,
  requestNonce: Bytes,
  encoding: Encoding,
  { status, headers, body }: Arriving,
): Promise<PeerAnswer> {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (headers['x-nen-tag'] !== undefined) {
    const whole = await wholeBody(body);
    return answerOf(openTag(session, requestNonce, { status, headers, body: whole }));
  }
  const how = { requestNonce, status, encoding };
  if (encoding === 'json' && type === 'text/event-stream') return streamed(session, how, body);
  const isOctets = encoding === 'octets' && type === 'application/octet-stream';
  if (!isOctets && type !== 'application/json') throw new Refusal('ISO-4005');
  if (!isOctets)
    return answerOf(openEnvelope(session, requestNonce, { ...how, body: await wholeBody(body) }));
  const { first, all } = await peek(body);
  if (first === STREAM_OCTET) return streamed(session, how, all);
  return answerOf(openEnvelope(session, requestNonce, { ...how, body: await wholeBody(all) }));
}

async function wholeBody(body: AsyncIterable<Bytes>): Promise<Buffer> {
  const whole = await readAll(body, MAX_BODY_BYTES);
  if (whole === undefined) throw new Refusal('ISO-4003');
  return whole;
}

/** The first byte of a body, and the body with it. */
async function peek(
  body: AsyncIterable<Bytes>,
): Promise<{ first: number | undefined; all: AsyncIterable<Bytes> }> {
  const chunks = body[Symbol.asyncIterator]();
  const { value, done } = await chunks.next();
  async function* all(): AsyncGenerator<Bytes> {
    if (done) return;
    yield value;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { first: done ? undefined : value[0], all: all() };
}

async function streamed(
  session: Session,
  how: { requestNonce: Bytes; status: number; encoding: Encoding },
  body: AsyncIterable<Bytes>,
): Promise<PeerAnswer> {
  const { head, data } = await readStream(session, how, body);
  return { status: head.status, headers: head.headers, streamed: true, body: data };
}

function answerOf({ status, headers, content }: InnerResponse): PeerAnswer {
  async function* body(): AsyncGenerator<Bytes> {
    yield content;
  }
  return { status, headers, streamed: false, body: body() };
}

/** The whole of an answer's body. @throws Refusal if its stream is broken */
export async function wholeOf({ body }: PeerAnswer): Promise<Buffer> {
  return (await readAll(body, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
}
