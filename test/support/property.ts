/**
 * How often a property is tried. NEN_PROPERTY_SCALE tries each that many times as often (npm run test:properties).
 * A failure prints its seed and path: NEN_PROPERTY_SEED and NEN_PROPERTY_PATH bring it back.
 */

const { NEN_PROPERTY_SCALE = '1', NEN_PROPERTY_SEED, NEN_PROPERTY_PATH } = process.env;
const SCALE = Number(NEN_PROPERTY_SCALE);
const SECONDS_FOR_ONE = 120;

/** For fc.assert: `usual` is the number of runs in `npm test`. */
export function runs(usual: number): { numRuns: number; seed?: number; path?: string } {
  return {
    numRuns: Math.ceil(usual * SCALE),
    ...(NEN_PROPERTY_SEED !== undefined && { seed: Number(NEN_PROPERTY_SEED) }),
    ...(NEN_PROPERTY_PATH !== undefined && { path: NEN_PROPERTY_PATH }),
  };
}

/** What a test of such a property may take, in milliseconds; shrinking a failure included. */
export const PROPERTY_TIMEOUT_MS: number = SECONDS_FOR_ONE * 1000 * Math.max(1, SCALE);
