/** The redis-server that the store and fault tests start. */
import { findProgram, needProgram } from './program.mjs';

const REDIS = {
  variable: 'REDIS_SERVER',
  names: ['redis-server'],
  debian: 'redis-server',
  brew: 'redis',
  purpose: 'the tests of the shared stores',
};

export const findRedis = () => findProgram(REDIS);
export const needRedis = () => needProgram(REDIS);
