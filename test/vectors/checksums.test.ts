/** The vectors are the published ones: every file has the hash that SHA256SUMS gives it, and none is missing. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { bytesToUtf8 } from '../../src/crypto/bytes.ts';
import { hex, implementations } from '../crypto/implementations.ts';
import { describeVectors, folder, readVectors } from './vectors.ts';

/** SOURCE.md tells where the files come from: prose, which may be corrected. */
const isData = ({ path }: { path: string }): boolean => path !== 'SOURCE.md';

describeVectors('the vectors themselves', () => {
  it.each(implementations)('have the hashes of SHA256SUMS, by the SHA-256 of $name', ({ sha256 }) => {
    const listed = bytesToUtf8(readVectors('SHA256SUMS'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({ hash: line.slice(0, 64), path: line.slice(66).replace(/^\.\//, '') }))
      .filter(isData);
    expect(listed.length).toBe(23);
    for (const { hash, path } of listed)
      expect(`${hex(sha256(readVectors(path)))} ${path}`).toBe(`${hash} ${path}`);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'SHA256SUMS')
      .map((entry) => ({ path: relative(folder, join(entry.parentPath, entry.name)) }))
      .filter(isData)
      .map(({ path }) => path);
    expect(files.sort()).toEqual(listed.map(({ path }) => path).sort());
  });
});
