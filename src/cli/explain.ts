/** trpc-nen explain: an error code, in words. */
import { describeNenCode } from '../protocol/catalogue.ts';
import { isNenErrorCode } from '../protocol/errors.ts';
import { readArguments, UsageError } from './usage.ts';

export async function explain(args: readonly string[]): Promise<number> {
  const { positionals } = readArguments(args, {});
  const [given = ''] = positionals;
  const code = `ISO-${given.replace(/^iso-/i, '')}`;
  if (positionals.length !== 1 || !isNenErrorCode(code)) throw new UsageError('name a code such as ISO-3002');
  const { title, message, form, cause, fix, ran } = describeNenCode(code);
  const lines = [
    `${code}  ${title}`,
    `"${message}" (${form})`,
    '',
    `Cause:             ${cause}`,
    `What to do:        ${fix}`,
    `Did the call run?  ${ran}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
