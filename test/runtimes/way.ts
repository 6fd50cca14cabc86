/** Between the client of the runtime suite and its server: what carries the bytes, and what an adversary does with them. */
import { bytesToLatin1, latin1ToBytes } from '../../src/crypto/bytes.ts';
import type { Transport, TransportInit } from '../../src/link/client/index.ts';

export interface Sent {
  readonly url: string;
  readonly init: TransportInit;
}

/** The same transport, and the calls that went through it, handshakes left out. */
export function recording(send: Transport): { readonly fetch: Transport; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const fetch: Transport = (url, init) => {
    if (isCall(url)) sent.push({ url, init });
    return send(url, init);
  };
  return { fetch, sent };
}

/** Changes one byte in the middle of each sealed request. */
export function alteringRequests(send: Transport): Transport {
  return (url, init) =>
    send(url, isCall(url) && init.body !== null ? { ...init, body: altered(init.body) } : init);
}

/** Changes one byte in the middle of each sealed answer. */
export function alteringAnswers(send: Transport): Transport {
  return changingAnswers(send, altered);
}

/** Ends each sealed answer before it is over, as a connection does that is closed in order. */
export function cuttingAnswers(send: Transport): Transport {
  return changingAnswers(send, (bytes) => bytes.slice(0, Math.floor(bytes.length * 0.7)));
}

function changingAnswers(
  send: Transport,
  change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
): Transport {
  return async (url, init) => {
    const response = await send(url, init);
    if (!isCall(url)) return response;
    const headers = new Headers(response.headers);
    for (const name of ['content-length', 'content-encoding']) headers.delete(name);
    const body = change(new Uint8Array(await response.arrayBuffer()));
    return new Response(body, { status: response.status, headers });
  };
}

function isCall(url: string): boolean {
  return !url.includes('/api/nen/');
}

/** Another byte in the middle; in JSON another character of base64, so that the envelope stays one. */
function altered(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const middle = bytes.length >> 1;
  if (bytes[0] !== '{'.charCodeAt(0)) {
    const copy = bytes.slice();
    copy[middle] = (copy[middle] ?? 0) ^ 1;
    return copy;
  }
  const text = bytesToLatin1(bytes);
  return latin1ToBytes(text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1));
}
