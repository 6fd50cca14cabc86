/**
 * The default instance: `createNen()` as the environment configures it, made at the first request and kept
 * on globalThis[Symbol.for('trpc-nen')], because Next gives each route file a module instance of its own.
 * An application with options makes its own with `createNen` and uses that one's methods.
 */
import type { SessionStore } from '../session/types.ts';
import { createNen, type Nen } from './nen.ts';
import { giveProcessStore } from './process-store.ts';
import {
  type AnyWithNen,
  checkWithNen,
  type NenRoute,
  type WithNen,
  type WithNenStream,
} from './with-nen/with-nen.ts';

const INSTANCE = Symbol.for('trpc-nen');

const holder = globalThis as { [INSTANCE]?: Nen };

export function defaultNen(): Nen {
  holder[INSTANCE] ??= createNen();
  return holder[INSTANCE];
}

/**
 * Where the default instance, and every `createNen` without a store, keeps sessions and replay claims. Call
 * it where every function of a serverless deployment loads it, not in the session routes alone: one that
 * doesn't has a memory of its own, and answers ISO-2002. A second store in memory doesn't replace the first.
 * @throws {TypeError} for what is no store.
 */
export function setSessionStore(store: SessionStore): void {
  const methods = ['epoch', 'create', 'read', 'claim', 'rotate', 'delete'] as const;
  if (!methods.every((method) => typeof store?.[method] === 'function')) {
    throw new TypeError('setSessionStore: a SessionStore, such as new InMemorySessionStore()');
  }
  if (giveProcessStore(store)) delete holder[INSTANCE];
}

/** POST {nen}/handshake, over the default instance. Answers every failure itself, as the other three do. */
export function handleHandshake(req: Request): Promise<Response> {
  return defaultNen().actions.handshake(req);
}

/** POST {nen}/rotate. */
export function handleRotate(req: Request): Promise<Response> {
  return defaultNen().actions.rotate(req);
}

/** POST {nen}/terminate. */
export function handleTerminate(req: Request): Promise<Response> {
  return defaultNen().actions.terminate(req);
}

/** GET {nen}/status. */
export function handleStatus(req: Request): Promise<Response> {
  return defaultNen().actions.status(req);
}

/** {@link Nen.withNen} over the default instance. */
export const withNen: WithNen = overDefault((nen) => nen.withNen);

/** {@link Nen.withNenStream} over the default instance. */
export const withNenStream: WithNenStream = overDefault((nen) => nen.withNenStream);

/** A build imports routes: the instance is looked for when a request comes, and not before. */
function overDefault(methodOf: (nen: Nen) => WithNen | WithNenStream): AnyWithNen {
  return (handler, options = {}) => {
    checkWithNen(handler, options);
    let made: { readonly nen: Nen; readonly route: NenRoute } | undefined;
    return (req, context) => {
      const nen = defaultNen();
      // Handler and options fit each other: that was checked where this function was called.
      if (made?.nen !== nen) made = { nen, route: (methodOf(nen) as AnyWithNen)(handler, options) };
      return made.route(req, context);
    };
  };
}
