/** docs/attacks.md, made from the catalogue of attacks and the titles of the tests that name its rows. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AREAS, NOTES, STATES } from './attacks.mjs';

/** A string in a test that names rows: 'row 12: ...', "rows 16 and 17", `row 3 to 5 ...`. */
const TITLE = /(['"`])((?:(?!\1)[^\n\\]|\\.)*\brows? \d(?:(?!\1)[^\n\\]|\\.)*)\1/g;
const ROWS = /\brows? ((?:\d+(?:, | and | to )?)+)/g;

/**
 * The files whose tests name each row.
 * @param {string} folder of the tests
 * @returns {Map<number, readonly string[]>}
 */
export function testsByRow(folder) {
  /** @type {Map<number, Set<string>>} */
  const found = new Map();
  const names = readdirSync(folder, { recursive: true }).map(String);
  for (const name of names.filter((file) => file.endsWith('.test.ts')).sort()) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, , title = ''] of text.matchAll(TITLE)) {
      for (const row of rowsIn(title)) found.set(row, (found.get(row) ?? new Set()).add(name));
    }
  }
  return new Map([...found].map(([row, files]) => [row, [...files]]));
}

/**
 * @param {string} title
 * @returns {number[]}
 */
function rowsIn(title) {
  const rows = [];
  for (const [, list = ''] of title.matchAll(ROWS)) {
    let from = 0;
    for (const [, number = '', after = ''] of list.matchAll(/(\d+)(, | and | to )?/g)) {
      const row = Number(number);
      for (let between = from + 1; from > 0 && between < row; between++) rows.push(between);
      rows.push(row);
      from = after === ' to ' ? row : 0;
    }
  }
  return rows;
}

/**
 * @param {string} folder of the tests
 * @returns {string} the page
 */
export function attacksPage(folder) {
  const tests = testsByRow(folder);
  const all = AREAS.flatMap(({ rows }) => rows);
  const tested = all.filter(([row]) => tests.has(row)).length;
  const parts = [
    '# Attacks and faults',
    'Made by `node scripts/docs-attacks.mjs` from `scripts/lib/attacks.mjs` and the titles of the tests; change it there.',
    `${tested} of ${all.length} rows have tests that name them, with the outcome that each must have and a good call before and after. Find them by \`npm test -- -t 'row 66'\`. Beside them: every reader fuzzed (test/fuzz), a second implementation with deliberate faults (test/peer, test/interop), and a model of the handshake and of the retry (models).`,
    STATES_EXPLAINED,
    ...AREAS.map(({ name, rows }) => `## ${name}\n\n${table(rows, tests)}`),
  ];
  return `${parts.join('\n\n')}\n`;
}

const STATES_EXPLAINED = `States: **held**, what must happen happens; **with a pin**, where the client pins the server's identity; **in part**, held, but the tests do it smaller or otherwise than the row says, as the note tells; **by design**, not protected, and why; **known limit**, the tests show what an attacker can do and SECURITY.md says so; **does not apply**, and why.`;

/**
 * @param {readonly [row: number, title: string][]} rows
 * @param {Map<number, readonly string[]>} tests
 */
function table(rows, tests) {
  const lines = rows.map(([row, title]) => {
    const files = tests.get(row)?.map((file) => `[${file.replace('.test.ts', '')}](../test/${file})`);
    const note = NOTES.has(row) ? `${files ? '; ' : ''}${NOTES.get(row)}` : '';
    const state = files ? (STATES.get(row) ?? 'held') : 'not tested';
    return `| ${row} | ${title.replaceAll('|', '\\|')} | ${state} | ${files?.join(', ') ?? 'no test'}${note} |`;
  });
  return `| row | attack or fault | state | tests |\n|---|---|---|---|\n${lines.join('\n')}`;
}
