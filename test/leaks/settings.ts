/** How the two processes of a leak test are set up: what the test tells them when it starts them. */
import type { Encoding } from '../../src/protocol/envelope.ts';

export interface Settings {
  /** Of the canaries. */
  readonly seed: string;
  readonly url: string;
  readonly providerUrl: string;
  readonly providerKey: string;
  readonly serverPin: string;
  readonly encoding: Encoding;
  readonly suite: 'ML-KEM-768' | 'X-Wing';
  /** The client's ML-DSA-65 seed as base64; without one it is nobody in particular. */
  readonly clientSeed?: string;
  /** The server's, where it isn't in the environment. */
  readonly serverSeed?: string;
  readonly redisUrl?: string;
}

const VARIABLE = 'NEN_LEAKS_SETTINGS';

export function writeSettings(settings: Partial<Settings>): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(settings) };
}

/** Takes them out of the environment: what was read is not to be found there. */
export function readSettings(): Settings {
  const settings = JSON.parse(process.env[VARIABLE] ?? '{}') as Settings;
  delete process.env[VARIABLE];
  return settings;
}
