/** The two ways to set a server and a client up that are looked at: all from the environment, and all from options. */
import { randomBytes } from 'node:crypto';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { pinOfSeed } from '../../src/cli/fingerprint.ts';
import type { Needle } from './scanner.ts';
import { type Settings, writeSettings } from './settings.ts';

export interface Place {
  readonly url: string;
  readonly providerUrl: string;
  readonly providerKey: string;
  readonly redisUrl: string;
}

export interface Configuration {
  readonly title: string;
  /** Of the canaries. */
  readonly seed: string;
  /** A user of Redis that the server logs in as. */
  readonly redisPassword: string;
  serverEnvironment(place: Omit<Place, 'url'>): Promise<NodeJS.ProcessEnv>;
  clientEnvironment(place: Place): Promise<NodeJS.ProcessEnv>;
  /** What both processes were given and keep for as long as they live. */
  readonly given: readonly Needle[];
  /** Kinds of what others print when they are told to. */
  readonly printed: readonly string[];
}

const SEED_BYTES = 32;
/** Of an ML-DSA-65 private key: K, and the two secret vectors (FIPS 204, algorithm 24). All else can be public. */
const DSA_SECRETS = [
  [32, 64],
  [128, 128 + 11 * 128],
] as const;

const draw = (): string => randomBytes(SEED_BYTES).toString('base64');

function seedNeedles(kind: string, seed: string): readonly Needle[] {
  const bytes = Buffer.from(seed, 'base64');
  const expanded = Buffer.from(ml_dsa65.keygen(bytes).secretKey);
  return [bytes, ...DSA_SECRETS.map(([from, to]) => expanded.subarray(from, to))].map((needle) => ({
    kind,
    bytes: needle,
  }));
}

/** Variables alone, the log that one gets, and the defaults of the client. */
export function fromEnvironment(): Configuration {
  const [seed, redisPassword, serverSeed, storeKey] = [
    draw(),
    randomBytes(16).toString('hex'),
    draw(),
    draw(),
  ];
  return {
    title: 'all from the environment, in production',
    seed,
    redisPassword,
    async serverEnvironment({ redisUrl, providerUrl, providerKey }) {
      return {
        ...writeSettings({ seed, providerUrl, providerKey }),
        NODE_ENV: 'production',
        REDIS_URL: redisUrl,
        NEN_IDENTITY: serverSeed,
        NEN_STORE_KEYS: storeKey,
      };
    },
    clientEnvironment: async ({ url }) => ({
      ...writeSettings({
        ...{ seed, url, encoding: 'json', suite: 'ML-KEM-768' },
        serverPin: await pinOfSeed(serverSeed),
      }),
      NODE_ENV: 'production',
    }),
    given: [
      ...seedNeedles('server identity', serverSeed),
      { kind: 'store key', bytes: Buffer.from(storeKey, 'base64') },
      { kind: 'redis password', bytes: Buffer.from(redisPassword) },
    ],
    printed: [],
  };
}

/** What Node and ioredis can be told to say of what they do. */
const TALKATIVE = { NODE_DEBUG: 'http,fetch,undici', DEBUG: 'ioredis:*' };

/** Options, a log of every event, the debugging of all others switched on, and a client with an identity. */
export function fromOptions(): Configuration {
  const [seed, redisPassword, serverSeed, clientSeed] = [
    draw(),
    randomBytes(16).toString('hex'),
    draw(),
    draw(),
  ];
  return {
    title: 'all from options, with debugging switched on',
    seed,
    redisPassword,
    serverEnvironment: async ({ redisUrl, providerUrl, providerKey }) => ({
      ...writeSettings({ seed, providerUrl, providerKey, redisUrl, serverSeed }),
      ...TALKATIVE,
    }),
    clientEnvironment: async ({ url }) => ({
      ...writeSettings({
        ...{ seed, url, clientSeed, encoding: 'octets', suite: 'X-Wing' },
        serverPin: await pinOfSeed(serverSeed),
      } satisfies Partial<Settings>),
      ...TALKATIVE,
    }),
    given: [
      ...seedNeedles('server identity', serverSeed),
      ...seedNeedles('client identity', clientSeed),
      { kind: 'redis password', bytes: Buffer.from(redisPassword) },
    ],
    // ioredis says how it logs in.
    printed: ['redis password'],
  };
}
