/**
 * The headers of an incoming request, read once: the checks ask for a dozen of them, and each question to the
 * platform's Headers costs as much as ten to a Map.
 */
import type { Field } from '../protocol/headers.ts';
import type { HeaderReader } from '../protocol/signed-headers.ts';

export class OuterHeaders implements HeaderReader {
  /** Lower-case names, in order; a field that came twice has its values joined. */
  readonly fields: readonly Field[];
  readonly #values: ReadonlyMap<string, string>;

  constructor(headers: Headers) {
    this.fields = [...headers];
    this.#values = new Map(this.fields);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }
}
