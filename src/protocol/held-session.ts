/**
 * A session whose keys are wiped when it has ended and nothing is in flight under it, and not before:
 * ciphers hold keys by reference, and a message must never be sealed under a wiped one.
 */
import { type SessionContext, type SessionKeys, wipeKeys } from './keys.ts';

export class HeldSession<Keys extends SessionKeys = SessionKeys> implements SessionContext<Keys> {
  readonly sid: string;
  readonly keys: Keys;
  #holders = 0;
  #retired = false;

  constructor(sid: string, keys: Keys) {
    this.sid = sid;
    this.keys = keys;
  }

  /** Before each exchange. */
  hold(): void {
    this.#holders++;
  }

  /** After it, once for each `hold`. */
  release(): void {
    this.#holders--;
    this.#wipeIfIdle();
  }

  /** The session has ended: its keys go with the last exchange in flight. */
  retire(): void {
    this.#retired = true;
    this.#wipeIfIdle();
  }

  get retired(): boolean {
    return this.#retired;
  }

  #wipeIfIdle(): void {
    if (this.#retired && this.#holders === 0) wipeKeys(this.keys);
  }
}
