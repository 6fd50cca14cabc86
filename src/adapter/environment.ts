/** The environment: read where a runtime has one, when it is needed and not at import. */

/** A variable of the environment; an empty one counts as absent. */
export function environment(name: string): string | undefined {
  return globalThis.process?.env?.[name] || undefined;
}
