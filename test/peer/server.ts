/**
 * The peer as a server: the session routes of PROTOCOL.md 13 under one path, and one handler behind everything
 * else, of which it serves the tunnel `{endpoint}/sealed` and direct calls.
 */
import { type Admitted, admit, admitRetry, innerRequest } from './admission.ts';
import { type HeaderLine, type InnerRequest, padded, responseSections, write } from './binary-http.ts';
import { type Bytes, bytes } from './bytes.ts';
import { answer, readHello } from './handshake.ts';
import { answerHeaders, requestHeaders } from './headers.ts';
import type { Identity } from './identity.ts';
import { SUITES, type SuiteName } from './kem.ts';
import { Memory } from './memory.ts';
import { plainBody, Refusal, sealedPayload, statusOf } from './refusal.ts';
import { pathOf } from './request.ts';
import { NO_STORE, sealResponse } from './response.ts';
import { type Bug, bending, honest } from './seams.ts';
import { MAX_HANDSHAKE_BYTES, type ResponseKind, SESSION_MS, type Session } from './session.ts';
import { writeStream } from './stream.ts';
import { type Listening, listen, type Received, type WireAnswer } from './wire.ts';

/** What the handler gets. */
export interface PeerRequest extends InnerRequest {
  /** The origin of the session, then the target. */
  readonly url: string;
  readonly session: Session;
}

/** A body that is given piece by piece travels as a stream. */
export interface PeerResponse {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Bytes | AsyncIterable<Bytes>;
}

export interface PeerServerOptions {
  readonly handler: (request: PeerRequest) => PeerResponse | Promise<PeerResponse>;
  readonly endpoint?: string;
  readonly nenPath?: string;
  readonly suites?: readonly SuiteName[];
  readonly origins?: readonly string[];
  /** Answers that have room for it are padded to multiples of this. */
  readonly blockBytes?: number;
  readonly identity?: Identity;
  /** Whether a client may have a session, by the digest of its identity. */
  readonly authorize?: (clientIdentity: Bytes) => boolean;
}

const ALL_SUITES = Object.keys(SUITES) as SuiteName[];
const JSON_TYPE = ['Content-Type', 'application/json'] as const;
const BODILESS = [204, 205, 304];
const METHODS: Readonly<Record<string, string>> = {
  handshake: 'POST',
  rotate: 'POST',
  terminate: 'POST',
  status: 'GET',
};

export class PeerServer {
  memory = new Memory();
  /** What the clock is wrong by. */
  skewMs = 0;
  #bend = honest;
  readonly #options: PeerServerOptions;
  readonly #endpoint: string;
  readonly #nenPath: string;

  constructor(options: PeerServerOptions) {
    this.#options = options;
    this.#endpoint = options.endpoint ?? '/api/trpc';
    this.#nenPath = options.nenPath ?? '/api/nen';
  }

  listen(): Promise<Listening> {
    return listen((request) => this.serve(request));
  }

  misbehave(bug: Bug): void {
    this.#bend = bending(bug);
  }

  behave(): void {
    this.#bend = honest;
  }

  async serve(request: Received): Promise<WireAnswer> {
    try {
      const path = pathOf(request.target);
      if (path.startsWith(`${this.#nenPath}/`)) return this.#sessionRoute(request, path);
      const admitted = admit(request, this.memory, this.#nowMs, 'ISO-3007');
      return await this.#sealed(admitted, () => this.#handled(request, admitted));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return plainRefusal(error.code);
    }
  }

  readonly #nowMs = (): number => Date.now() + this.skewMs;

  #sessionRoute(request: Received, path: string): WireAnswer | Promise<WireAnswer> {
    const action = path.slice(path.lastIndexOf('/') + 1);
    const method = METHODS[action];
    if (method === undefined) return bare(404);
    if (request.method !== method) return bare(405, [['Allow', method]]);
    if (action === 'handshake') return this.#handshake(request);
    const admitted = admit(request, this.memory, this.#nowMs, 'ISO-3001');
    return this.#sealed(admitted, () => this.#inSession(action, admitted));
  }

  #handshake({ headers, body }: Received): WireAnswer {
    const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
    if (type !== 'application/json') return bare(415);
    if (body.length > MAX_HANDSHAKE_BYTES) throw new Refusal('ISO-4003', 'plain');
    const text = this.#begin(body);
    const headerLines = [JSON_TYPE, ['Cache-Control', 'no-store']] as const;
    return this.#bend('answer response', { status: 200, headers: headerLines, body: bytes(text) });
  }

  /** Makes a session, a new one or one that replaces another; the answer's text. */
  #begin(body: Bytes, previous?: Session): string {
    const { suites = ALL_SUITES, origins, identity, authorize = () => true } = this.#options;
    const said = readHello(body, { suites, origins, previous });
    if (!authorize(said.clientIdentity)) throw new Refusal('ISO-1005', previous ? 'sealed' : 'plain');
    const nowMs = this.#nowMs();
    const how = { nowMs, expiresAtMs: nowMs + SESSION_MS, epoch: this.memory.epoch, identity, previous };
    const { session, text } = answer(said, how, this.#bend);
    if (previous && !this.memory.remove(previous.sid)) throw new Refusal('ISO-2002', 'sealed');
    this.memory.add(session, nowMs, previous !== undefined);
    return text;
  }

  #inSession(action: string, admitted: Admitted): WireAnswer {
    const { session, arrived, payload } = admitted;
    const inner = arrived.kind === (action === 'rotate' ? 'json' : 'none');
    if (!inner) throw new Refusal('ISO-4006', 'sealed');
    if (action === 'rotate') return this.#json(admitted, this.#begin(payload, session));
    if (action === 'terminate') {
      this.memory.remove(session.sid);
      return this.#json(admitted, JSON.stringify({ terminated: true }));
    }
    const { sid, suite, createdAtMs: createdAt, expiresAtMs: expiresAt } = session;
    return this.#json(admitted, JSON.stringify({ sid, suite, createdAt, expiresAt }));
  }

  #json(admitted: Admitted, text: string): WireAnswer {
    return this.#envelope(admitted, 200, 'json', bytes(text));
  }

  /** Whatever is refused after the claim is refused under seal. */
  async #sealed(admitted: Admitted, respond: () => WireAnswer | Promise<WireAnswer>): Promise<WireAnswer> {
    try {
      admitRetry(admitted, this.memory, this.#nowMs());
      return this.#bend('response', await respond());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const status = admitted.arrived.kind === 'http' ? 200 : statusOf(error.code);
      return this.#envelope(admitted, status, 'error', sealedPayload(error.code));
    }
  }

  #envelope(admitted: Admitted, status: number, kind: ResponseKind, payload: Bytes): WireAnswer {
    const { session, nonce: requestNonce, arrived } = admitted;
    const { encoding } = arrived;
    return sealResponse(session, { requestNonce, status, kind, payload, encoding }, this.#bend);
  }

  async #handled(outer: Received, admitted: Admitted): Promise<WireAnswer> {
    const { session, signed } = admitted;
    const inner = innerRequest(admitted, this.#endpoint);
    const headers = requestHeaders(Object.entries(outer.headers), inner.headers);
    const url = session.aud + inner.target;
    const { status, headers: all, body } = await this.#run({ ...inner, headers, url, session });
    const { outside, inside } = answerHeaders(all);
    const sealed =
      body instanceof Uint8Array
        ? this.#answered(admitted, { status, headers: inside, body }, signed.method)
        : this.#streamed(admitted, { status, headers: inside, body });
    return { ...sealed, headers: [...sealed.headers, ...outside] };
  }

  async #run(request: PeerRequest): Promise<PeerResponse> {
    try {
      return await this.#options.handler(request);
    } catch {
      const body = bytes(JSON.stringify({ error: { message: 'Internal server error' } }));
      return { status: 500, headers: [['content-type', 'application/json']], body };
    }
  }

  /** Section 6: which kind carries the answer. */
  #answered(
    admitted: Admitted,
    { status, headers, body }: PeerResponse & { body: Bytes },
    outerMethod: string,
  ): WireAnswer {
    const { blockBytes } = this.#options;
    if (admitted.arrived.kind === 'http' || (blockBytes !== undefined && outerMethod !== 'HEAD')) {
      const sections = responseSections({ status, headers, content: body });
      const payload = write(this.#bend('inner response sections', padded(sections, blockBytes)));
      return this.#envelope(admitted, 200, 'http', payload);
    }
    if (outerMethod === 'HEAD' || BODILESS.includes(status)) {
      return this.#envelope(admitted, status, 'none', new Uint8Array(0));
    }
    const [first, ...others] = headers;
    const isJson = others.length === 0 && first?.join() === 'content-type,application/json';
    if (isJson && body.length > 0 && (status < 300 || status > 399)) {
      return this.#envelope(admitted, status, 'json', body);
    }
    const payload = write(responseSections({ status, headers, content: body }));
    return this.#envelope(admitted, status, 'http', payload);
  }

  #streamed(
    { session, nonce: requestNonce, arrived: { encoding } }: Admitted,
    { status, headers, body }: { status: number; headers: HeaderLine[]; body: AsyncIterable<Bytes> },
  ): WireAnswer {
    const head = { status, headers, content: new Uint8Array(0) };
    const { blockBytes } = this.#options;
    const frames = writeStream(session, { requestNonce, encoding, head, blockBytes }, body, this.#bend);
    const type = encoding === 'json' ? 'text/event-stream' : 'application/octet-stream';
    return {
      status: 200,
      headers: [['Content-Type', type], NO_STORE, ['X-Accel-Buffering', 'no']],
      body: this.#bend('stream frames', frames),
    };
  }
}

function plainRefusal(code: string): WireAnswer {
  const headers = [JSON_TYPE, ['Cache-Control', 'no-store']] as const;
  return { status: statusOf(code), headers, body: plainBody(code) };
}

const bare = (status: number, headers: readonly HeaderLine[] = []): WireAnswer => ({
  status,
  headers,
  body: new Uint8Array(0),
});
