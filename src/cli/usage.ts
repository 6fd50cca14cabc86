/** What a command is, and how its arguments are read. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** @returns the exit code. */
export type Command = (args: readonly string[]) => Promise<number>;

/** A command that was called in a way that it doesn't know: exit code 2. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * parseArgs, whose complaints become a {@link UsageError} that repeats no value: one could be a secret.
 * @throws {UsageError}
 */
export function readArguments<const T extends Options>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch {
    const names = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(names.length > 0 ? `its options are ${names.join(', ')}` : 'it has no options');
  }
}
