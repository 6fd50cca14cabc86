/** The headers of a request of node:http, as Headers would give them, without the pseudo-headers of HTTP/2. */
import type { RequestHeaders } from '../incoming-request.ts';
import type { NodeRequest } from './types.ts';

export class NodeHeaders implements RequestHeaders {
  readonly #fields: NodeRequest['headers'];

  constructor(fields: NodeRequest['headers']) {
    this.#fields = fields;
  }

  get(name: string): string | null {
    const field = name.toLowerCase();
    const value = Object.hasOwn(this.#fields, field) ? this.#fields[field] : undefined;
    return Array.isArray(value) ? value.join(', ') : (value ?? null);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (const [name, value] of Object.entries(this.#fields)) {
      if (value === undefined || name.startsWith(':')) continue;
      if (typeof value === 'string') yield [name, value];
      else for (const each of value) yield [name, each];
    }
  }
}
