/**
 * Loaded before everything else by --import: writes down every attempt to reach somebody, whether it succeeds
 * or not, as one line of JSON in the file that NEN_CONNECTIONS names.
 */
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isIP, Socket } from 'node:net';

const file = process.env.NEN_CONNECTIONS ?? '';

/**
 * @param {string} kind
 * @param {string} target
 */
function note(kind, target) {
  // Nobody is asked for an address that is known, as that of `listen`.
  if (kind === 'lookup' && isIP(target) !== 0) return;
  appendFileSync(file, `${JSON.stringify({ kind, target })}\n`);
}

/**
 * @param {any} owner
 * @param {string} name
 * @param {(...args: any[]) => string} targetOf
 */
function watch(owner, name, targetOf) {
  const original = owner[name];
  owner[name] = /** @this {unknown} @param {any[]} args */ function (...args) {
    note(name, targetOf(...args));
    return Reflect.apply(original, this, args);
  };
}

// TCP, TLS, HTTP, HTTP/2 and fetch all come through here: with options, a port and a host, or a path.
watch(Socket.prototype, 'connect', (first, second) => {
  const options = Array.isArray(first) ? first[0] : first;
  if (typeof options !== 'object') return `${typeof second === 'string' ? second : 'localhost'}:${options}`;
  return options.path ?? `${options.host ?? 'localhost'}:${options.port}`;
});
for (const owner of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
  for (const name of Object.getOwnPropertyNames(owner)) {
    if (/^(lookup|resolve|reverse)/.test(name)) watch(owner, name, String);
  }
}
watch(dgram.Socket.prototype, 'send', (...args) => String(args.findLast((arg) => typeof arg === 'string')));
for (const name of ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execSync', 'execFileSync']) {
  watch(childProcess, name, String);
}
const { fetch } = globalThis;
globalThis.fetch = (
  /** @type {string | URL | Request} */ input,
  /** @type {RequestInit | undefined} */ init,
) => {
  note('fetch', new URL(input instanceof Request ? input.url : input).origin);
  return fetch(input, init);
};
syncBuiltinESMExports();
