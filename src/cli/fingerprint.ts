/**
 * trpc-nen fingerprint: the pin of a server identity. The seed comes from NEN_IDENTITY or on standard
 * input, never as an argument: those stand in the shell's history and in the list of processes.
 */
import { text } from 'node:stream/consumers';
import { readServerIdentity } from '../adapter/server-identity.ts';
import { primitives } from '../crypto/select.ts';
import { encodePin, identityDigest } from '../protocol/identity.ts';
import { readArguments, UsageError } from './usage.ts';

export async function fingerprint(args: readonly string[]): Promise<number> {
  if (readArguments(args, {}).positionals.length > 0) {
    throw new UsageError(
      'the seed is a secret and no argument: set NEN_IDENTITY, or send it to standard input',
    );
  }
  const seed = process.env.NEN_IDENTITY || (await seedFromInput());
  try {
    process.stdout.write(`${await pinOfSeed(seed)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write('trpc-nen: that is no seed of 32 bytes as base64\n');
    return 1;
  }
}

/** @throws {TypeError} for anything but a seed. */
export async function pinOfSeed(seed: string): Promise<string> {
  const signer = await readServerIdentity(seed)?.();
  if (signer === undefined) throw new TypeError('no seed');
  return encodePin(identityDigest(primitives(), signer.publicKey));
}

/** The seed alone, or an environment file with a line of it: the last one counts, as for those who read such files. */
async function seedFromInput(): Promise<string> {
  if (process.stdin.isTTY) throw new UsageError('set NEN_IDENTITY, or send the seed to standard input');
  const input = await text(process.stdin);
  const lines = [...input.matchAll(/^\s*(?:export\s+)?NEN_IDENTITY\s*=\s*["']?([^"'\s]*)["']?\s*$/gm)];
  return lines.at(-1)?.[1] ?? input.trim();
}
