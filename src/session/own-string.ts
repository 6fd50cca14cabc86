/**
 * Joins strings into a flat one of its own, with colons. A string that is remembered is often a slice of a header,
 * which would keep the whole header in memory, and a concatenation keeps its parts.
 */
export function ownString(...parts: readonly (string | number)[]): string {
  return parts.join(':');
}
