/**
 * trpc-nen keygen: new keys, as lines for an environment file. The seed of the server's identity, its pin
 * for the clients, and a key that seals sessions in a store outside the process.
 */
import { KEY_BYTES } from '../crypto/aead-sizes.ts';
import { base64Encode } from '../crypto/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { ML_DSA_65_SEED_BYTES } from '../crypto/signature.ts';
import { pinOfSeed } from './fingerprint.ts';
import { readArguments, UsageError } from './usage.ts';

export async function keygen(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    identity: { type: 'boolean' },
    store: { type: 'boolean' },
  });
  if (positionals.length > 0) throw new UsageError('keygen makes keys, it takes none');
  const both = values.identity !== true && values.store !== true;
  // The empty line: whatever the file ended with, ours begin on a line of their own.
  const lines = [
    '',
    '# trpc-nen: secrets of the server; only what begins with NEXT_PUBLIC_ is for everybody',
  ];
  if (values.identity === true || both) lines.push(...(await identityLines()));
  if (values.store === true || both) lines.push(storeKeyLine());
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

async function identityLines(): Promise<string[]> {
  const seed = base64Encode(randomBytes(ML_DSA_65_SEED_BYTES));
  return [`NEN_IDENTITY=${seed}`, `NEXT_PUBLIC_NEN_PINS=${await pinOfSeed(seed)}`];
}

function storeKeyLine(): string {
  return `NEN_STORE_KEYS=${base64Encode(randomBytes(KEY_BYTES))}`;
}
