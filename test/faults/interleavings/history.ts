/** What has been done so far: the harm, and the terminations. */
import type { Exchange } from './way.ts';

/** In which what happened to a message has come to all that wait for it. */
const QUIET_TURNS = 3;

/** What an operation found when it began. */
export interface Moment {
  /** undefined: what was done before still had its effects, or there is nothing to rely on. */
  readonly harm: number | undefined;
  /** How often the client had been told to begin or end a session. */
  readonly session: number;
  readonly terminated: boolean;
  /** Sessions that had been terminated. */
  readonly deadSids: ReadonlySet<string>;
}

export class History {
  /** How much was done that may fail a call. */
  harm = 0;
  session = 0;
  terminations = 0;
  terminated = false;
  readonly #isFair: boolean;
  #quietTurns = 0;
  #deadSids: ReadonlySet<string> = new Set();

  /** @param isFair whether a call can rely on anything here. */
  constructor(isFair: boolean) {
    this.#isFair = isFair;
  }

  harms(): void {
    this.harm++;
    this.#quietTurns = 0;
  }

  begins(): void {
    this.session++;
    this.terminated = false;
  }

  terminates(sent: readonly Exchange[]): void {
    this.harms();
    this.session++;
    this.terminations++;
    this.terminated = true;
    this.#deadSids = new Set(sent.flatMap(({ sid }) => sid ?? []));
  }

  /** A turn of the event loop, at whose end nothing may be under way that was harmed. */
  turns(isHarmed: boolean): void {
    this.#quietTurns = isHarmed ? 0 : this.#quietTurns + 1;
  }

  moment(): Moment {
    const isKnown = this.#isFair && (this.harm === 0 || this.#quietTurns >= QUIET_TURNS);
    const { session, terminated } = this;
    return { harm: isKnown ? this.harm : undefined, session, terminated, deadSids: this.#deadSids };
  }
}
