/**
 * Between the client and its servers: every request waits until a step delivers it or does it harm, and so does
 * every answer. What was sent once can be sent again at any time.
 */
import type { Transport, TransportInit } from '../../../src/link/client/transport.ts';
import type { Answer, Servers } from './servers.ts';
import { type Fate, pick, type Queue, type Waiting } from './waiting.ts';

/** The public header that tells which calls a message carries. */
export const NAMES_HEADER = 'x-op';

/** A request, from when it leaves the client until that has an answer or has given it up. */
export interface Exchange {
  readonly path: string;
  /** What it carries, by the public header. */
  readonly names: readonly string[];
  readonly sid: string | undefined;
  readonly url: string;
  readonly init: TransportInit;
  open: boolean;
  /** How much had been done to the world when it was sent. */
  harm: number;
}

const PAGE_STATUS = 502;

export class Way {
  readonly sent: Exchange[] = [];
  readonly answers: Answer[] = [];
  readonly #servers: Servers;
  readonly #queue: Queue;
  readonly #onSent: (exchange: Exchange) => void;

  constructor(servers: Servers, queue: Queue, onSent: (exchange: Exchange) => void) {
    this.#servers = servers;
    this.#queue = queue;
    this.#onSent = onSent;
  }

  readonly transport: Transport = (url, init) => {
    const { [NAMES_HEADER]: names = '', 'X-Nen-Session': sid } = init.headers;
    const exchange: Exchange = {
      path: new URL(url).pathname,
      names: names.split(' ').filter(Boolean),
      sid,
      url,
      init,
      open: true,
      harm: 0,
    };
    this.#onSent(exchange);
    this.sent.push(exchange);
    return this.#exchange(exchange).finally(() => {
      exchange.open = false;
    });
  };

  /** A copy of what was sent: its answer goes nowhere. */
  async replay(which: number, to: number): Promise<void> {
    const exchange = pick(this.sent, which);
    if (exchange === undefined) return;
    this.answers.push(await this.#servers.serve(exchange.url, exchange.init, to));
  }

  #exchange(exchange: Exchange): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { signal } = exchange.init;
      const lose = (): void => reject(new TypeError('fetch failed'));
      let waiting: Waiting;
      const wait = (what: string, go: Waiting['go']): void => {
        waiting = { what: `${what} ${exchange.path}`, go };
        this.#queue.add(waiting);
      };
      const onAnswer = (answer: Answer): void => {
        this.answers.push(answer);
        if (exchange.open)
          wait('answer', (fate) => {
            const response = this.#damaged(answer, fate);
            if (response === undefined) lose();
            else resolve(response);
          });
      };
      wait('request', (fate, to) => {
        const forged = fate === 'on' ? undefined : forgery(fate);
        if (forged !== undefined) resolve(forged);
        else if (fate !== 'on') lose();
        else
          void this.#servers.serve(exchange.url, exchange.init, to).then(onAnswer, (error: unknown) => {
            lose();
            // A server that throws is a stray error, whatever the client makes of it.
            throw error;
          });
      });
      const leave = (): void => {
        this.#queue.remove(waiting);
        reject(signal?.reason);
      };
      if (signal?.aborted === true) leave();
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** What the client gets of an answer; undefined: nothing. */
  #damaged(answer: Answer, fate: Fate): Response | undefined {
    const { status, headers, bytes } = answer;
    const half = bytes.slice(0, bytes.length >> 1);
    switch (fate) {
      case 'on':
        return toResponse(answer);
      case 'cut':
        return new Response(half, { status, headers });
      case 'broken':
        return new Response(breakingOff(half), { status, headers });
      case 'swapped': {
        const other = this.answers.findLast((one) => one !== answer);
        return other && toResponse(other);
      }
      default:
        return forgery(fate);
    }
  }
}

function toResponse({ status, headers, bytes }: Answer): Response {
  return new Response(bytes.length === 0 ? null : bytes, { status, headers });
}

function breakingOff(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      pull(controller) {
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.error(new TypeError('terminated'));
      },
    },
    { highWaterMark: 0 },
  );
}

/** What anybody on the way can say; undefined for what nobody says. */
function forgery(fate: Exclude<Fate, 'on'>): Response | undefined {
  if (fate === 'page') return new Response('<html>', { status: PAGE_STATUS });
  if (fate === 'nothing') return Response.json({});
  if (!fate.startsWith('ISO-')) return undefined;
  return Response.json({ error: { code: fate, message: 'forged' } }, { status: 401 });
}
