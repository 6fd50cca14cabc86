/** The part of XMLHttpRequest that React Native's fetch asks for. An answer is there when all of it is. */
import { type Bytes, concatBytes } from '../../../src/crypto/bytes.ts';
import { send } from './network.ts';

type Handler = (() => void) | null;

export class XMLHttpRequest {
  onload: Handler = null;
  onerror: Handler = null;
  onabort: Handler = null;
  ontimeout: Handler = null;
  onreadystatechange: Handler = null;
  readyState = 0;
  status = 0;
  statusText = '';
  responseURL = '';
  responseType = '';
  withCredentials = false;
  response: ArrayBuffer | undefined;
  readonly #headers: Record<string, string> = {};
  #method = '';
  #answer: Readonly<Record<string, unknown>> = {};
  #aborted = false;

  open(method: string, url: string): void {
    this.#method = method;
    this.responseURL = url;
  }
  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }
  getAllResponseHeaders(): string {
    return Object.entries(this.#answer)
      .map(([name, value]) => `${name}: ${String(value)}`)
      .join('\r\n');
  }
  abort(): void {
    this.#aborted = true;
    this.onabort?.();
  }
  send(body: Uint8Array | null): void {
    this.#run(body).then(
      () => !this.#aborted && this.onload?.(),
      () => !this.#aborted && this.onerror?.(),
    );
  }
  async #run(body: Uint8Array | null): Promise<void> {
    const answer = await send(this.responseURL, { method: this.#method, headers: this.#headers, body })
      .answer;
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer) chunks.push(chunk as Uint8Array);
    this.#answer = answer.headers;
    this.status = answer.statusCode ?? 0;
    this.response = concatBytes(chunks as Bytes[]).buffer;
    this.readyState = 4;
  }
}
