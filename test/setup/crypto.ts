/** Runs before each test file of a project that takes the choice of cryptography from the runtime. */
import { force } from '../../src/crypto/choice.ts';

const { NEN_TEST_CRYPTO } = process.env;
if (NEN_TEST_CRYPTO === 'noble' || NEN_TEST_CRYPTO === 'web') force(NEN_TEST_CRYPTO);
