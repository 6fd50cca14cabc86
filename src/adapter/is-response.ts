/**
 * Whether a handler returned a Response. Asked by what it calls itself: Hono's Node server puts a class of its own in
 * the place of the global one, and what fetch() gives is then no instance of `Response`.
 */
export function isResponse(value: unknown): value is Response {
  return value instanceof Response || Object.prototype.toString.call(value) === '[object Response]';
}
