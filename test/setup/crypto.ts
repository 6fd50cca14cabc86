/** Runs before each test file of the "noble" project: takes the runtime's own cryptography away. */
import { forceNoble } from '../../src/crypto/select.ts';

forceNoble(true);
