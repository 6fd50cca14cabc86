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
    return parseArgs({ args: joinValues(args, options), options, allowPositionals: true });
  } catch {
    const names = Object.keys(options).map((name) => `--${name}`);
    throw new UsageError(names.length > 0 ? `its options are ${names.join(', ')}` : 'it has no options');
  }
}

/** `--pin x` as `--pin=x`: parseArgs takes no value by itself that begins with a dash, as one pin in 64 does. */
function joinValues(args: readonly string[], options: Options): string[] {
  const rest = [...args];
  const joined: string[] = [];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const takesValue = arg.startsWith('--') && options[arg.slice(2)]?.type === 'string';
    const value = takesValue ? rest.shift() : undefined;
    joined.push(value === undefined ? arg : `${arg}=${value}`);
  }
  return joined;
}
