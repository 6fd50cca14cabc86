/** The example as an app of one of Next's majors, in a folder of its own, with the packed package in it. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { folderOf } from './example.mjs';

/**
 * @typedef {object} Major
 * @property {string} name
 * @property {Readonly<Record<string, string>>} versions what takes the place of the example's own
 * @property {Readonly<Record<string, string>>} files what is added to the example, or takes its files' place
 * @property {readonly string[]} without what is left out of the example
 */

const EXAMPLE = folderOf('next-trpc');

/** Not the app's: what was installed or built, or belongs to one version or one server. */
const NOT_COPIED = new Set(['node_modules', '.next', 'next-env.d.ts', '.env.local', 'package-lock.json']);

/** A parameter, read as up to Next 14 and as from 15 on. */
const ITEM_ROUTE = `
  import { nen } from '@/lib/nen';
  export const POST = nen.withNen(async (_req, body, { params }) => ({
    atOnce: params.id,
    awaited: (await params).id,
    body,
  }));
`;

const SHARED = { 'app/api/items/[id]/route.ts': ITEM_ROUTE };

/** The page needs React 19, which Next 14 doesn't take. Its server is the same to the last byte. */
const PLAIN_PAGE = {
  'next.config.mjs': 'export default { poweredByHeader: false };',
  'app/layout.tsx': `
    import type { ReactNode } from 'react';
    export default function Layout({ children }: { children: ReactNode }) {
      return <html lang="en"><body>{children}</body></html>;
    }
  `,
  'app/page.tsx': 'export default function Page() { return <main>Linden Clinic</main>; }',
};
const PAGE = ['app', 'components', 'trpc', 'wire', 'lib/session.ts', 'next.config.ts'];

/**
 * A version that isn't named is the example's own. TypeScript 6 refuses to import CSS with the types of older Nexts.
 * @type {Readonly<Record<string, Major>>}
 */
export const MAJORS = {
  14: {
    name: 'Next 14',
    versions: {
      next: '14.2.35',
      react: '18.3.1',
      'react-dom': '18.3.1',
      '@types/react': '18.3.12',
      '@types/react-dom': '18.3.1',
      typescript: '5.9.3',
    },
    files: { ...SHARED, ...PLAIN_PAGE },
    without: PAGE,
  },
  15: {
    name: 'Next 15',
    versions: { next: '15.5.29', typescript: '5.9.3' },
    files: SHARED,
    without: [],
  },
  16: { name: 'Next 16', versions: {}, files: SHARED, without: [] },
};

/**
 * @param {string} folder which is made
 * @param {Major} major
 * @param {string} tarball the packed package
 */
export function writeApp(folder, { versions, files, without }, tarball) {
  const copied = (/** @type {string} */ source) =>
    !NOT_COPIED.has(source.slice(EXAMPLE.length + 1)) && !source.endsWith('.tsbuildinfo');
  cpSync(EXAMPLE, folder, { recursive: true, filter: copied });
  for (const path of without) rmSync(join(folder, path), { recursive: true });
  // Its route handlers are what all of this is about: those are always the example's.
  cpSync(join(EXAMPLE, 'app', 'api'), join(folder, 'app', 'api'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const file = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  manifest.dependencies['trpc-nen'] = `file:${tarball}`;
  for (const [name, version] of Object.entries(versions)) {
    const group = name in manifest.dependencies ? manifest.dependencies : manifest.devDependencies;
    group[name] = version;
  }
  writeFileSync(file, JSON.stringify(manifest, undefined, 2));
}
