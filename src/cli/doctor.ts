/**
 * trpc-nen doctor: handshakes with a real server as a client would, and says what is in order, and what on
 * the way breaks the seal. Needs no more of the server than `nen.routes`.
 */
import { DEFAULT_SUITE, isSuiteName } from '../crypto/suite.ts';
import { isPin } from '../protocol/identity.ts';
import { examine } from './doctor/examine.ts';
import { Patient } from './doctor/patient.ts';
import { readArguments, UsageError } from './usage.ts';

const SUBJECT_COLUMN = 14;
const MARKS = { ok: 'ok   ', note: 'note ', found: 'FOUND' } as const;

export async function doctor(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    'nen-url': { type: 'string' },
    pin: { type: 'string', multiple: true },
    suite: { type: 'string' },
  });
  const [address = ''] = positionals;
  if (positionals.length !== 1) throw new UsageError('name one address, such as https://app.example');
  const url = httpUrl(address);
  const nenUrl = values['nen-url'] === undefined ? `${url}/api/nen` : httpUrl(values['nen-url']);
  const suite = values.suite ?? DEFAULT_SUITE;
  if (!isSuiteName(suite)) throw new UsageError("--suite: 'ML-KEM-768' or 'X-Wing'");
  const pins = values.pin?.flatMap((list) => list.split(','));
  if (pins?.every(isPin) === false) throw new UsageError('--pin: 43 characters of base64url');

  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`${nenUrl}, as a client of ${new URL(url).origin}`);
  let findings = 0;
  for await (const { mark, subject, text, todo } of examine(new Patient({ url, nenUrl, suite }), pins)) {
    if (mark === 'found') findings++;
    print(`  ${MARKS[mark]}  ${subject.padEnd(SUBJECT_COLUMN)} ${text}`);
    if (todo !== undefined) print(`${' '.repeat(SUBJECT_COLUMN + 10)}-> ${todo}`);
  }
  print(findings === 0 ? 'nothing found' : `${findings} ${findings === 1 ? 'finding' : 'findings'}`);
  return findings === 0 ? 0 : 1;
}

/** Without what a path can't be appended to. @throws {UsageError} */
function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username + url.password + url.search !== '')
    throw new UsageError('an address begins with https:// or http:// and has neither user nor query');
  return url.origin + url.pathname.replace(/\/+$/, '');
}
