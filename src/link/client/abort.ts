/**
 * AbortSignals as React Native has them too (abort-controller 3): without `reason` and `throwIfAborted`.
 */

/** What a signal was aborted with here, where it doesn't say. */
const REASONS = new WeakMap<AbortSignal, unknown>();

export function abortWith(controller: AbortController, reason: unknown): void {
  REASONS.set(controller.signal, reason);
  controller.abort(reason);
}

/** Of a signal that has aborted. */
export function abortReason(signal: AbortSignal): unknown {
  if ('reason' in signal) return signal.reason;
  return REASONS.get(signal) ?? Object.assign(new Error('Aborted'), { name: 'AbortError' });
}

export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}
