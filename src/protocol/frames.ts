/**
 * How the records of a stream are laid out, in both encodings (PROTOCOL.md, "A sealed stream"):
 *
 *   JSON    server-sent events: `data: {"n","ct"}` for the head, `data: ct` for data,
 *           with `event: final`, `event: failed` or `event: padded` for those
 *   octets  0x01 || base, then u32 length of ct || u8 kind || ct for each record
 *
 * Readers take any chunking, hold back at most one record, and check a length before they allocate.
 */
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { NONCE_BYTES, TAG_BYTES } from '../crypto/aead-sizes.ts';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64Length,
  byteLength,
  bytesToLatin1,
  concatBytes,
  EMPTY,
  latin1ToBytes,
  writeBase64,
} from '../crypto/bytes.ts';
import { MAX_RECORD_BYTES } from './constants.ts';
import { type Encoding, OCTETS_STREAM } from './envelope.ts';
import { NenError } from './errors.ts';
import { u32 } from './input.ts';
import { hasFields, parseMessage } from './json.ts';

/** Record kinds, as the byte that is authenticated. */
export const RECORD_HEAD = 0;
export const RECORD_DATA = 1;
export const RECORD_FINAL = 2;
export const RECORD_FAILED = 3;
export const RECORD_PADDED = 4;
export type RecordKind = 0 | 1 | 2 | 3 | 4;

/** A record as it lies on the wire. */
export interface Frame {
  readonly kind: RecordKind;
  /** ciphertext || tag */
  readonly box: Bytes;
  /** The stream's base nonce, with the head. */
  readonly base?: Bytes;
}

const MAX_BOX_BYTES = MAX_RECORD_BYTES + TAG_BYTES;

/** @param base given with the head, which carries it. */
export function writeFrame(encoding: Encoding, kind: RecordKind, box: readonly Bytes[], base?: Bytes): Bytes {
  return encoding === 'octets' ? writeOctets(kind, box, base) : writeEvent(kind, box, base);
}

function writeOctets(kind: RecordKind, box: readonly Bytes[], base: Bytes | undefined): Bytes {
  const head = latin1ToBytes(u32(byteLength(box)) + String.fromCharCode(kind));
  return concatBytes(
    base === undefined ? [head, ...box] : [Uint8Array.of(OCTETS_STREAM), base, head, ...box],
  );
}

function writeEvent(kind: RecordKind, box: readonly Bytes[], base: Bytes | undefined): Bytes {
  const prefix = latin1ToBytes(
    EVENT_PREFIX[kind] + (base === undefined ? '' : `{"n":"${base64Encode(base)}","ct":"`),
  );
  const suffix = latin1ToBytes(base === undefined ? '\n\n' : '"}\n\n');
  const event = new Uint8Array(prefix.length + base64Length(byteLength(box)) + suffix.length);
  event.set(prefix);
  event.set(suffix, writeBase64(event, prefix.length, box));
  return event;
}

const EVENT_PREFIX: Record<RecordKind, string> = {
  [RECORD_HEAD]: 'data: ',
  [RECORD_DATA]: 'data: ',
  [RECORD_FINAL]: 'event: final\ndata: ',
  [RECORD_FAILED]: 'event: failed\ndata: ',
  [RECORD_PADDED]: 'event: padded\ndata: ',
};

/** Cuts arriving bytes into frames. */
export interface FrameReader {
  /**
   * @yields the frames that are complete now.
   * @throws {NenError} ISO-6002 for a malformed frame, ISO-6003 for one that is too long.
   */
  push(chunk: Bytes): Iterable<Frame>;
}

export function createFrameReader(encoding: Encoding): FrameReader {
  return encoding === 'octets' ? new OctetsReader() : new EventReader();
}

class OctetsReader implements FrameReader {
  #pending: Bytes = EMPTY;
  #base: Bytes | undefined;

  *push(chunk: Bytes): Iterable<Frame> {
    let rest = this.#pending.length === 0 ? chunk : concatBytes([this.#pending, chunk]);
    for (;;) {
      const start = this.#base === undefined ? 1 + NONCE_BYTES : 0;
      if (start > 0 && rest.length > 0 && rest[0] !== OCTETS_STREAM) throw invalid('not a stream');
      if (rest.length < start + 5) break;
      const length = new DataView(rest.buffer, rest.byteOffset + start).getUint32(0);
      if (length > MAX_BOX_BYTES) throw new NenError('ISO-6003', { hint: 'a record is too long' });
      if (length < TAG_BYTES) throw invalid('a record is too short');
      const end = start + 5 + length;
      if (rest.length < end) break;
      const frame = { kind: recordKind(rest[start + 4]), box: rest.subarray(start + 5, end) };
      if (this.#base === undefined) {
        this.#base = rest.slice(1, start);
        yield { ...frame, base: this.#base };
      } else yield frame;
      rest = rest.subarray(end);
    }
    this.#pending = rest.slice();
  }
}

class EventReader implements FrameReader {
  readonly #parser: EventSourceParser;
  #events: EventSourceMessage[] = [];
  #tooLong = false;
  #first = true;
  #afterCr = false;

  constructor() {
    this.#parser = createParser({
      maxBufferSize: base64Length(MAX_BOX_BYTES) + 128,
      onEvent: (event) => this.#events.push(event),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.#tooLong = true;
      },
    });
  }

  *push(chunk: Bytes): Iterable<Frame> {
    for (let at = 0; at < chunk.length && !this.#tooLong; at += MAX_RECORD_BYTES) {
      this.#parser.feed(
        this.#endLines(bytesToLatin1(chunk, at, Math.min(at + MAX_RECORD_BYTES, chunk.length))),
      );
      const events = this.#events;
      this.#events = [];
      for (const event of events) yield this.#read(event);
    }
    if (this.#tooLong) throw new NenError('ISO-6003', { hint: 'a record is too long' });
  }

  /**
   * CRLF and CR as LF, also where a chunk ends between the two: the parser keeps a CR at the end of a chunk
   * back, to see what follows, and after the last record nothing does.
   */
  #endLines(text: string): string {
    const rest = this.#afterCr && text.startsWith('\n') ? text.slice(1) : text;
    this.#afterCr = text.endsWith('\r');
    return rest.includes('\r') ? rest.replaceAll(/\r\n?/g, '\n') : rest;
  }

  #read({ event, data }: EventSourceMessage): Frame {
    const frame = this.#first ? readHead(event, data) : readRecord(event, data);
    this.#first = false;
    if (frame.box.length > MAX_BOX_BYTES) throw new NenError('ISO-6003', { hint: 'a record is too long' });
    return frame;
  }
}

const EVENT_KINDS: { readonly [event: string]: RecordKind | undefined } = Object.assign(Object.create(null), {
  final: RECORD_FINAL,
  failed: RECORD_FAILED,
  padded: RECORD_PADDED,
});

function readRecord(event: string | undefined, data: string): Frame {
  const kind = event === undefined ? RECORD_DATA : EVENT_KINDS[event];
  const box = base64Decode(data);
  if (kind === undefined || box === undefined || box.length < TAG_BYTES) throw invalid('malformed event');
  return { kind, box };
}

function readHead(event: string | undefined, data: string): Frame {
  if (event !== undefined) throw invalid('the first record is not a head');
  const message = /^[\x20-\x7e]*$/.test(data) ? parseMessage(latin1ToBytes(data)) : undefined;
  if (message === undefined || !hasFields(message, ['n', 'ct'])) throw invalid('malformed head');
  const { n, ct } = message;
  const base = typeof n === 'string' ? base64Decode(n) : undefined;
  const box = typeof ct === 'string' ? base64Decode(ct) : undefined;
  if (base?.length !== NONCE_BYTES || box === undefined || box.length < TAG_BYTES)
    throw invalid('malformed head');
  return { kind: RECORD_HEAD, box, base };
}

function recordKind(byte: number | undefined): RecordKind {
  switch (byte) {
    case RECORD_HEAD:
    case RECORD_DATA:
    case RECORD_FINAL:
    case RECORD_FAILED:
    case RECORD_PADDED:
      return byte;
    default:
      throw invalid('unknown record kind');
  }
}

function invalid(hint: string): NenError {
  return new NenError('ISO-6002', { hint });
}
