/** The primitives alone, in microseconds: noble, and what this runtime has. */
import { noblePrimitives } from '../dist/crypto/noble.js';
import { nodePrimitives } from '../dist/crypto/node.js';
import { randomBytes } from '../dist/crypto/random.js';
import { figure, table } from './table.mjs';

const KEY = new Uint8Array(32).fill(1);
const NONCE = new Uint8Array(12).fill(2);
const AAD = new Uint8Array(120).fill(3);

/**
 * @typedef {import('../dist/crypto/primitives.js').Primitives} Primitives
 * @typedef {(primitives: Primitives) => () => unknown} Operation prepared, then run many times
 * @type {[name: string, operation: Operation, isKem?: boolean][]}
 */
const OPERATIONS = [
  [
    'ML-KEM-768 key pair',
    ({ mlKem768 }) =>
      () =>
        mlKem768.generateKeyPair(randomBytes),
    true,
  ],
  ['ML-KEM-768 encapsulate', encapsulate, true],
  ['ML-KEM-768 decapsulate', decapsulate, true],
  ['ChaCha20-Poly1305 seal 1 KB', seal(1024)],
  ['ChaCha20-Poly1305 seal 10 KB', seal(10 * 1024)],
  ['ChaCha20-Poly1305 seal 100 KB', seal(100 * 1024)],
  ['ChaCha20-Poly1305 seal 1 MB', seal(1024 * 1024)],
  ['ChaCha20-Poly1305 open 10 KB', open(10 * 1024)],
  ['HMAC-SHA256 of 120 B', (primitives) => macOf(primitives)],
  ['HKDF-Expand to 32 B', expand],
  [
    'SHA-256 of 2.4 KB',
    ({ sha256 }) =>
      () =>
        sha256(new Uint8Array(2400)),
  ],
];

/** @param {import('./run.mjs').Effort} effort */
export function benchPrimitives({ ms }) {
  console.log('\n### Primitives (microseconds)\n');
  const native = nodePrimitives();
  const rows = OPERATIONS.map(([name, operation, isKem]) => {
    const isNative = native !== undefined && !(isKem && native.mlKem768 === noblePrimitives.mlKem768);
    return [
      name,
      figure(timeOf(operation(noblePrimitives), ms)),
      isNative ? figure(timeOf(operation(native), ms)) : 'none',
    ];
  });
  console.log(table(['operation', 'noble', 'native'], rows));
}

/**
 * @param {() => unknown} run
 * @param {number} ms
 * @returns {number} microseconds a run
 */
function timeOf(run, ms) {
  for (const until = performance.now() + ms / 4; performance.now() < until; ) run();
  let runs = 0;
  const startedAt = performance.now();
  while (performance.now() < startedAt + ms / 2) {
    run();
    runs++;
  }
  return ((performance.now() - startedAt) * 1000) / runs;
}

/** @type {Operation} */
function encapsulate({ mlKem768 }) {
  const pair = sync(mlKem768.generateKeyPair(randomBytes));
  return () => mlKem768.encapsulate(pair.publicKey, randomBytes);
}

/** @type {Operation} */
function decapsulate({ mlKem768 }) {
  const pair = sync(mlKem768.generateKeyPair(randomBytes));
  const { ciphertext } = sync(mlKem768.encapsulate(pair.publicKey, randomBytes));
  return () => pair.decapsulate(ciphertext);
}

/**
 * @param {number} bytes
 * @returns {Operation}
 */
function seal(bytes) {
  const message = new Uint8Array(bytes).fill(4);
  return ({ aeadKey }) => {
    const key = aeadKey(KEY);
    return () => key.seal(NONCE, AAD, [message]);
  };
}

/**
 * @param {number} bytes
 * @returns {Operation}
 */
function open(bytes) {
  return ({ aeadKey }) => {
    const key = aeadKey(KEY);
    const box = Buffer.concat(sync(key.seal(NONCE, AAD, [new Uint8Array(bytes)])));
    return () => key.open(NONCE, AAD, new Uint8Array(box));
  };
}

/** @param {Primitives} primitives */
function macOf({ macKey }) {
  const key = macKey(KEY);
  return () => key.mac(AAD);
}

/** @type {Operation} */
function expand(primitives) {
  const key = primitives.macKey(KEY);
  return () => primitives.expand(key, AAD);
}

/**
 * The primitives of Node never need a promise.
 * @template T
 * @param {T | Promise<T>} value
 * @returns {T}
 */
function sync(value) {
  if (value instanceof Promise) throw new Error('a primitive is asynchronous here');
  return value;
}
