/**
 * Prints "PASSED FAILED" for vitest's JSON report. A test file that could not even be loaded has no
 * tests to count: it counts as one failure. No report is no tests; npm test's own exit code tells that.
 */
import { existsSync, readFileSync } from 'node:fs';

/**
 * @typedef {{ status: string, assertionResults: readonly unknown[] }} TestFile
 * @typedef {{ numPassedTests: number, numFailedTests: number, testResults: readonly TestFile[] }} Report
 */

const file = process.argv[2];
/** @type {Report} */
const report =
  file && existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { numPassedTests: 0, numFailedTests: 0, testResults: [] };

const unloaded = report.testResults.filter(
  (test) => test.status === 'failed' && !test.assertionResults.length,
);
console.log(`${report.numPassedTests} ${report.numFailedTests + unloaded.length}`);
