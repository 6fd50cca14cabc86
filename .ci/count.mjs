/**
 * Prints "PASSED FAILED" for vitest's JSON reports, summed up, and then the name of each test that failed, a line
 * each. A file that failed before any of its tests did, because it could not be loaded or prepared, counts as one
 * failure. No report is no tests; the exit code of what should have made it tells that.
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * @typedef {{ status: string, fullName: string, failureMessages?: readonly string[] }} Test
 * @typedef {{ name: string, status: string, message: string, assertionResults: readonly Test[] }} TestFile
 * @typedef {{ numPassedTests: number, testResults: readonly TestFile[] }} Report
 */

let passed = 0;
/** @type {string[]} */
const failed = [];
for (const report of process.argv.slice(2).filter(existsSync)) {
  /** @type {Report} */
  const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  passed += numPassedTests;
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative('.', name);
    const tests = assertionResults.filter((test) => test.status === 'failed');
    for (const { fullName, failureMessages } of tests) {
      failed.push(line(`${file} > ${fullName}`, failureMessages?.[0]));
    }
    if (status === 'failed' && tests.length === 0) failed.push(line(file, message));
  }
}
console.log([`${passed} ${failed.length}`, ...failed].join('\n'));

/**
 * @param {string} what
 * @param {string} [why]
 */
function line(what, why = '') {
  return `${what}: ${why.split('\n', 1)[0]}`;
}
