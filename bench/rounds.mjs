/**
 * Paired rounds: each round measures every way once, one right after the other, in an order that
 * alternates, and ratios are taken within a round, so that what else the machine does hits all alike.
 */

/**
 * @typedef {object} Sample what one measurement came to, per call
 * @property {number} rate calls (or events) a second
 * @property {number} clientUs CPU time in microseconds
 * @property {number} serverUs CPU time in microseconds
 * @property {number} bytes on the wire, both ways
 *
 * @typedef {Sample & { ratio: number, bytesRatio: number }} Result
 */

/**
 * @template {string} Way
 * @param {number} rounds
 * @param {readonly Way[]} ways
 * @param {(way: Way) => Promise<Sample>} measure
 * @returns {Promise<Map<Way, Result>>} medians; ratios to the first way
 */
export async function pairedRounds(rounds, ways, measure) {
  /** @type {Map<Way, Sample>[]} */
  const all = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ways : [...ways].reverse();
    const samples = new Map();
    for (const way of order) samples.set(way, await measure(way));
    all.push(samples);
  }
  return new Map(ways.map((way) => [way, summary(all, way, ways[0])]));
}

/**
 * @template {string} Way
 * @param {readonly Map<Way, Sample>[]} rounds
 * @param {Way} way
 * @param {Way | undefined} base
 * @returns {Result}
 */
function summary(rounds, way, base) {
  /** @param {(own: Sample, base: Sample) => number} value */
  const medianOf = (value) =>
    median(
      rounds.flatMap((samples) => {
        const own = samples.get(way);
        const other = base && samples.get(base);
        return own && other ? [value(own, other)] : [];
      }),
    );
  return {
    rate: medianOf((own) => own.rate),
    clientUs: medianOf((own) => own.clientUs),
    serverUs: medianOf((own) => own.serverUs),
    bytes: medianOf((own) => own.bytes),
    ratio: medianOf((own, other) => own.rate / other.rate),
    bytesRatio: medianOf((own, other) => own.bytes / other.bytes),
  };
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
