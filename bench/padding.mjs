/**
 * npm run bench:padding: what the way sees of the sizes of a token stream and of single messages, with padding and
 * coalescing and without, and what they cost, as Markdown. The Shannon entropy of the sizes of records is how many
 * bits each of them tells at most; 0 means that all look alike. Takes about ten seconds. `-- --octets` measures the
 * encoding that rounds nothing; base64 rounds to three bytes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NenClient } from 'trpc-nen/client';
import { createNen, InMemorySessionStore } from 'trpc-nen/server';
import { figure, table } from './table.mjs';
import { sentences, tokens } from './token-text.mjs';

/** Fifty tokens a second, half of them early and half of them late. */
const TOKEN_MS = 20;
const ORIGIN = 'https://bench.invalid';
const encoding = process.argv.includes('--octets') ? 'octets' : 'json';

/** @typedef {import('trpc-nen/server').Padding} Padding */
/** @typedef {{ readonly padding: Padding, readonly coalesceMs: number }} Policy */

/** @type {readonly Policy[]} */
const STREAMS = [
  { padding: 'none', coalesceMs: 0 },
  { padding: 'padme', coalesceMs: 0 },
  { padding: { blockBytes: 32 }, coalesceMs: 0 },
  { padding: { blockBytes: 256 }, coalesceMs: 0 },
  { padding: 'none', coalesceMs: 100 },
  { padding: 'padme', coalesceMs: 100 },
  { padding: { blockBytes: 64 }, coalesceMs: 100 },
  { padding: { blockBytes: 128 }, coalesceMs: 100 },
  { padding: { blockBytes: 128 }, coalesceMs: 250 },
  { padding: { blockBytes: 256 }, coalesceMs: 250 },
];

/** @type {readonly Padding[]} */
const MESSAGES = ['none', 'padme', { blockBytes: 64 }, { blockBytes: 256 }, { blockBytes: 1024 }];

console.log(`Node ${process.version}, in ${encoding === 'json' ? 'JSON' : encoding}.`);
console.log(`${tokens.length} tokens, one every ${TOKEN_MS} ms on average; ${sentences.length} sentences.`);
await benchStreams();
await benchMessages();

async function benchStreams() {
  const measured = await Promise.all(STREAMS.map(streamOnce));
  const bare = sum(measured[0]?.sizes ?? []);
  console.log('\n### A stream of tokens\n');
  console.log(
    table(
      [
        'padding',
        'coalesceMs',
        'records',
        'sizes',
        'entropy, bits',
        'bytes',
        'x bytes',
        'delay, ms',
        'worst, ms',
      ],
      measured.map(({ sizes, delays }, i) => [
        nameOf(STREAMS[i]?.padding ?? 'none'),
        String(STREAMS[i]?.coalesceMs),
        String(sizes.length),
        String(new Set(sizes).size),
        figure(entropyBits(sizes)),
        String(sum(sizes)),
        figure(sum(sizes) / bare),
        figure(sum(delays) / delays.length),
        figure(Math.max(...delays)),
      ]),
    ),
  );
}

async function benchMessages() {
  const measured = [];
  for (const padding of MESSAGES) measured.push({ padding, ...(await messagesOnce(padding)) });
  const bare = sum(measured[0]?.requests ?? []) + sum(measured[0]?.answers ?? []);
  console.log('\n### Requests and answers, a sentence each\n');
  console.log(
    table(
      ['padding', 'request sizes', 'entropy, bits', 'answer sizes', 'entropy, bits', 'x bytes'],
      measured.map(({ padding, requests, answers }) => [
        nameOf(padding),
        String(new Set(requests).size),
        figure(entropyBits(requests)),
        String(new Set(answers).size),
        figure(entropyBits(answers)),
        figure((sum(requests) + sum(answers)) / bare),
      ]),
    ),
  );
}

/**
 * One stream of all tokens: the sizes of its records on the wire, and how long after it was yielded each token came.
 * @param {Policy} policy
 * @returns {Promise<{ sizes: number[], delays: number[] }>}
 */
async function streamOnce(policy) {
  const nen = createNen({ store: new InMemorySessionStore(), ...policy });
  /** @type {number[]} */
  const yieldedAt = [];
  const route = nen.withNenStream(async function* () {
    const start = performance.now();
    for (const [i, token] of tokens.entries()) {
      const jitterMs = ((i * 7919) % TOKEN_MS) - TOKEN_MS / 2;
      await sleep(Math.max(0, start + i * TOKEN_MS + jitterMs - performance.now()));
      yieldedAt.push(performance.now());
      yield token;
    }
  });
  /** @type {Promise<ArrayBuffer> | undefined} */
  let wire;
  const client = new NenClient(ORIGIN, {
    encoding,
    fetch: async (url, init) => {
      const req = new Request(url, /** @type {RequestInit} */ (init));
      if (url.includes('/api/nen/')) return nen.routes.POST(req);
      const { body, headers } = await route(req);
      const [copy, rest] = body?.tee() ?? [];
      wire = new Response(copy).arrayBuffer();
      return new Response(rest, { headers });
    },
  });
  /** @type {number[]} */
  const delays = [];
  for await (const token of client.nenStream('/api/chat', { method: 'POST', body: '{}' })) {
    const i = delays.length;
    if (token !== tokens[i]) throw new Error(`token ${i} did not come back as it was`);
    delays.push(performance.now() - (yieldedAt[i] ?? 0));
  }
  const sizes = recordSizes(new Uint8Array((await wire) ?? new ArrayBuffer(0)));
  // Between head and final.
  return { sizes: sizes.slice(1, -1), delays };
}

/** @param {Uint8Array} wire */
function recordSizes(wire) {
  if (encoding === 'json') {
    const events = new TextDecoder().decode(wire).split('\n\n').slice(0, -1);
    return events.map((event) => event.length + 2);
  }
  const HEADER_BYTES = 5;
  /** @type {number[]} */
  const sizes = [];
  // Behind the first byte and the base nonce.
  for (let at = 13; at < wire.length; at += sizes.at(-1) ?? 0) {
    const boxBytes = new DataView(wire.buffer, at).getUint32(0);
    sizes.push(HEADER_BYTES + boxBytes);
  }
  return sizes;
}

/**
 * Each sentence as a question, and the next one as its answer: their sizes on the wire.
 * @param {Padding} padding
 * @returns {Promise<{ requests: number[], answers: number[] }>}
 */
async function messagesOnce(padding) {
  const nen = createNen({ store: new InMemorySessionStore(), padding });
  const answers = [...sentences.slice(1), sentences[0]];
  const route = nen.withNen(() => ({ text: answers.shift() }));
  /** @type {number[]} */
  const requestSizes = [];
  /** @type {number[]} */
  const answerSizes = [];
  const client = new NenClient(ORIGIN, {
    encoding,
    padding,
    fetch: async (url, init) => {
      const req = new Request(url, /** @type {RequestInit} */ (init));
      if (url.includes('/api/nen/')) return nen.routes.POST(req);
      const response = await route(req);
      requestSizes.push(init.body?.length ?? 0);
      answerSizes.push((await response.clone().arrayBuffer()).byteLength);
      return response;
    },
  });
  for (const text of sentences)
    await client.nenFetch('/api/chat', { method: 'POST', body: JSON.stringify({ text }) });
  return { requests: requestSizes, answers: answerSizes };
}

/**
 * H = - sum p log2 p over the sizes that there are.
 * @param {readonly number[]} sizes
 */
function entropyBits(sizes) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const size of sizes) counts.set(size, (counts.get(size) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy += (count / sizes.length) * Math.log2(sizes.length / count);
  return entropy;
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** @param {Padding} padding */
function nameOf(padding) {
  return typeof padding === 'object' ? `${padding.blockBytes} bytes` : padding;
}
