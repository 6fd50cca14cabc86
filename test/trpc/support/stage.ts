/**
 * What a test and a server's procedures tell each other: the server notes what happens and waits at gates,
 * the test waits for notes and opens gates. So nothing sleeps.
 */
export class Stage {
  readonly notes: string[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #gates = new Map<string, PromiseWithResolvers>();

  note(entry: string): void {
    this.notes.push(entry);
    for (const check of [...this.#waiting]) check();
  }

  count(entry: string): number {
    return this.notes.filter((note) => note === entry).length;
  }

  /** Resolves once `entry` was noted `times` times. */
  until(entry: string, times = 1): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.count(entry) < times) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Waits until the test opens the gate. */
  async gate(name: string): Promise<void> {
    this.note(`at ${name}`);
    await this.#gate(name).promise;
  }

  /** Waits for the gate or the signal's abort, whichever comes first; says which. */
  async gateOrAbort(name: string, signal: AbortSignal | undefined): Promise<'open' | 'aborted'> {
    const aborted = new Promise<'aborted'>((resolve) => {
      if (signal?.aborted === true) resolve('aborted');
      signal?.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    return Promise.race([this.gate(name).then(() => 'open' as const), aborted]);
  }

  open(name: string): void {
    this.#gate(name).resolve();
  }

  #gate(name: string): PromiseWithResolvers {
    const gate = this.#gates.get(name) ?? promiseWithResolvers();
    this.#gates.set(name, gate);
    return gate;
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function promiseWithResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
