/**
 * Stand-ins for the platform's Request and Response: objects that answer what is asked of them as a rule,
 * and make the real one for the rest, since making one costs about a third of a small call.
 */

/**
 * Gives the prototype of a stand-in every property of the real one that it has not, answered by the real
 * object that `realOf` makes; `instanceof` holds.
 */
export function standIn<Own extends object>(own: Own, native: object, realOf: (self: Own) => object): void {
  for (const [name, { get, value }] of propertiesOf(native)) {
    if (Object.hasOwn(own, name)) continue;
    if (get !== undefined) {
      Object.defineProperty(own, name, {
        configurable: true,
        get(this: Own) {
          return Reflect.get(realOf(this), name);
        },
      });
    } else if (typeof value === 'function') {
      Object.defineProperty(own, name, {
        configurable: true,
        value(this: Own, ...args: unknown[]) {
          return Reflect.apply(value, realOf(this), args);
        },
      });
    }
  }
  Object.setPrototypeOf(own, native);
  // Whoever makes another one by it gets a real one.
  Object.defineProperty(own, 'constructor', {
    configurable: true,
    writable: true,
    value: native.constructor,
  });
}

/** Inherited ones too, but for Object's: in workerd a Request has those of its body from a class Body. */
function propertiesOf(native: object): [name: string, property: PropertyDescriptor][] {
  const parent = Object.getPrototypeOf(native) as object | null;
  // Found as the end of the chain: in edge-runtime it is another realm's Object.prototype.
  if (parent === null) return [];
  return [...Object.entries(Object.getOwnPropertyDescriptors(native)), ...propertiesOf(parent)];
}
