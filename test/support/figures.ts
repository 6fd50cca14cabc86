/** The figures of the long tests: printed as they come, and collected for the table at the end. */
import { appendFileSync } from 'node:fs';

/** One row of the table. */
export interface Row {
  /** 'T6'. */
  readonly target: string;
  /** What the figures are held against. */
  readonly aim: string;
  readonly done: string;
  readonly figures: string;
}

export function report({ target, aim, done, figures }: Row): void {
  console.log(`${target}: ${done}: ${figures} (aim: ${aim})`);
  const file = process.env.NEN_FIGURES;
  if (file) appendFileSync(file, `${JSON.stringify([target, done, aim, figures])}\n`);
}

/** The value that a share of all values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
