/** Which requests are for the session routes, where one handler is a whole server and nobody mounts them. */

/** @param target with or without a query. No sealed call has such a path: all end in /sealed. */
export function isSessionPath(target: string): boolean {
  return /^[^?]*\/nen\/(?:handshake|rotate|terminate|status)(?:\?|$)/.test(target);
}
