/** PROTOCOL.md 7: a sealed stream, written and read. The reader takes any division into chunks. */
import { randomBytes } from 'node:crypto';
import {
  type InnerResponse,
  padded as paddedSections,
  readResponse,
  responseSections,
  write,
} from './binary-http.ts';
import { type Bytes, b64, bytes, type Field, fromB64, input, join, u32 } from './bytes.ts';
import { type Event, eventsOf } from './event-stream.ts';
import { hasExactly, readMessage } from './json-message.ts';
import { expand, NONCE_BYTES, open, seal, TAG_BYTES } from './primitives.ts';
import { codeInPayload, Refusal, sealedPayload } from './refusal.ts';
import type { Bend } from './seams.ts';
import type { Encoding, RecordKind, Session } from './session.ts';

export const HEAD = 0;
export const DATA = 1;
export const FINAL = 2;
export const FAILED = 3;
export const PADDED = 4;

export const STREAM_OCTET = 1;
const STREAM_STATUS = 200;
const LENGTH_BYTES = 4;
const MAX_PLAINTEXT_BYTES = 65_536;
const MAX_BOX_BYTES = MAX_PLAINTEXT_BYTES + TAG_BYTES;
const FRAME_HEAD_BYTES = 5;

const streamKeyInfo = (requestNonce: Bytes, base: Bytes): Field[] => ['nen/2 stream', requestNonce, base];

/** base with u32(i) XORed into its last four bytes */
function recordNonce(base: Bytes, index: number): Buffer {
  const nonce = Buffer.from(base);
  const at = NONCE_BYTES - 4;
  nonce.writeUInt32BE((nonce.readUInt32BE(at) ^ index) >>> 0, at);
  return nonce;
}

const recordAad = (sid: string, requestNonce: Bytes, status: number, kind: RecordKind): Field[] => [
  'nen/2 record',
  sid,
  requestNonce,
  String(status),
  'http',
  Uint8Array.of(kind),
];

export interface Streamed {
  readonly requestNonce: Bytes;
  readonly encoding: Encoding;
  readonly head: InnerResponse;
  readonly base?: Bytes;
  /** Data travels in padded records, which are multiples of it. */
  readonly blockBytes?: number | undefined;
}

/** The frames of a stream. If `data` throws, the last one says so. */
export async function* writeStream(
  session: Session,
  { requestNonce, encoding, head, base = randomBytes(NONCE_BYTES), blockBytes }: Streamed,
  data: AsyncIterable<Bytes> | Iterable<Bytes>,
  bend: Bend,
): AsyncGenerator<Bytes> {
  const key = expand(session.responseSecret, bend('stream key', streamKeyInfo(requestNonce, base)));
  let index = 0;
  const frame = (right: RecordKind, plaintext: Bytes): Bytes => {
    const { kind } = bend('record kind', { kind: right, index });
    const { nonce } = bend('record nonce', { nonce: recordNonce(base, index), index });
    const aad = input(bend('record aad', recordAad(session.sid, requestNonce, STREAM_STATUS, right)));
    const box = bend('sealed record', seal(bend('record box', { key, nonce, aad, plaintext })));
    const written = encoding === 'json' ? eventOf(kind, base, box) : octetsOf(kind, box);
    const bent = bend('frame', { frame: written, kind: right, index }).frame;
    index += 1;
    return bent;
  };
  if (encoding === 'octets') yield join(Uint8Array.of(STREAM_OCTET), base);
  const sections = responseSections({ ...head, content: new Uint8Array(0) });
  yield frame(HEAD, write(bend('inner response sections', paddedSections(sections, blockBytes))));
  try {
    for await (const chunk of data) {
      for (const piece of pieces(chunk)) {
        yield blockBytes === undefined ? frame(DATA, piece) : frame(PADDED, padded(piece, blockBytes));
      }
    }
  } catch {
    return yield frame(FAILED, sealedPayload('ISO-6004'));
  }
  yield frame(FINAL, new Uint8Array(0));
}

/** Each leaves room for the length of a padded record. */
function* pieces(chunk: Bytes): Generator<Bytes> {
  const pieceBytes = MAX_PLAINTEXT_BYTES - LENGTH_BYTES;
  for (let at = 0; at === 0 || at < chunk.length; at += pieceBytes) {
    yield chunk.subarray(at, at + pieceBytes);
  }
}

/** LP(data) || zeros */
function padded(data: Bytes, blockBytes: number): Bytes {
  const whole = Math.ceil((LENGTH_BYTES + data.length) / blockBytes) * blockBytes;
  const length = Math.min(whole, MAX_PLAINTEXT_BYTES);
  return join(input([data]), Buffer.alloc(length - LENGTH_BYTES - data.length));
}

function unpadded(plaintext: Buffer): Buffer {
  if (plaintext.length < LENGTH_BYTES) throw new Refusal('ISO-6002');
  const end = LENGTH_BYTES + plaintext.readUInt32BE();
  if (end > plaintext.length || plaintext.subarray(end).some((byte) => byte !== 0)) {
    throw new Refusal('ISO-6002');
  }
  return plaintext.subarray(LENGTH_BYTES, end);
}

const KIND_OF_EVENT: Readonly<Record<string, RecordKind>> = {
  '': DATA,
  final: FINAL,
  failed: FAILED,
  padded: PADDED,
};

function eventOf(kind: RecordKind, base: Bytes, box: Bytes): Bytes {
  if (kind === HEAD) return bytes(`data: ${JSON.stringify({ n: b64(base), ct: b64(box) })}\n\n`);
  const [name] = Object.entries(KIND_OF_EVENT).find(([, of]) => of === kind) ?? [''];
  return bytes(`${name === '' ? '' : `event: ${name}\n`}data: ${b64(box)}\n\n`);
}

const octetsOf = (kind: RecordKind, box: Bytes): Bytes => join(u32(box.length), Uint8Array.of(kind), box);

/** A record as it arrived. The head in events carries the base with it. */
interface Framed {
  readonly kind: RecordKind;
  readonly box: Bytes;
  readonly base?: Bytes;
}

export interface Opened {
  readonly head: InnerResponse;
  readonly data: AsyncGenerator<Bytes>;
}

/** Reads up to the head; `data` gives what follows, and throws what is wrong with it. @throws Refusal */
export async function readStream(
  session: Session,
  { requestNonce, status, encoding }: { requestNonce: Bytes; status: number; encoding: Encoding },
  body: AsyncIterable<Bytes>,
): Promise<Opened> {
  const frames = encoding === 'json' ? framesOfEvents(body) : framesOfOctets(body);
  const first = await frames.next();
  if (first.done) throw new Refusal('ISO-6001');
  const { kind, base, box } = first.value;
  if (kind !== HEAD || base === undefined) throw new Refusal('ISO-6002');
  const key = expand(session.responseSecret, streamKeyInfo(requestNonce, base));
  let index = 0;
  const openRecord = (of: RecordKind, sealed: Bytes): Buffer => {
    const aad = input(recordAad(session.sid, requestNonce, status, of));
    const plaintext = open(key, recordNonce(base, index), aad, sealed);
    if (plaintext === undefined) throw new Refusal('ISO-6002');
    index += 1;
    return plaintext;
  };
  const head = readResponse(openRecord(kind, box));
  if (head === undefined || head.content.length > 0) throw new Refusal('ISO-6002');
  return { head, data: dataOf(frames, openRecord) };
}

async function* dataOf(
  frames: AsyncGenerator<Framed>,
  openRecord: (kind: RecordKind, box: Bytes) => Buffer,
): AsyncGenerator<Bytes> {
  for await (const { kind, box } of frames) {
    if (kind === HEAD || kind > PADDED) throw new Refusal('ISO-6002');
    const plaintext = openRecord(kind, box);
    if (kind === FAILED) throw new Refusal(codeInPayload(plaintext) ?? 'ISO-6004', 'sealed');
    if (kind === FINAL && plaintext.length > 0) throw new Refusal('ISO-6002');
    if (kind === FINAL) return;
    const data = kind === PADDED ? unpadded(plaintext) : plaintext;
    if (data.length > 0) yield data;
  }
  throw new Refusal('ISO-6001');
}

async function* framesOfEvents(body: AsyncIterable<Bytes>): AsyncGenerator<Framed> {
  let isFirst = true;
  for await (const event of eventsOf(untilBroken(body))) {
    yield isFirst ? headOf(event) : recordOf(event);
    isFirst = false;
  }
}

function headOf({ name, data }: Event): Framed {
  const message = name === '' ? readMessage(bytes(data)) : undefined;
  if (!hasExactly(message, ['n', 'ct'])) throw new Refusal('ISO-6002');
  const [base, box] = [fromB64(message.n, NONCE_BYTES), fromB64(message.ct)];
  if (base === undefined) throw new Refusal('ISO-6002');
  return { kind: HEAD, base, box: limited(box) };
}

function recordOf({ name, data }: Event): Framed {
  const kind = KIND_OF_EVENT[name];
  if (kind === undefined || !Object.hasOwn(KIND_OF_EVENT, name)) throw new Refusal('ISO-6002');
  return { kind, box: limited(fromB64(data)) };
}

function limited(box: Bytes | undefined): Bytes {
  if (box === undefined || box.length < TAG_BYTES) throw new Refusal('ISO-6002');
  if (box.length > MAX_BOX_BYTES) throw new Refusal('ISO-6003');
  return box;
}

async function* framesOfOctets(body: AsyncIterable<Bytes>): AsyncGenerator<Framed> {
  let held: Buffer = Buffer.alloc(0);
  let base: Bytes | undefined;
  for await (const chunk of untilBroken(body)) {
    held = join(held, chunk);
    if (base === undefined) {
      if (held.length < 1 + NONCE_BYTES) continue;
      base = held.subarray(1, 1 + NONCE_BYTES);
      held = held.subarray(1 + NONCE_BYTES);
    }
    while (held.length >= FRAME_HEAD_BYTES) {
      const length = held.readUInt32BE();
      if (length > MAX_BOX_BYTES) throw new Refusal('ISO-6003');
      if (length < TAG_BYTES) throw new Refusal('ISO-6002');
      const end = FRAME_HEAD_BYTES + length;
      if (held.length < end) break;
      yield { kind: held[4] ?? 0, box: held.subarray(FRAME_HEAD_BYTES, end), base };
      held = held.subarray(end);
    }
  }
}

/** A body that breaks off reads as one that ends. */
async function* untilBroken(body: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
  try {
    yield* body;
  } catch {}
}
