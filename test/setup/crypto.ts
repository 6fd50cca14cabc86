/** Runs before each test file of a project that says whose cryptography is used: files share their modules. */
import { force } from '../../src/crypto/choice.ts';

const { NEN_TEST_CRYPTO } = process.env;
force(NEN_TEST_CRYPTO === 'noble' || NEN_TEST_CRYPTO === 'web' ? NEN_TEST_CRYPTO : undefined);
