/**
 * The catalogue is what people read when something fails: it must be complete, agree with the wire, and
 * stay out of the bundle of a page that never asks for it.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { describeNenCode as fromServer } from '../../src/adapter/server.ts';
import { describeNenCode as fromClient } from '../../src/link/client/index.ts';
import { describeNenCode } from '../../src/protocol/catalogue.ts';
import { isNenErrorCode, WIRE_ERRORS } from '../../src/protocol/errors.ts';

const codes = Object.keys(WIRE_ERRORS).filter(isNenErrorCode);

describe('describeNenCode', () => {
  it.each(codes)('explains %s: title, cause, fix, and whether the call ran', (code) => {
    const { title, form, cause, fix, ran, ...wire } = describeNenCode(code);
    const { status, message } = WIRE_ERRORS[code];
    expect(wire).toEqual({ code, message, status });
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(form).toMatch(/^(?:HTTP status|raised by|always sealed|in the)/);
    for (const sentence of [cause, fix, ran]) expect(sentence).toMatch(/^[A-Z].{10,}\.$/s);
  });

  it('gives every code a title of its own', () => {
    expect(new Set(codes.map((code) => describeNenCode(code).title)).size).toBe(codes.length);
  });

  it('says the same from both sides', () => {
    expect(fromServer).toBe(describeNenCode);
    expect(fromClient).toBe(describeNenCode);
  });

  it.each(['adapter/server.ts', 'link/client/index.ts'])('is part of %s', async (entry) => {
    expect(await filesOf(entry)).toContain('src/protocol/catalogue.ts');
  });

  it('is no part of the link: a page doesn’t load what it never shows', async () => {
    expect(await filesOf('link/index.ts')).not.toContain('src/protocol/catalogue.ts');
  });
});

/** Every file that an entry can reach. */
async function filesOf(entry: string): Promise<string[]> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { metafile } = await build({
    entryPoints: [`src/${entry}`],
    absWorkingDir: root,
    bundle: true,
    packages: 'external',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  return Object.keys(metafile.inputs);
}
