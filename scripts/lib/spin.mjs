/** The model checker, and the compiler that it needs for each model. */
import { needProgram } from './program.mjs';

const PURPOSE = 'the models';

export const needSpin = () =>
  needProgram({ variable: 'SPIN', names: ['spin'], debian: 'spin', brew: 'spin', purpose: PURPOSE });
export const needCompiler = () =>
  needProgram({
    variable: 'CC',
    names: ['cc', 'gcc', 'clang'],
    debian: 'gcc',
    brew: 'gcc',
    purpose: PURPOSE,
  });
