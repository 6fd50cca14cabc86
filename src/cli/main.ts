#!/usr/bin/env node
/**
 * npx trpc-nen: keys, pins, error codes, and a look at a real server. The room on top: it may use all
 * others and Node itself, and nothing imports it. Exit codes: 0 all good, 1 a finding or failure, 2 usage.
 */
import { doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { fingerprint } from './fingerprint.ts';
import { keygen } from './keygen.ts';
import { type Command, UsageError } from './usage.ts';

const USAGE = `trpc-nen: end-to-end encryption for tRPC

  trpc-nen keygen [--identity] [--store]
      new keys as lines for .env.local: the server's identity and its pin, and a store key
  trpc-nen fingerprint
      the pin of a seed, which is read from NEN_IDENTITY, or else from standard input
  trpc-nen explain ISO-3002
      what an error code means, and what to do
  trpc-nen doctor <url> [--nen-url <url>] [--pin <pin>]... [--suite <name>]
      handshakes with a server and looks for what on the way breaks the seal
`;

const COMMANDS: { readonly [name: string]: Command | undefined } = Object.assign(Object.create(null), {
  keygen,
  fingerprint,
  explain,
  doctor,
} satisfies Record<string, Command>);

async function main([name = '', ...args]: readonly string[]): Promise<number> {
  if ([name, ...args].some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    const command = COMMANDS[name];
    if (command === undefined) throw new UsageError(name === '' ? 'name a command' : 'no such command');
    return await command(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`trpc-nen: ${error.message}\n\n${USAGE}`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
