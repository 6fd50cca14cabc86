/** From a web stream to a writable one of Node: no faster than it is taken, and left when the reader leaves. */

/** What is used of a stream.Writable, an http.ServerResponse among them. */
export interface Sink {
  /** Http2ServerResponse doesn't say, but its stream does. */
  readonly destroyed?: boolean;
  readonly stream?: { readonly destroyed: boolean } | undefined;
  write(chunk: Uint8Array): boolean;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}

export function isDestroyed({ destroyed, stream }: Sink): boolean {
  return destroyed ?? stream?.destroyed ?? false;
}

/**
 * Does not end the sink.
 * @param onFirst called once the first chunk is there, or the end.
 * @throws what the body fails with.
 */
export async function pump(
  body: ReadableStream<Uint8Array>,
  sink: Sink,
  onFirst?: () => void,
): Promise<void> {
  const reader = body.getReader();
  const leave = (): void => void reader.cancel().catch(() => undefined);
  sink.once('close', leave);
  // Closed already, it says so no more.
  if (isDestroyed(sink)) leave();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      onFirst?.();
      if (done || isDestroyed(sink)) return;
      const isFull = !sink.write(value);
      // What compression middleware holds back.
      if ('flush' in sink && typeof sink.flush === 'function') sink.flush();
      if (isFull && !isDestroyed(sink)) await drained(sink);
    }
  } finally {
    sink.off('close', leave);
    if (isDestroyed(sink)) leave();
  }
}

function drained(sink: Sink): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      sink.off('drain', wake);
      sink.off('close', wake);
      resolve();
    };
    sink.once('drain', wake);
    sink.once('close', wake);
  });
}
