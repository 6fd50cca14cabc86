/**
 * The package as a user gets it: packed, installed into an empty project, every entry imported in plain
 * Node, first without the optional peers and then with them.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const entries = Object.keys(manifest.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => entry.replace('.', 'trpc-nen'));

const PEERS = ['@trpc/client', '@trpc/server', 'openai', '@anthropic-ai/sdk'];

/** The peer without which an entry is of no use. Every other entry runs without any. */
function peerOf(entry: string): string | undefined {
  if (entry === 'trpc-nen/link') return '@trpc/client';
  if (entry.startsWith('trpc-nen/adapter')) return '@trpc/server';
  return undefined;
}

const exec = promisify(execFile);
let folder = '';
let tarball = '';
let packedFiles: readonly string[] = [];

async function npm(cwd: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await exec('npm', [...args], { cwd, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** An empty project with the package and the named others in it. */
async function project(name: string, others: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'package.json'), '{ "private": true, "type": "module" }\n');
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--omit=peer'];
  await npm(path, 'install', ...flags, tarball, ...others);
  return path;
}

/**
 * Runs a script in a process of its own, which must end by itself: an import that left a timer or a
 * socket behind would keep it.
 */
async function node(cwd: string, type: 'module' | 'commonjs', source: string): Promise<unknown> {
  const args = [`--input-type=${type}`, '--no-warnings', '--eval', source];
  const { stdout } = await exec(process.execPath, args, { cwd, timeout: 30_000 });
  return JSON.parse(stdout);
}

/** What an import gives, and what it left on globalThis. Node loads its fetch when it is first named. */
const imports = (entry: string): string => `
  void Response;
  const before = new Set(Reflect.ownKeys(globalThis));
  const names = Object.keys(await import(${JSON.stringify(entry)}));
  const left = Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String);
  console.log(JSON.stringify({ names, left }));
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nen-packed-'));
  const packed = JSON.parse(await npm(root, 'pack', '--json', '--pack-destination', folder)) as [
    { filename: string; files: readonly { path: string }[] },
  ];
  tarball = join(folder, packed[0].filename);
  packedFiles = packed[0].files.map(({ path }) => path);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('packs what was built, its documents and nothing else', () => {
  const documents = ['package.json', 'README.md', 'LICENSE', 'PROTOCOL.md', 'SECURITY.md', 'CHANGELOG.md'];
  const others = packedFiles.filter((path) => !path.startsWith('dist/') && !/^docs\/[a-z-]+\.md$/.test(path));
  expect(others.sort()).toEqual(documents.sort());
});

describe('in an empty project, without the optional peers', () => {
  let path = '';
  beforeAll(async () => {
    path = await project('bare', []);
  });

  it.each(entries.filter((entry) => !peerOf(entry)))('imports %s, without side effects', async (entry) => {
    expect(await node(path, 'module', imports(entry))).toEqual({ names: expect.anything(), left: [] });
  });

  it('has the command trpc-nen', async () => {
    const command = join(path, 'node_modules', '.bin', 'trpc-nen');
    const { stdout } = await exec(command, ['explain', 'ISO-3002']);
    expect(stdout).toContain('Signature invalid');
    expect((await exec(command, ['keygen'])).stdout).toMatch(/^NEN_IDENTITY=.{44}$/m);
  });

  it.each(entries.filter(peerOf))('says which package %s needs', async (entry) => {
    await expect(node(path, 'module', imports(entry))).rejects.toThrow(
      `Cannot find package '${peerOf(entry)}'`,
    );
  });
});

describe('in a project with the optional peers', () => {
  let path = '';
  beforeAll(async () => {
    const pinned = PEERS.map((peer) => `${peer}@${manifest.devDependencies[peer] ?? 'latest'}`);
    path = await project('full', pinned);
  });

  it.each(entries)('imports %s, without side effects', async (entry) => {
    const { names, left } = (await node(path, 'module', imports(entry))) as Record<string, string[]>;
    expect(names).not.toEqual([]);
    expect(left).toEqual([]);
  });

  it.each(entries)('requires %s from CommonJS', async (entry) => {
    const source = `console.log(JSON.stringify(Object.keys(require(${JSON.stringify(entry)}))))`;
    expect(await node(path, 'commonjs', source)).not.toEqual([]);
  });

  it("needs no types but the platform's and tRPC's", async () => {
    const compilerOptions = {
      ...{ module: 'NodeNext', target: 'ES2023', strict: true, noEmit: true, skipLibCheck: false },
      ...{ types: [], lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'] },
    };
    await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['all.ts'] }));
    await writeFile(join(path, 'all.ts'), entries.map((entry) => `import '${entry}';\n`).join(''));
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const report = await exec(process.execPath, [tsc, '-p', path], { cwd: path }).then(
      () => '',
      (failed: { stdout?: string }) => failed.stdout ?? 'tsc did not run',
    );
    expect(report.split('\n').filter((line) => /^(all\.ts|node_modules\/trpc-nen)/.test(line))).toEqual([]);
  });

  it('runs trpc-nen/ai without one of the SDKs, and says which one is missing', async () => {
    await rm(join(path, 'node_modules', '@anthropic-ai'), { recursive: true });
    // A server that is not there.
    const outcomeOf = (call: string): string => `
      import { createSecureAnthropic, createSecureOpenAI, nenErrorOf } from 'trpc-nen/ai';
      const options = { baseUrl: 'http://127.0.0.1:1', sdk: { maxRetries: 0 } };
      const outcome = await ${call}.catch((error) => nenErrorOf(error)?.code ?? String(error));
      console.log(JSON.stringify(outcome));
    `;
    const openai = outcomeOf('createSecureOpenAI(options).models.list()');
    expect(await node(path, 'module', openai)).toBe('ISO-1007');
    const anthropic = outcomeOf('createSecureAnthropic(options).models.list()');
    expect(await node(path, 'module', anthropic)).toContain('npm install @anthropic-ai/sdk');
  });
});
