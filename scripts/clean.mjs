/** Empties dist before a build, so that nothing of an older build gets packed. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/run.mjs';

rmSync(join(root, 'dist'), { recursive: true, force: true });
