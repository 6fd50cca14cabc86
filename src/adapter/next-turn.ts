/** The next turn of the event loop, on every runtime: after what is ready now, and without a timer's wait. */

/** Runs once the event loop has turned. @returns what takes it back. */
export function onNextTurn(run: () => void): () => void {
  if (typeof setImmediate === 'function') {
    const immediate = setImmediate(run);
    return () => clearImmediate(immediate);
  }
  if (typeof MessageChannel !== 'function') {
    // workerd before its compatibility date 2025-08-15, and edge-runtime.
    const timer = setTimeout(run);
    return () => clearTimeout(timer);
  }
  const { port1, port2 } = new MessageChannel();
  const stop = (): void => {
    port1.onmessage = null;
    port1.close();
  };
  port1.onmessage = () => {
    stop();
    run();
  };
  port2.postMessage(null);
  return stop;
}
