/** The links of a page to files of this repository. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Targets that don't exist, seen from the folder in which the page lies. */
export function missingLinks(markdown: string, folder: string): string[] {
  const targets = [...markdown.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !existsSync(join(folder, target)));
}
