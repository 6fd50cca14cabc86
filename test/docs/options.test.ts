/** docs/options.md, compared with the types: it has each option, event and member, and none that there isn't. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from './app-folder.ts';
import { anchorsOf, missingLinks } from './links.ts';

const page = readFileSync(join(root, 'docs/options.md'), 'utf8');

const ENTRIES = [
  'adapter/index.ts',
  'session/index.ts',
  'session/testing.ts',
  'link/index.ts',
  'ai/index.ts',
];
const ENTRY_FILES = [...ENTRIES, 'ai/server/index.ts'].map((entry) => join(root, 'src', entry));

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  root,
);
const program = ts.createProgram(ENTRY_FILES, { ...options, noEmit: true });
const checker = program.getTypeChecker();

const exported = new Map(
  ENTRY_FILES.flatMap((file) => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    return module === undefined ? [] : checker.getExportsOfModule(module);
  }).map((symbol) => [symbol.name, symbol]),
);

/** The public members of an exported type. */
function membersOf(name: string): string[] {
  const symbol = exported.get(name);
  if (symbol === undefined) throw new Error(`${name} is not exported`);
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  const type = checker.getDeclaredTypeOfSymbol(isAlias ? checker.getAliasedSymbol(symbol) : symbol);
  return type.getProperties().flatMap(({ name: member }) => (/^\w+$/.test(member) ? member : []));
}

/** What the first cells of the table under a heading name. */
function rowsUnder(heading: string): string[] {
  const section = page.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`no heading ${heading}`);
  const cells = [...section.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)[^`]*`/g)].map(([, name = '']) => name));
}

const OF_A_CLIENT = membersOf('NenClientOptions');

interface Table {
  readonly heading: string;
  readonly type: string;
  /** What another section has, to which this one leads. */
  readonly elsewhere?: readonly string[];
}

const TABLES: readonly Table[] = [
  { heading: 'createNen', type: 'NenOptions' },
  { heading: 'cors', type: 'CorsOptions' },
  { heading: 'tokenBucket', type: 'TokenBucketOptions' },
  { heading: 'What createNen gives', type: 'Nen' },
  { heading: 'A session', type: 'NenSession' },
  { heading: 'nen.wrap and nen.node', type: 'WrapOptions' },
  { heading: 'withNen and withNenStream', type: 'ValidatedOptions' },
  { heading: 'nenLink', type: 'NenLinkOptions', elsewhere: OF_A_CLIENT },
  { heading: 'NenClient', type: 'NenClientOptions' },
  { heading: 'What a client has', type: 'NenClient' },
  {
    heading: 'createSecureOpenAI and createSecureAnthropic',
    type: 'SecureSDKOptions',
    elsewhere: OF_A_CLIENT,
  },
  { heading: 'withSecureAI', type: 'SecureAIOptions' },
  { heading: 'InMemorySessionStore', type: 'InMemorySessionStoreOptions' },
  { heading: 'RedisSessionStore', type: 'RedisSessionStoreOptions' },
  { heading: 'UpstashSessionStore', type: 'UpstashSessionStoreOptions' },
  { heading: 'A store of your own', type: 'SessionStoreTestOptions' },
];

/** Parts of those above, or of what an application is given and doesn't give. */
const NO_OPTIONS_OF_THEIR_OWN = [
  ...['ShapingOptions', 'WithNenOptions', 'IdentityOptions', 'ScriptStoreOptions'],
  ...['SecureOpenAIOptions', 'SecureAnthropicOptions', 'OpenAIOptions', 'AnthropicOptions'],
  ...['HeadersOptions', 'ClaimOptions', 'NenErrorOptions'],
];

describe('docs/options.md', () => {
  it.each(TABLES)('has under $heading what $type has', ({ heading, type, elsewhere = [] }) => {
    const members = membersOf(type).filter((member) => !elsewhere.includes(member));
    expect(members.length).toBeGreaterThan(1);
    expect(rowsUnder(heading).sort()).toEqual(members.sort());
  });

  it('has every type of option that the entries export', () => {
    const known = [...TABLES.map(({ type }) => type), ...NO_OPTIONS_OF_THEIR_OWN];
    const types = [...exported.keys()].filter((name) => name.endsWith('Options'));
    expect(types.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('has every event with its fields', () => {
    const events = [...exported.keys()].filter((name) => name.endsWith('Event') && name !== 'NenEvent');
    const rows = [...page.matchAll(/^\| `[a-z-]+` \| (`\w+`(?:, `\w+`)+) \|/gm)].map(
      ([, fields = '']) => fields,
    );
    const fieldsOf = (event: string): string =>
      membersOf(event)
        .filter((field) => field !== 'type')
        .map((field) => `\`${field}\``)
        .join(', ');
    expect(rows.sort()).toEqual(events.map(fieldsOf).sort());
  });

  it('links to files and headings that exist', () => {
    expect(missingLinks(page, join(root, 'docs'))).toEqual([]);
    const anchors = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(anchors.length).toBeGreaterThan(10);
    for (const anchor of anchors) expect(anchorsOf(join(root, 'docs/options.md'))).toContain(anchor);
  });
});
