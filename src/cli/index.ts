#!/usr/bin/env node
/** The command `trpc-nen`: makes keys. Prints them to standard output and nothing else there. */
import { storeKeyLine } from './keygen.ts';

const USAGE = `Usage:
  trpc-nen keygen --store    a key that seals session records in Redis and Upstash (NEN_STORE_KEYS)
`;

const [command, option, ...rest] = process.argv.slice(2);
if (command === 'keygen' && option === '--store' && rest.length === 0) {
  process.stdout.write(`${storeKeyLine()}\n`);
} else {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}
