/**
 * The rules of the house (which room may import which, no cycles, no I/O or clock in the pure rooms)
 * are lint rules in biome.json and .oxlintrc.json. Here each one meets a file that breaks it, in a copy
 * of the house that lies in a temporary folder, so that a rule that stopped working is noticed.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const IMPORTS = 'lint/style/noRestrictedImports';
const GLOBALS = 'lint/style/noRestrictedGlobals';
const NODE = 'lint/correctness/noNodejsModules';
const CYCLE = 'lint/suspicious/noImportCycles';

/** Where the file lies, what it says, and the rule that must refuse it (none: it must pass). */
type Case = readonly [path: string, source: string, rule: string | undefined];

const uses = (from: string): string => `import { thing } from '${from}';\nexport const mine = thing;\n`;
const usesType = (from: string): string =>
  `import type { Thing } from '${from}';\nexport type Mine = Thing;\n`;
const value = (expression: string): string => `export const mine: unknown = ${expression};\n`;

const cases: readonly Case[] = [
  // Imports go down only.
  ['src/crypto/up-to-protocol.ts', uses('../protocol/thing.ts'), IMPORTS],
  ['src/crypto/up-to-session.ts', uses('../session/thing.ts'), IMPORTS],
  ['src/crypto/up-to-adapter.ts', uses('../adapter/thing.ts'), IMPORTS],
  ['src/crypto/up-to-link.ts', uses('../link/client/thing.ts'), IMPORTS],
  ['src/crypto/up-for-a-type.ts', usesType('../protocol/thing.ts'), IMPORTS],
  ['src/crypto/up-by-re-export.ts', `export * from '../protocol/thing.ts';\n`, IMPORTS],
  ['src/crypto/up-at-run-time.ts', value(`await import('../protocol/thing.ts')`), IMPORTS],
  ['src/crypto/beside.ts', uses('./thing.ts'), undefined],
  [
    'src/crypto/noble.ts',
    `import { sha256 } from '@noble/hashes/sha2.js';\nexport const mine = sha256;\n`,
    undefined,
  ],
  ['src/protocol/up-to-session.ts', uses('../session/thing.ts'), IMPORTS],
  ['src/protocol/up-to-adapter.ts', uses('../adapter/thing.ts'), IMPORTS],
  ['src/protocol/up-to-link.ts', uses('../link/thing.ts'), IMPORTS],
  ['src/protocol/up-to-ai.ts', uses('../ai/thing.ts'), IMPORTS],
  ['src/protocol/down.ts', uses('../crypto/thing.ts'), undefined],
  ['src/session/up-to-adapter.ts', uses('../adapter/thing.ts'), IMPORTS],
  ['src/session/up-to-link.ts', uses('../link/thing.ts'), IMPORTS],
  ['src/session/down.ts', uses('../protocol/thing.ts'), undefined],
  ['src/session/ground.ts', uses('../crypto/thing.ts'), undefined],
  ['src/adapter/up-to-ai.ts', uses('../ai/thing.ts'), IMPORTS],
  ['src/adapter/down.ts', uses('../session/thing.ts'), undefined],
  ['src/link/up-to-ai.ts', uses('../ai/thing.ts'), IMPORTS],
  ['src/link/down.ts', uses('../protocol/thing.ts'), undefined],
  // The second implementation shares nothing with this one.
  ['test/peer/to-the-code.ts', uses('../../src/protocol/thing.ts'), IMPORTS],
  ['test/peer/bugs/to-the-code.ts', uses('../../../src/protocol/thing.ts'), IMPORTS],
  ['test/peer/to-other-tests.ts', uses('../support/thing.ts'), undefined],
  // Neither side holds the other's code.
  ['src/adapter/to-the-client.ts', uses('../link/client/thing.ts'), IMPORTS],
  ['src/link/to-the-server.ts', uses('../adapter/thing.ts'), IMPORTS],
  ['src/link/to-the-stores.ts', uses('../session/thing.ts'), IMPORTS],
  ['src/link/client/to-the-server.ts', uses('../../adapter/thing.ts'), IMPORTS],
  ['src/link/client/to-the-stores.ts', uses('../../session/thing.ts'), IMPORTS],
  ['src/ai/to-the-server.ts', uses('../adapter/thing.ts'), IMPORTS],
  ['src/ai/to-its-server.ts', uses('./server/thing.ts'), IMPORTS],
  ['src/ai/server/to-the-client.ts', uses('../../link/thing.ts'), IMPORTS],
  ['src/ai/server/to-its-client.ts', uses('../thing.ts'), IMPORTS],
  ['src/ai/server/to-what-both-sides-hold.ts', uses('../default-endpoint.ts'), undefined],
  ['src/ai/default-endpoint.ts', uses('./thing.ts'), IMPORTS],
  ['src/ai/server/beside.ts', uses('./thing.ts'), undefined],
  ['src/ai/server/down.ts', uses('../../adapter/thing.ts'), undefined],
  ['src/ai/down.ts', uses('../link/client/thing.ts'), undefined],
  // The command line is the room on top: it alone may use Node's modules, and nothing stands on it.
  ...['crypto', 'protocol', 'session', 'adapter', 'link', 'ai'].flatMap((room): Case[] => [
    [`src/${room}/up-to-cli.ts`, uses('../cli/thing.ts'), IMPORTS],
    [`src/cli/down-to-${room}.ts`, uses(`../${room}/thing.ts`), undefined],
  ]),
  ['src/link/client/up-to-cli.ts', uses('../../cli/thing.ts'), IMPORTS],
  ['src/cli/node.ts', `import { parseArgs } from 'node:util';\nexport const mine = parseArgs;\n`, undefined],
  ['src/cli/trpc.ts', uses('@trpc/client'), IMPORTS],
  ['src/cli/itself.ts', uses('trpc-nen/client'), IMPORTS],
  ['src/cli/zod.ts', uses('zod'), IMPORTS],
  // tRPC is known to the link and the adapter only.
  ['src/crypto/trpc.ts', uses('@trpc/server'), IMPORTS],
  ['src/protocol/trpc.ts', uses('@trpc/server/http'), IMPORTS],
  ['src/session/trpc.ts', uses('@trpc/server'), IMPORTS],
  ['src/link/client/trpc.ts', uses('@trpc/client'), IMPORTS],
  ['src/link/client/trpc-type.ts', usesType('@trpc/client'), IMPORTS],
  ['src/link/client/up-to-the-link.ts', uses('../thing.ts'), IMPORTS],
  ['src/link/client/beside.ts', uses('./thing.ts'), undefined],
  ['src/link/client/down.ts', uses('../../protocol/thing.ts'), undefined],
  ['src/link/trpc.ts', uses('@trpc/client'), undefined],
  ['src/link/to-its-client.ts', uses('./client/thing.ts'), undefined],
  ['src/adapter/trpc.ts', usesType('@trpc/server'), undefined],
  // Things no room takes in.
  ...['crypto', 'protocol', 'session', 'adapter', 'link', 'link/client', 'ai', 'ai/server'].flatMap(
    (room): Case[] => [
      [
        `src/${room}/node-fs.ts`,
        `import { readFileSync } from 'node:fs';\nexport const mine = readFileSync;\n`,
        NODE,
      ],
      [
        `src/${room}/node-bare.ts`,
        `import { readFileSync } from 'fs';\nexport const mine = readFileSync;\n`,
        NODE,
      ],
      [`src/${room}/node-run-time.ts`, value(`await import('node:fs')`), NODE],
      [`src/${room}/itself.ts`, uses('trpc-nen/client'), IMPORTS],
      [`src/${room}/zod.ts`, uses('zod'), IMPORTS],
    ],
  ),
  // The pure rooms: no I/O, no clock, no environment.
  ...['crypto', 'protocol'].flatMap((room): Case[] => [
    [`src/${room}/fetches.ts`, value(`fetch('/')`), GLOBALS],
    [`src/${room}/dates.ts`, value('Date.now()'), GLOBALS],
    [`src/${room}/clocks.ts`, value('performance.now()'), GLOBALS],
    [`src/${room}/waits.ts`, value('setTimeout(() => {}, 1)'), GLOBALS],
    [`src/${room}/environment.ts`, value('process.env'), GLOBALS],
    [`src/${room}/randomness.ts`, value('crypto.getRandomValues(new Uint8Array(12))'), undefined],
  ]),
  ['src/protocol/by-the-back-door.ts', value('globalThis.fetch'), GLOBALS],
  ['src/crypto/by-the-back-door.ts', value('globalThis.fetch'), GLOBALS],
  // But for the one file that looks at the runtime.
  ['src/crypto/runtime.ts', value('globalThis.crypto'), undefined],
  ['src/crypto/node.ts', value(`process.getBuiltinModule('node:crypto')`), GLOBALS],
  ['src/crypto/select.ts', value(`Date.now()`), GLOBALS],
  ['src/adapter/clocks.ts', value('Date.now()'), undefined],
  ['src/link/client/fetches.ts', value(`fetch('/')`), undefined],
  // No cycles, no holes in the types.
  [
    'src/session/hen.ts',
    `import { egg } from './egg.ts';\nexport const hen = 1;\nexport const laid = egg;\n`,
    CYCLE,
  ],
  [
    'src/session/egg.ts',
    `import { hen } from './hen.ts';\nexport const egg = 1;\nexport const hatched = hen;\n`,
    CYCLE,
  ],
  ['src/session/any.ts', 'export const mine: any = 1;\n', 'lint/suspicious/noExplicitAny'],
  ['src/session/bang.ts', `export const mine = [1].at(0)!;\n`, 'lint/style/noNonNullAssertion'],
  ['src/session/unused.ts', `import { thing } from './thing.ts';\n`, 'lint/correctness/noUnusedImports'],
  [
    'test/only.test.ts',
    `import { it } from 'vitest';\nit.only('a', () => {});\n`,
    'lint/suspicious/noFocusedTests',
  ],
];

/** Everything the cases import, so that no import dangles. */
const rooms = ['crypto', 'protocol', 'session', 'adapter', 'link', 'link/client', 'ai', 'ai/server', 'cli'];

interface Diagnostic {
  readonly severity: string;
  readonly category: string;
  readonly location: { readonly path: string };
}

const run = promisify(execFile);
/** Both linters exit with 1 when they find something: that is what is asked of them here. */
async function output(bin: string, args: readonly string[], cwd: string): Promise<string> {
  const file = join(root, 'node_modules', '.bin', bin);
  const options = { cwd, maxBuffer: 64 * 1024 * 1024 };
  return run(file, args, options).then(
    ({ stdout }) => stdout,
    (failed: { stdout?: string }) => failed.stdout ?? '',
  );
}

describe('layer rules', () => {
  let house = '';
  let found: Map<string, string[]>;

  beforeAll(async () => {
    house = await mkdtemp(join(tmpdir(), 'nen-layers-'));
    const put = async (path: string, source: string): Promise<void> => {
      await mkdir(dirname(join(house, path)), { recursive: true });
      await writeFile(join(house, path), source);
    };
    await copyFile(join(root, 'biome.json'), join(house, 'biome.json'));
    for (const room of rooms) {
      await put(`src/${room}/thing.ts`, 'export const thing = 1;\nexport type Thing = 1;\n');
    }
    for (const [path, source] of cases) await put(path, source);
    const json = await output('biome', ['lint', '--reporter=json', '--max-diagnostics=none', '.'], house);
    const { diagnostics } = JSON.parse(json) as { diagnostics: readonly Diagnostic[] };
    found = new Map();
    for (const { severity, category, location } of diagnostics) {
      if (severity !== 'error') continue;
      found.set(location.path, [...(found.get(location.path) ?? []), category]);
    }
  });

  afterAll(async () => {
    await rm(house, { recursive: true, force: true });
  });

  it.each(cases.filter(([, , rule]) => rule))('refuses %s', (path, _source, rule) => {
    expect(found.get(path)).toContain(rule);
  });

  it.each(cases.filter(([, , rule]) => !rule))('lets %s pass', (path) => {
    expect(found.get(path) ?? []).toEqual([]);
  });

  it('refuses a promise nobody waits for and a type fetched by import()', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nen-types-'));
    try {
      await copyFile(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
      await writeFile(join(folder, 'tsconfig.json'), '{"compilerOptions":{"strict":true,"types":[]}}');
      await writeFile(join(folder, 'other.ts'), 'export type Thing = 1;\n');
      const source = [
        'export async function later(): Promise<void> {}',
        'export function floating(): void { later(); }',
        'export function misused(): void { [1].forEach(async () => { await later(); }); }',
        "export type Fetched = import('./other.ts').Thing;",
      ].join('\n');
      await writeFile(join(folder, 'wrong.ts'), source);
      const report = await output('oxlint', ['--type-aware', '--format=json', '.'], folder);
      expect(report).toContain('typescript(no-floating-promises)');
      expect(report).toContain('typescript(no-misused-promises)');
      expect(report).toContain('typescript(consistent-type-imports)');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
