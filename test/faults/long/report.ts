/** The figures of the long fault tests: printed as they come, and collected for the table at the end. */
import { appendFileSync } from 'node:fs';

/** One row of the table. */
export function report(target: string, what: string, figures: string): void {
  console.log(`${target}: ${what}: ${figures}`);
  const file = process.env.NEN_FAULTS_REPORT;
  if (file) appendFileSync(file, `${JSON.stringify([target, what, figures])}\n`);
}
