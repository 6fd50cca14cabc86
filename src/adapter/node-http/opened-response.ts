/**
 * What createContext gets as `res`: the framework's own object, whose status and headers go into the seal
 * (cookies and CORS come out of it again, as with every answer). Its body is tRPC's to write: what would send
 * something past the seal throws.
 */
import { derive } from './opened-request.ts';
import type { NodeResponse } from './types.ts';

type HeaderValue = string | number | readonly string[];

/** What was set so far, in the way of http.OutgoingMessage. */
export class AnswerHead {
  statusCode = 200;
  readonly #headers = new Map<string, { readonly name: string; readonly value: HeaderValue }>();

  set(name: string, value: HeaderValue): void {
    this.#headers.set(name.toLowerCase(), { name, value });
  }
  append(name: string, value: HeaderValue): void {
    const before = this.get(name);
    this.set(name, before === undefined ? value : [before, value].flat().map(String));
  }
  get(name: string): HeaderValue | undefined {
    return this.#headers.get(name.toLowerCase())?.value;
  }
  delete(name: string): void {
    this.#headers.delete(name.toLowerCase());
  }
  entries(): [name: string, value: HeaderValue][] {
    return [...this.#headers].map(([name, { value }]) => [name, value]);
  }

  /** The response with what was set beside it: a header of its own wins, cookies of both are kept. */
  addTo(response: Response): Response {
    if (this.#headers.size === 0 && this.statusCode === 200) return response;
    const headers = new Headers();
    for (const [name, value] of this.entries()) {
      if (name !== 'set-cookie' && response.headers.has(name)) continue;
      for (const each of [value].flat()) headers.append(name, String(each));
    }
    for (const [name, value] of response.headers) headers.append(name, value);
    // As tRPC's own adapters do: a status that was set wins.
    const status = this.statusCode === 200 ? response.status : this.statusCode;
    return new Response(response.body, { status, headers });
  }
}

/** @param head receives what is set. */
export function openedResponse<Res extends NodeResponse>(outer: Res, head: AnswerHead): Res {
  const opened: Res = derive(outer, {
    setHeader: (name: string, value: HeaderValue) => {
      head.set(name, value);
      return opened;
    },
    appendHeader: (name: string, value: HeaderValue) => {
      head.append(name, value);
      return opened;
    },
    setHeaders: (headers: Iterable<readonly [string, HeaderValue]>) => {
      for (const [name, value] of headers) {
        if (name.toLowerCase() === 'set-cookie') head.append(name, value);
        else head.set(name, value);
      }
      return opened;
    },
    getHeader: (name: string) => head.get(name),
    getHeaders: () => Object.fromEntries(head.entries()),
    getHeaderNames: () => head.entries().map(([name]) => name),
    hasHeader: (name: string) => head.get(name) !== undefined,
    removeHeader: (name: string) => head.delete(name),
    status: (code: number) => {
      head.statusCode = code;
      return opened;
    },
    flushHeaders: () => undefined,
    ...pastTheSeal(['write', 'end', 'writeHead', 'writeEarlyHints', 'pipe']),
  });
  return withStatus(opened, head);
}

/** `statusCode` as http and frameworks set it. */
export function withStatus<Opened extends object>(opened: Opened, head: AnswerHead): Opened {
  return Object.defineProperty(opened, 'statusCode', {
    get: () => head.statusCode,
    set: (code: number) => {
      head.statusCode = code;
    },
  });
}

/** Methods that would write to the connection itself. */
export function pastTheSeal(names: readonly string[]): Record<string, () => never> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      () => {
        throw new TypeError(`res.${name}: the answer is sealed; return or throw what it is to say`);
      },
    ]),
  );
}
