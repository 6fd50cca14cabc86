/** The messages that are altered: each kind of call and of answer, in each of its forms on the wire. */
import { type Bytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { encodeRetry } from '../../src/protocol/claims.ts';
import { CONTENT_TYPE_JSON } from '../../src/protocol/constants.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { encodeRequest } from '../../src/protocol/http.ts';
import type { SessionContext } from '../../src/protocol/keys.ts';
import { AUDIENCE, type CallOptions, NEN_PATH, type SealedCall, TUNNEL_PATH } from '../attack/harness.ts';
import { LONG } from '../protocol/support.ts';
import { READS_AS_STREAM, type Source } from './answers.ts';
import { IN_OCTETS, ON_A_ROUTE, type Shape } from './requests.ts';
import type { Stage } from './stage.ts';

const TARGET = '/api/echo/json?id=1&name=a';
const ORDER = '{"amount":1840}';
const QUERIES = '/api/trpc/hello,hello?batch=1&input=%7B%220%22%3A%22a%22%2C%221%22%3A%22b%22%7D';
const NOTHING = { kind: 'none' } as const;
const OCTETS = { kind: 'http', encoding: 'octets' } as const;

/** Of the long body of a rotation one bit in so many. */
const ROTATION_STEP = LONG ? 1 : 11;

export class Calls {
  readonly #stage: Stage;
  readonly #session: SessionContext;

  constructor(stage: Stage, session: SessionContext) {
    this.#stage = stage;
    this.#session = session;
  }

  /** Calls of wrapped handlers. */
  get calls(): readonly Shape[] {
    const { echo, trpc } = this.#stage;
    const octets = { ...OCTETS, payload: message('POST', TARGET, ORDER) };
    return [
      { name: 'GET', handle: echo, call: this.#seal({ method: 'GET', target: TARGET, ...NOTHING }) },
      { name: 'POST', handle: echo, call: this.#seal({ target: TARGET, payload: ORDER }) },
      { name: 'DELETE', handle: echo, call: this.#seal({ method: 'DELETE', target: TARGET, ...NOTHING }) },
      {
        name: 'POST in octets',
        handle: echo,
        call: this.#seal({ target: TARGET, ...octets }),
        rules: IN_OCTETS,
      },
      { name: 'a batch', handle: trpc, call: this.#seal(inTunnel('GET', QUERIES)) },
      { name: 'a mutation', handle: trpc, call: this.#seal(inTunnel('POST', '/api/trpc/add', '"a"')) },
      {
        name: 'a subscription in octets',
        handle: trpc,
        call: this.#seal({ ...inTunnel('GET', '/api/trpc/count?input=3'), ...OCTETS }),
        rules: IN_OCTETS,
      },
      { name: 'a retry', handle: echo, call: () => this.#retry() },
    ];
  }

  /** Calls of session routes. */
  get routes(): readonly Shape[] {
    const { GET, POST } = this.#stage.nen.routes;
    const ending = { handle: POST, rules: ON_A_ROUTE, again: 'ISO-2002' } as const;
    return [
      { name: 'status', handle: GET, call: this.#seal(STATUS), rules: ON_A_ROUTE },
      { name: 'terminate', call: () => this.#terminate(), ...ending },
      { name: 'rotate', call: () => this.#rotate(), ...ending, bodyStep: ROTATION_STEP },
    ];
  }

  /** Answers in one piece. */
  get answers(): readonly Source[] {
    const { echo, padded, trpc, nen } = this.#stage;
    return [
      { name: 'JSON', handle: echo, call: this.#post('/api/echo/json') },
      { name: 'a message', handle: echo, call: this.#post('/api/echo/text') },
      { name: 'a padded message', handle: padded, call: this.#post('/api/echo/text') },
      {
        name: 'octets',
        handle: echo,
        call: this.#post('/api/echo/text', 'octets'),
        rules: READS_AS_STREAM,
      },
      { name: 'no body', handle: echo, call: this.#post('/api/echo/empty') },
      { name: 'a refusal', handle: echo, call: this.#seal({ payload: 'no JSON' }) },
      {
        name: 'a refusal in octets',
        handle: echo,
        call: this.#seal({ ...OCTETS, payload: 'no message' }),
      },
      { name: 'a batch', handle: trpc, call: this.#seal(inTunnel('GET', QUERIES)) },
      { name: 'status', handle: nen.routes.GET, call: this.#seal(STATUS) },
    ];
  }

  /** Answers that are streams. */
  streams(encoding: Encoding): Readonly<Record<'whole' | 'padded' | 'brokenOff', Source>> {
    const { echo, padded } = this.#stage;
    const call = this.#post('/api/echo/stream', encoding);
    return {
      whole: { name: encoding, handle: echo, call },
      padded: { name: `padded, ${encoding}`, handle: padded, call },
      brokenOff: {
        name: `broken off, ${encoding}`,
        handle: echo,
        call: this.#post('/api/echo/failing', encoding),
      },
    };
  }

  #seal(options: CallOptions, session: SessionContext = this.#session): () => Promise<SealedCall> {
    return () => this.#stage.seal(session, options);
  }

  #post(target: string, encoding: Encoding = 'json'): () => Promise<SealedCall> {
    return encoding === 'json'
      ? this.#seal({ target, payload: ORDER })
      : this.#seal({ target, ...OCTETS, payload: message('POST', target, ORDER) });
  }

  async #retry(): Promise<SealedCall> {
    const { sid } = this.#session;
    const { timestamp, sealed } = await this.#seal({})();
    const epoch = await this.#stage.store.epoch(sid);
    const retry = encodeRetry({ sid, timestamp, nonce: sealed.nonce, epoch });
    return this.#seal({ retry })();
  }

  async #terminate(): Promise<SealedCall> {
    const own = await this.#stage.openSession();
    return this.#seal({ target: `${NEN_PATH}/terminate`, ...NOTHING }, own)();
  }

  async #rotate(): Promise<SealedCall> {
    const own = await this.#stage.openSession();
    const { hello } = await startHandshake(mlKem768Suite(primitives()), AUDIENCE);
    return this.#seal({ target: `${NEN_PATH}/rotate`, payload: encodeClientHello(hello) }, own)();
  }
}

const STATUS: CallOptions = { method: 'GET', target: `${NEN_PATH}/status`, ...NOTHING };

function message(method: string, path: string, body = ''): readonly Bytes[] {
  const fields = [['content-type', CONTENT_TYPE_JSON]] as const;
  return encodeRequest({ method, path, fields, body: utf8ToBytes(body) });
}

function inTunnel(method: string, path: string, body?: string): CallOptions {
  return { target: TUNNEL_PATH, kind: 'http', payload: message(method, path, body) };
}
