/** Fails when a lock file names the registry that it was made with: it must work with any. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folders = ['.', ...readdirSync('examples').map((name) => `examples/${name}`)];
const lockFiles = folders.map((folder) => `${folder}/package-lock.json`).filter(existsSync);
const naming = lockFiles.filter((file) => /"resolved": "https?:/.test(readFileSync(file, 'utf8')));
for (const file of naming)
  console.error(`${file} names a registry: see omit-lockfile-registry-resolved in .npmrc`);
process.exitCode = naming.length;
