/** docs/faq.md: what it links to exists, headings too, and each question has an answer. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './app-folder.ts';
import { anchorsOf } from './links.ts';

const page = readFileSync(join(root, 'docs/faq.md'), 'utf8');
const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)/g)];

describe('docs/faq.md', () => {
  it.each(links.map(([, target = '', anchor]) => [target, anchor] as const))(
    'links to %s %s',
    (target, anchor) => {
      const file = join(root, 'docs', target);
      expect(existsSync(file)).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
    },
  );

  it('answers each question', () => {
    const paragraphs = page.split('\n\n').filter((paragraph) => paragraph.startsWith('**'));
    expect(paragraphs.length).toBeGreaterThan(20);
    for (const paragraph of paragraphs) expect(paragraph).toMatch(/^\*\*[^*]+[?.]\*\*\n\S.{20,}/);
  });
});
