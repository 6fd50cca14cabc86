/**
 * A client written from PROTOCOL.md alone, which shares no code with src/: what the document says must
 * be enough to talk to a server. It opens what it gets and throws at whatever does not fit.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

export type Handler = (req: Request) => Promise<Response>;
export type Encoding = 'json' | 'octets';

export interface Session {
  readonly sid: string;
  readonly aud: string;
  readonly requestKey: Buffer;
  readonly responseSecret: Buffer;
  readonly exporterSecret: Buffer;
  readonly hmacKey: Buffer;
  /** The server's clock at the handshake, and the epoch. */
  readonly now: number;
  readonly epoch: string;
}

export interface Opened {
  readonly kind: string;
  readonly status: number;
  readonly text: string;
  /** Everything that was sealed, in the order of arrival. */
  readonly records: readonly number[];
}

// Section 2

type Field = string | Uint8Array;

function lp(field: Field): Buffer {
  const bytes = Buffer.from(field);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const input = (...fields: readonly Field[]): Buffer => Buffer.concat(fields.map(lp));
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest();
/** HKDF-Expand of 32 bytes: one block. */
const expand = (prk: Uint8Array, info: Uint8Array): Buffer => hmac(prk, Buffer.concat([info, Buffer.of(1)]));

function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, box: Uint8Array): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  const end = box.length - 16;
  decipher.setAAD(aad, { plaintextLength: end });
  decipher.setAuthTag(box.subarray(end));
  return Buffer.concat([decipher.update(box.subarray(0, end)), decipher.final()]);
}

// Section 4

export async function handshake(routes: Handler, aud: string, previous?: Session): Promise<Session> {
  const { publicKey, secretKey } = ml_kem768.keygen();
  const hello = JSON.stringify({ v: 2, suite: 'ML-KEM-768', aud, pk: b64(publicKey) });
  const url = `${aud}/api/nen/${previous === undefined ? 'handshake' : 'rotate'}`;
  let text: string;
  if (previous === undefined) {
    const headers = { 'Content-Type': 'application/json' };
    text = await (await routes(new Request(url, { method: 'POST', headers, body: hello }))).text();
  } else {
    const answer = await call(routes, previous, { url, kind: 'json', payload: Buffer.from(hello) });
    if (answer.kind !== 'json' || answer.status !== 200) throw new Error('no rotation');
    text = answer.text;
  }
  const { v, sid, ct, hs } = JSON.parse(text);
  if (v !== 2) throw new Error(text);
  const ciphertext = Buffer.from(ct, 'base64');
  const transcript = createHash('sha256')
    .update(
      input('nen/2 transcript', 'ML-KEM-768', aud, publicKey, '', sid, ciphertext, '', previous?.sid ?? ''),
    )
    .digest();
  const shared = ml_kem768.decapsulate(ciphertext, secretKey);
  const prk = hmac(transcript, Buffer.concat([shared, previous?.exporterSecret ?? Buffer.of()]));
  const handshakeKey = expand(prk, input('nen/2 handshake key'));
  const terms = JSON.parse(
    open(handshakeKey, Buffer.alloc(12), transcript, Buffer.from(hs, 'base64')).toString(),
  );
  return {
    sid,
    aud,
    requestKey: expand(prk, input('nen/2 request key')),
    responseSecret: expand(prk, input('nen/2 response secret')),
    exporterSecret: expand(prk, input('nen/2 exporter')),
    hmacKey: Buffer.from(terms.hmacKey, 'base64'),
    now: terms.now,
    epoch: terms.epoch,
  };
}

// Sections 5 and 11

export interface CallOptions {
  readonly url: string;
  readonly method?: string;
  readonly kind: 'json' | 'http' | 'none';
  readonly encoding?: Encoding;
  readonly payload?: Buffer;
  readonly nonce?: Buffer;
  readonly retry?: string;
}

export async function call(handler: Handler, session: Session, options: CallOptions): Promise<Opened> {
  const { method = 'POST', kind, encoding = 'json', payload = Buffer.of(), retry = '' } = options;
  const url = new URL(options.url);
  const nonce = options.nonce ?? randomBytes(12);
  const timestamp = String(session.now);
  const target = url.pathname + url.search;
  const aad = input('nen/2 request', session.sid, method, target, timestamp, kind, retry);
  const box = seal(session.requestKey, nonce, aad, payload);
  const signed = `${method}\n${url.pathname}\n${timestamp}\n${b64(nonce)}`;
  const headers = new Headers({
    'X-Nen-Session': session.sid,
    'X-Nen-Timestamp': timestamp,
    'X-Nen-Nonce': b64(nonce),
    'X-Nen-Signature': b64(hmac(session.hmacKey, Buffer.from(signed))),
  });
  if (retry !== '') headers.set('X-Nen-Retry', retry);
  let body: Uint8Array<ArrayBuffer> | string | null = null;
  if (kind === 'none') headers.set('X-Nen-Tag', b64(box));
  else if (encoding === 'octets') {
    headers.set('Content-Type', 'application/octet-stream');
    body = Uint8Array.from(box);
  } else {
    headers.set('Content-Type', 'application/json');
    body = kind === 'http' ? `{"t":"http","ct":"${b64(box)}"}` : `{"ct":"${b64(box)}"}`;
  }
  const response = await handler(new Request(url, { method, headers, body }));
  return openAnswer(session, nonce, kind === 'none' ? 'json' : encoding, response);
}

export function retryOf(first: Session, nonce: Buffer): string {
  return `${first.sid} ${first.now} ${b64(nonce)} ${first.epoch}`;
}

// Section 6

async function openAnswer(
  session: Session,
  requestNonce: Buffer,
  encoding: Encoding,
  response: Response,
): Promise<Opened> {
  const { status, headers } = response;
  const type = headers.get('content-type');
  const body = Buffer.from(await response.arrayBuffer());
  const answer = (kind: string, n: Buffer, box: Buffer): Opened => {
    const key = expand(session.responseSecret, input('nen/2 answer', requestNonce));
    const plain = open(key, n, input('nen/2 response', session.sid, requestNonce, String(status), kind), box);
    if (kind === 'http') return { kind, ...decodeResponse(plain), records: [] };
    return { kind, status, text: plain.toString(), records: [] };
  };
  const tag = headers.get('x-nen-tag');
  if (tag !== null) {
    return answer(
      'none',
      Buffer.from(headers.get('x-nen-nonce') ?? '', 'base64'),
      Buffer.from(tag, 'base64'),
    );
  }
  if (encoding === 'json' && type === 'text/event-stream') {
    return openStream(session, requestNonce, status, eventRecords(body.toString()));
  }
  if (encoding === 'octets' && type === 'application/octet-stream') {
    if (body[0] === 1) return openStream(session, requestNonce, status, octetRecords(body));
    return answer(body[0] === 2 ? 'error' : 'http', body.subarray(1, 13), body.subarray(13));
  }
  const { t = 'json', n, ct, error } = JSON.parse(body.toString());
  if (error !== undefined) return { kind: 'plain', status, text: body.toString(), records: [] };
  return answer(t, Buffer.from(n, 'base64'), Buffer.from(ct, 'base64'));
}

// Section 7

interface WireStream {
  readonly base: Buffer;
  readonly records: readonly { readonly kind: number; readonly box: Buffer }[];
}

function eventRecords(text: string): WireStream {
  const [head, ...rest] = text.split('\n\n').slice(0, -1);
  const { n, ct } = JSON.parse((head ?? '').slice('data: '.length));
  const records = rest.map((event) => {
    const [, name, data = ''] = /^(?:event: (\w+)\n)?data: (\S+)$/.exec(event) ?? [];
    const kind = name === undefined ? 1 : name === 'final' ? 2 : 3;
    return { kind, box: Buffer.from(data, 'base64') };
  });
  const first = { kind: 0, box: Buffer.from(ct, 'base64') };
  return { base: Buffer.from(n, 'base64'), records: [first, ...records] };
}

function octetRecords(body: Buffer): WireStream {
  const records: { kind: number; box: Buffer }[] = [];
  for (let at = 13; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at);
    records.push({ kind: body.readUInt8(at + 4), box: body.subarray(at + 5, end) });
    at = end;
  }
  return { base: body.subarray(1, 13), records };
}

function openStream(session: Session, requestNonce: Buffer, outer: number, wire: WireStream): Opened {
  const key = expand(session.responseSecret, input('nen/2 stream', requestNonce, wire.base));
  const opened = wire.records.map(({ kind, box }, i) => {
    const nonce = Buffer.from(wire.base);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ i) >>> 0, 8);
    const aad = input('nen/2 record', session.sid, requestNonce, String(outer), 'http', Buffer.of(kind));
    return { kind, plain: open(key, nonce, aad, box) };
  });
  const { status } = decodeResponse(opened[0]?.plain ?? Buffer.of());
  const data = opened.filter(({ kind }) => kind === 1).map(({ plain }) => plain);
  return {
    kind: 'stream',
    status,
    text: Buffer.concat(data).toString(),
    records: opened.map(({ kind }) => kind),
  };
}

// Section 8

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(value < 0x40 ? 1 : value < 0x4000 ? 2 : 4);
  if (bytes.length === 1) bytes.writeUInt8(value);
  else if (bytes.length === 2) bytes.writeUInt16BE(0x4000 + value);
  else bytes.writeUInt32BE(0x80000000 + value);
  return bytes;
}

const lv = (bytes: Field): Buffer => Buffer.concat([varint(Buffer.from(bytes).length), Buffer.from(bytes)]);

/** @param padding zero bytes at the end, which change nothing. */
export function encodeRequest(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  content: string,
  padding = 0,
): Buffer {
  const fields = Object.entries(headers).flatMap(([name, value]) => [lv(name), lv(value)]);
  return Buffer.concat([
    Buffer.of(0),
    ...[method, 'https', '', target].map(lv),
    lv(Buffer.concat(fields)),
    lv(content),
    lv(''),
    Buffer.alloc(padding),
  ]);
}

function decodeResponse(bytes: Buffer): { status: number; text: string } {
  let at = 0;
  const number = (): number => {
    const size = 1 << (bytes.readUInt8(at) >> 6);
    const value =
      size === 1 ? bytes.readUInt8(at) : bytes.readUIntBE(at, size) - 2 ** (8 * size - 2) * Math.log2(size);
    at += size;
    return value;
  };
  const section = (): Buffer => {
    const length = number();
    at += length;
    return bytes.subarray(at - length, at);
  };
  if (number() !== 1) throw new Error('no response');
  const status = number();
  section();
  const text = section().toString();
  if (section().length > 0 || bytes.subarray(at).some((byte) => byte !== 0))
    throw new Error('more than a message');
  return { status, text };
}
