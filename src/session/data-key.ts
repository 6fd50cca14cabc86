/**
 * A data key, at hand or still on its way from the KMS. It is lent as copies, so that it can be wiped while a
 * record is being sealed or opened: what is sealed under a key of zeros, anybody opens.
 */
import { copySecret, wipe } from '../crypto/bytes.ts';
import type { RecordKey } from './ring-key.ts';
import { SessionStoreError } from './store-error.ts';

/** A data key, and how its KEK wrapped it. */
export type WrappedKey = Pick<RecordKey, 'key' | 'wrapped'>;

const LIFE_MS = 300_000;

export class DataKey {
  readonly #made: Promise<WrappedKey>;
  readonly #since: number;
  #wiped = false;
  /** Those that were sealed under it. */
  records = 0;

  constructor(made: Promise<WrappedKey>, since: number, onFailure: () => void) {
    this.#made = made;
    this.#since = since;
    made.catch(onFailure);
  }

  isOver(now: number): boolean {
    return now < this.#since || now - this.#since > LIFE_MS;
  }

  /** With a copy of the key, which the caller wipes. */
  async lend(): Promise<WrappedKey> {
    const { key, wrapped } = await this.#made;
    // In one step with the copy.
    if (this.#wiped) throw new SessionStoreError('the data key was wiped');
    return { key: copySecret(key), wrapped };
  }

  /** Once it is here. A promise answers in order: whoever has asked for it before gets his copy first. */
  wipe(): void {
    this.#made.then(
      ({ key }) => {
        this.#wiped = true;
        wipe(key);
      },
      () => undefined,
    );
  }
}
