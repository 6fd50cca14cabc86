/**
 * The parameters of a dynamic route: a plain object up to Next 14, a promise from 15 on. Handlers get one
 * that is both, so that they can be written either way.
 */

/** `(await params).id` and `params.id` are the same. */
export type RouteParams<Params> = Promise<Params> & Readonly<Params>;

/** @param context what the framework gives as the second argument, if anything. */
export async function readParams(context: unknown): Promise<{ readonly params: RouteParams<object> }> {
  const given: unknown = isObject(context) && 'params' in context ? await context.params : undefined;
  const params = isObject(given) ? given : {};
  const both = Promise.resolve(params);
  for (const [name, value] of Object.entries(params)) {
    // A parameter called 'then' is only there when awaited: the promise must stay one.
    if (!(name in both)) Reflect.defineProperty(both, name, { value, enumerable: true });
  }
  // Wrapped, for whoever returns a promise from an async function gives away what it resolves to.
  return { params: both as RouteParams<object> };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
