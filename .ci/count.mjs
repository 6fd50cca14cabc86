/**
 * Prints "PASSED FAILED" for vitest's JSON reports, summed up. A test file that could not even be loaded has no
 * tests to count: it counts as one failure. No report is no tests; the exit code
 * of what should have made it tells that.
 */
import { existsSync, readFileSync } from 'node:fs';

/**
 * @typedef {{ status: string, assertionResults: readonly unknown[] }} TestFile
 * @typedef {{ numPassedTests: number, numFailedTests: number, testResults: readonly TestFile[] }} Report
 */

let [passed, failed] = [0, 0];
for (const file of process.argv.slice(2).filter(existsSync)) {
  /** @type {Report} */
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const unloaded = report.testResults.filter(
    (test) => test.status === 'failed' && !test.assertionResults.length,
  );
  passed += report.numPassedTests;
  failed += report.numFailedTests + unloaded.length;
}
console.log(`${passed} ${failed}`);
