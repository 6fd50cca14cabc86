/**
 * npm run test:models: has Spin search every state of each model, as it is and with one rule taken out at a time.
 * As it is there must be no attack; without the rule there must be one, or the model would show nothing.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure, root, script } from '../scripts/lib/run.mjs';
import { needCompiler, needSpin } from '../scripts/lib/spin.mjs';

const MEMORY_MB = 2000;
const MAX_STEPS = 100_000;

/**
 * Macros of each model, and whether an attack must be found.
 * @type {readonly (readonly [model: string, macros: readonly string[], attack: boolean])[]}
 */
const RUNS = [
  ['handshake', [], false],
  ['handshake', ['NO_PIN'], true],
  ['handshake', ['NO_PIN', 'RELAY_ONLY'], false],
  ['handshake', ['SIGN_SID_ONLY'], true],
  ['handshake', ['TRANSCRIPT_WITHOUT_SUITE'], true],
  ['handshake', ['HELLO_WITHOUT_PK'], true],
  ['retry', [], false],
  ['retry', ['NO_FIRST_CLAIM'], true],
  ['retry', ['NO_AGE_LIMIT'], true],
  ['retry', ['NO_AGE_AT_CLAIM'], true],
  ['retry', ['NO_EPOCH'], true],
  ['retry', ['CLAIMS_END_WITH_SESSION'], true],
  ['retry', ['SHORT_CLAIM'], true],
  ['retry', ['SKEW=7'], true],
];

await script(async () => {
  const tools = { spin: await needSpin(), cc: await needCompiler() };
  let failed = 0;
  console.log('| model | taken out | attack | states |\n|---|---|---|---:|');
  for (const [model, macros, expected] of RUNS) {
    const { attack, states } = check(tools, model, macros);
    const isRight = attack === expected;
    if (!isRight) failed++;
    const found = `${attack ? 'found' : 'none'}${isRight ? '' : ', which is WRONG'}`;
    console.log(`| ${model} | ${macros.join(' ') || 'nothing'} | ${found} | ${states} |`);
  }
  return failed === 0 ? 0 : 1;
});

/**
 * @param {{ spin: string, cc: string }} tools
 * @param {string} model
 * @param {readonly string[]} macros
 * @throws {Failure} unless the search went through every state, or found an attack.
 */
function check({ spin, cc }, model, macros) {
  const folder = mkdtempSync(join(tmpdir(), 'nen-model-'));
  /** @type {(command: string, args: readonly string[]) => string} */
  const run = (command, args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8' });
  try {
    copyFileSync(join(root, 'models', `${model}.pml`), join(folder, 'model.pml'));
    run(spin, [...macros.map((macro) => `-D${macro}`), '-a', 'model.pml']);
    run(cc, ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE', `-DMEMLIM=${MEMORY_MB}`, '-o', 'search', 'pan.c']);
    const report = run(join(folder, 'search'), [`-m${MAX_STEPS}`]);
    const errors = /errors: (\d+)/.exec(report)?.[1];
    const states = /(\d+) states, stored/.exec(report)?.[1];
    const isWhole = !/Search not completed|max search depth too small/.test(report);
    if (errors === undefined || (errors === '0' && !isWhole))
      throw new Failure(`${model}: not searched whole`);
    return { attack: errors !== '0', states };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
