/**
 * Takes from Node what React Native doesn't have. Before every other import: what a module finds when it is
 * evaluated must be what it would find there.
 */

/** 'bare', or 'expo' with expo/fetch, whose answers stream. */
export const mode: string = process.argv[2] ?? 'bare';
export const origin: string = process.argv[3] ?? '';
const STREAMS = ['ReadableStream', 'WritableStream', 'TransformStream', 'TextDecoderStream'];
const MISSING = [
  ...[
    'fetch',
    'Request',
    'Response',
    'Headers',
    'AbortController',
    'AbortSignal',
    'EventSource',
    'navigator',
  ],
  ...['crypto', 'Buffer', 'MessageChannel', 'DOMException', 'structuredClone', 'CompressionStream'],
  ...(mode === 'expo' ? [] : STREAMS),
];
const print = console.log.bind(console);
/** Says what came of it. */
export const report = (value: unknown): void => print(JSON.stringify(value));

// Node loads what it has of the web when it is first named, and needs its Buffer for that.
void new FormData();
for (const name of MISSING) Reflect.deleteProperty(globalThis, name);
Object.defineProperty(globalThis, 'process', { value: { env: {} } });
