/**
 * Something that is still being loaded. What is asked of it is asked of the real thing once that is there, of each
 * object in the same order, so that an SDK can be loaded at its first use and is missed by its users alone.
 */
import { loadOnce } from '../crypto/load-once.ts';

/**
 * Calls and properties of a Late can be chained at once, and what they come to be awaited or iterated with
 * `for await`. Anything else (a property's own value, `instanceof`) needs the real thing: `await` gives it.
 */
export type Late<T> = T & PromiseLike<T>;

/** In a box, because a promise would take apart a value that is a promise too. */
interface Boxed {
  readonly value: unknown;
}

/** @param load called when something is asked for the first time, and again only where it failed. */
export function late<T extends object>(load: () => Promise<T>): Late<T> {
  return lateOf(async () => ({ value: await load() })) as Late<T>;
}

/** What `get` will give; `owner` is the object that it was a property of. */
function lateOf(load: () => Promise<Boxed>, owner?: () => Promise<Boxed>): unknown {
  // A page that was offline may load it later.
  const get = loadOnce(load);
  return new Proxy(() => undefined, {
    get: (_target, name) => {
      if (name === Symbol.asyncIterator) return () => items(get);
      if (name === Symbol.toPrimitive) throw new TypeError('not loaded yet: await it');
      if (typeof name === 'symbol') return undefined;
      if (name === 'then' || name === 'catch' || name === 'finally') {
        // Begun with the call: who only looks whether this is a promise has asked for nothing.
        return (...given: never[]) => {
          const settled: Pick<Promise<unknown>, typeof name> = get().then(({ value }) => value);
          return Reflect.apply(settled[name], settled, given);
        };
      }
      return lateOf(async () => ({ value: Reflect.get(Object((await get()).value), name) }), get);
    },
    apply: (_target, _this, given) => lateOf(called(get, owner, given)),
  });
}

/** A call that begins now, whether or not anybody waits for what it gives. */
function called(
  get: () => Promise<Boxed>,
  owner: (() => Promise<Boxed>) | undefined,
  given: unknown[],
): () => Promise<Boxed> {
  const call = async (): Promise<Boxed> => {
    const [method, self] = await Promise.all([get(), owner?.()]);
    return { value: Reflect.apply(method.value as () => unknown, self?.value, given) };
  };
  const calling = call();
  // Who asks for the outcome gets it; a call that nobody asks about must not end the process.
  calling.catch(() => undefined);
  return () => calling;
}

async function* items(get: () => Promise<Boxed>): AsyncGenerator<unknown, void, unknown> {
  yield* (await get()).value as AsyncIterable<unknown>;
}
