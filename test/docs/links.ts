/** The links of a page to files of this repository, and to headings. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Targets that don't exist, seen from the folder in which the page lies. */
export function missingLinks(markdown: string, folder: string): string[] {
  const targets = [...markdown.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !existsSync(join(folder, target)));
}

/** As GitHub makes anchors of headings. */
export function anchorsOf(file: string): string[] {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
