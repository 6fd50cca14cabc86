/**
 * A sealed stream, both sides (PROTOCOL.md, "A sealed stream"):
 *
 *   server  StreamSealer   head, data | padded ..., final | failed  ->   StreamOpener  client
 *
 *   stream key = HKDF-Expand(response secret, input("nen/2 stream", request nonce, base))
 *   record i   = AEAD(stream key, base XOR u32 i, input("nen/2 record", sid, request nonce, status, kind, record kind))
 *
 * i counts every record, so none can be dropped, moved, repeated or spliced in; the final record
 * is authenticated, so a cut stream never looks like one that ended.
 */
import { NONCE_BYTES } from '../crypto/aead-sizes.ts';
import { type Bytes, concatBytes, EMPTY } from '../crypto/bytes.ts';
import type { AeadKey, RandomBytes } from '../crypto/primitives.ts';
import { randomBytes } from '../crypto/random.ts';
import { LABEL_RECORD, LABEL_STREAM_KEY, MAX_RECORD_BYTES, MAX_RECORDS } from './constants.ts';
import { NenError, type NenErrorCode } from './errors.ts';
import type { Exchange } from './exchange.ts';
import {
  createFrameReader,
  type Frame,
  type FrameReader,
  RECORD_DATA,
  RECORD_FAILED,
  RECORD_FINAL,
  RECORD_HEAD,
  RECORD_PADDED,
  type RecordKind,
  writeFrame,
} from './frames.ts';
import type { Field } from './headers.ts';
import { decodeResponse, encodeResponse } from './http.ts';
import { input } from './input.ts';
import { deriveResponseKey } from './keys.ts';
import { decodePadded, encodePadded, MAX_PADDED_CONTENT_BYTES, type Padding, padHead } from './padding.ts';
import { decodeRefusal, encodeRefusal } from './refusal.ts';

/** The key, the counter and the AAD of one stream: the same on both sides. */
class RecordSequence {
  readonly #key: AeadKey;
  readonly #base: Bytes;
  readonly #aads: Readonly<Record<RecordKind, Bytes>>;
  #index: number;

  constructor({ session, nonce }: Exchange, status: number, base: Bytes, firstIndex = 0) {
    this.#key = deriveResponseKey(session.keys, LABEL_STREAM_KEY, nonce, base);
    this.#base = base;
    this.#index = firstIndex;
    const aad = (kind: RecordKind): Bytes =>
      input(LABEL_RECORD, session.sid, nonce, String(status), 'http', Uint8Array.of(kind));
    this.#aads = {
      [RECORD_HEAD]: aad(RECORD_HEAD),
      [RECORD_DATA]: aad(RECORD_DATA),
      [RECORD_FINAL]: aad(RECORD_FINAL),
      [RECORD_FAILED]: aad(RECORD_FAILED),
      [RECORD_PADDED]: aad(RECORD_PADDED),
    };
  }

  async seal(kind: RecordKind, plaintext: readonly Bytes[]): Promise<readonly Bytes[]> {
    return this.#key.seal(this.#nextNonce(), this.#aads[kind], plaintext);
  }

  async open(kind: RecordKind, box: Bytes): Promise<Bytes> {
    const nonce = this.#nextNonce();
    try {
      return await this.#key.open(nonce, this.#aads[kind], box);
    } catch (cause) {
      throw new NenError('ISO-6002', { cause });
    }
  }

  wipe(): void {
    this.#key.wipe();
  }

  #nextNonce(): Bytes {
    const index = this.#index++;
    if (index >= MAX_RECORDS) throw new NenError('ISO-6003', { hint: 'the stream has 2^32 records' });
    const nonce = Uint8Array.from(this.#base);
    const counter = new DataView(nonce.buffer, NONCE_BYTES - 4);
    counter.setUint32(0, counter.getUint32(0) ^ index);
    return nonce;
  }
}

interface SealerOptions {
  readonly random?: RandomBytes;
  /** Where the record counter starts: for tests of its end. */
  readonly firstIndex?: number;
  /** Of the head and of all data. */
  readonly padding?: Padding;
}

/** Server: turns a response into sealed records. Calls are made one after another, head first. */
export class StreamSealer {
  readonly #exchange: Exchange;
  readonly #base: Bytes;
  readonly #sequence: RecordSequence;
  readonly #padding: Padding;

  /** @param status the outer status, which is authenticated. */
  constructor(
    exchange: Exchange,
    status: number,
    { random = randomBytes, firstIndex = 0, padding = 'none' }: SealerOptions = {},
  ) {
    this.#exchange = exchange;
    this.#padding = padding;
    this.#base = random(NONCE_BYTES);
    this.#sequence = new RecordSequence(exchange, status, this.#base, firstIndex);
  }

  /** @throws {NenError} ISO-6003 for a head over 64 KiB. */
  async head(status: number, fields: readonly Field[]): Promise<Bytes> {
    const plaintext = encodeResponse({ status, fields, body: EMPTY });
    if (plaintext.some((piece) => piece.length > MAX_RECORD_BYTES - 64)) {
      this.wipe();
      throw new NenError('ISO-6003', { hint: 'the response headers are too large for a stream' });
    }
    return this.#frame(RECORD_HEAD, padHead(plaintext, this.#padding), this.#base);
  }

  /** What one record holds. */
  get maxContentBytes(): number {
    return this.#padding === 'none' ? MAX_RECORD_BYTES : MAX_PADDED_CONTENT_BYTES;
  }

  /** One record, or as many as the bytes need. No bytes: one empty record, which keeps the stream alive. */
  async data(bytes: Bytes): Promise<Bytes> {
    const { maxContentBytes } = this;
    if (bytes.length <= maxContentBytes) return this.#dataFrame(bytes);
    const frames: Bytes[] = [];
    for (let at = 0; at < bytes.length; at += maxContentBytes) {
      frames.push(await this.#dataFrame(bytes.subarray(at, at + maxContentBytes)));
    }
    return concatBytes(frames);
  }

  /** Ends the stream. */
  async final(): Promise<Bytes> {
    const frame = await this.#frame(RECORD_FINAL, []);
    this.wipe();
    return frame;
  }

  /** Ends the stream with an error. */
  async failed(code: NenErrorCode): Promise<Bytes> {
    const frame = await this.#frame(RECORD_FAILED, [encodeRefusal(code)]);
    this.wipe();
    return frame;
  }

  /** Destroys the key: for a stream that is given up. */
  wipe(): void {
    this.#sequence.wipe();
  }

  #dataFrame(content: Bytes): Promise<Bytes> {
    return this.#padding === 'none'
      ? this.#frame(RECORD_DATA, [content])
      : this.#frame(RECORD_PADDED, encodePadded(content, this.#padding));
  }

  async #frame(kind: RecordKind, plaintext: readonly Bytes[], base?: Bytes): Promise<Bytes> {
    return writeFrame(this.#exchange.encoding, kind, await this.#sequence.seal(kind, plaintext), base);
  }
}

/** What the client gets out of a stream: the head first, then data, then the end or an error. */
export type OpenedRecord =
  | { readonly type: 'head'; readonly status: number; readonly fields: readonly Field[] }
  | { readonly type: 'data'; readonly bytes: Bytes }
  | { readonly type: 'final' };

/** Client: opens records as their bytes arrive, in any chunking. */
export class StreamOpener {
  readonly #exchange: Exchange;
  readonly #status: number;
  readonly #frames: FrameReader;
  #sequence: RecordSequence | undefined;
  /** Set by the authenticated end alone: a stream that failed or was given up never looks like one that ended. */
  #ended = false;
  #wiped = false;
  #failure: unknown;

  /** @param status the outer status of the response. */
  constructor(exchange: Exchange, status: number) {
    this.#exchange = exchange;
    this.#status = status;
    this.#frames = createFrameReader(exchange.encoding);
  }

  /**
   * @yields what the chunk completes, in order. After the final record nothing is read.
   * @throws {NenError} ISO-6002, ISO-6003, or what the sender failed with (ISO-6004); what was yielded before is good.
   * The first error is the last word: every later call throws it again.
   */
  async *push(chunk: Bytes): AsyncGenerator<OpenedRecord, void, void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#wiped) return;
    try {
      for (const frame of this.#frames.push(chunk)) {
        const record = await this.#open(frame);
        if (record.type === 'final') {
          this.#ended = true;
          this.wipe();
        }
        yield record;
        if (this.#wiped) return;
      }
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** To be called when the body has ended. @throws {NenError} ISO-6001 if that was not its end. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return;
    throw this.#fail(new NenError('ISO-6001', { hint: 'the body ended without a final record' }));
  }

  /** Destroys the key: nothing is opened any more. */
  wipe(): void {
    this.#wiped = true;
    this.#sequence?.wipe();
  }

  #fail(error: unknown): unknown {
    this.#failure = error;
    this.wipe();
    return error;
  }

  async #open({ kind, box, base }: Frame): Promise<OpenedRecord> {
    if (base !== undefined) this.#sequence = new RecordSequence(this.#exchange, this.#status, base);
    if (this.#sequence === undefined || (base === undefined) === (kind === RECORD_HEAD)) {
      throw new NenError('ISO-6002', { hint: 'the head is not the first record' });
    }
    const plaintext = await this.#sequence.open(kind, box);
    if (kind === RECORD_DATA) return { type: 'data', bytes: plaintext };
    if (kind === RECORD_PADDED) return { type: 'data', bytes: decodePadded(plaintext) ?? malformed() };
    if (kind === RECORD_FINAL && plaintext.length === 0) return { type: 'final' };
    if (kind === RECORD_FAILED) throw decodeRefusal(plaintext) ?? new NenError('ISO-6004');
    const head = kind === RECORD_HEAD ? decodeResponse(plaintext) : undefined;
    if (head === undefined || head.body.length > 0) return malformed();
    return { type: 'head', status: head.status, fields: head.fields };
  }
}

function malformed(): never {
  throw new NenError('ISO-6002', { hint: 'malformed record' });
}
