/**
 * React Native's globals, made of what it makes them of itself: whatwg-fetch over an XMLHttpRequest, and
 * abort-controller. `crypto` has what react-native-get-random-values brings, and nothing else.
 */
import { mode } from './remove.ts';
// What is evaluated from here on finds Node's globals removed.

import type { Transport } from '../../../src/link/client/index.ts';
import { expoFetch } from './expo-fetch.ts';
import { XMLHttpRequest } from './xml-http-request.ts';

const random = (await import('node:crypto')).webcrypto;
Object.assign(globalThis, {
  XMLHttpRequest,
  crypto: { getRandomValues: (target: Uint8Array<ArrayBuffer>) => random.getRandomValues(target) },
});
const { AbortController, AbortSignal } = await import('abort-controller');
Object.assign(globalThis, { AbortController, AbortSignal });
// It puts itself in place of what is missing.
// @ts-expect-error: it has no types
await import('whatwg-fetch');

export const send: Transport = mode === 'expo' ? expoFetch : (url, init) => globalThis.fetch(url, init);
