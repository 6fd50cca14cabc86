/** What the application does with its client: calls through each door, and what is asked of the session. */
import { createTRPCClient, type TRPCClient } from '@trpc/client';
import type { DeviceClock } from '../../../src/link/client/clock.ts';
import { NenClient } from '../../../src/link/client/nen-client.ts';
import type { Transport } from '../../../src/link/client/transport.ts';
import { nenLink } from '../../../src/link/nen-link.ts';
import { ORIGIN } from '../../link/channel.ts';
import type { Moment } from './history.ts';
import type { Router } from './servers.ts';
import type { Control, Door } from './steps.ts';
import { NAMES_HEADER } from './way.ts';

export interface Operation {
  readonly name: string;
  readonly kind: 'query' | 'mutation' | Control;
  /** Of calls alone. */
  readonly door: Door | undefined;
  readonly controller: AbortController;
  readonly began: Moment;
  fate?: { readonly value: unknown } | { readonly error: unknown };
}

export class Application {
  readonly #client: NenClient;
  readonly #trpc: TRPCClient<Router>;

  constructor(transport: Transport, clock: DeviceClock) {
    this.#client = new NenClient(ORIGIN, { fetch: transport, clock, publicHeaders: [NAMES_HEADER] });
    this.#trpc = createTRPCClient<Router>({
      links: [
        nenLink({
          url: `${ORIGIN}/api/trpc`,
          client: this.#client,
          headers: ({ opList }) => ({ [NAMES_HEADER]: opList.map(({ context }) => context.name).join(' ') }),
        }),
      ],
    });
  }

  async perform({ name, kind, door, controller: { signal } }: Operation): Promise<unknown> {
    const client = this.#client;
    if (kind === 'exporter') return (await client.exporter('test')).length;
    if (kind !== 'query' && kind !== 'mutation') return client[kind]();
    const isQuery = kind === 'query';
    if (door === 'link') {
      const options = { signal, context: { name } };
      return isQuery ? this.#trpc.read.query(name, options) : this.#trpc.pay.mutate(name, options);
    }
    const headers = { [NAMES_HEADER]: name };
    const path = isQuery ? `/api/read?name=${name}` : '/api/pay';
    const init = isQuery
      ? { headers, signal }
      : { method: 'POST', body: JSON.stringify(name), headers, signal };
    if (door === 'nenFetch') return client.nenFetch(path, init);
    const sealedFetch = door === 'fetch' ? client.fetch : client.tunnel('/api');
    const json = isQuery ? {} : { 'content-type': 'application/json' };
    const response = await sealedFetch(ORIGIN + path, { ...init, headers: { ...headers, ...json } });
    return response.json();
  }
}

export function rightAnswer({ kind, name }: Operation): string {
  return `${kind === 'query' ? 'read' : 'paid'} ${name}`;
}
