/** How much of the time and load a run takes: all of it, or the share that NEN_SHARE names (0.25). */
const share = Number(process.env.NEN_SHARE || 1);
if (!(share > 0 && share <= 1)) throw new RangeError('NEN_SHARE: a number above 0, up to 1');

/** A time of a run, in milliseconds. */
export function lasting(ms: number): number {
  return Math.round(ms * share);
}

/** A number of things done in a run: at least one. */
export function times(count: number): number {
  return Math.max(1, Math.ceil(count * share));
}
