/**
 * The count of all cases, in one place. A group says beforehand what may become of each of its fields; a case that
 * ends otherwise fails at once, and so does an exception that no case needed.
 */
import type { NenErrorCode } from '../../src/protocol/errors.ts';
import { report } from '../support/figures.ts';

/**
 * What became of a case: a code; the status of a route that is not there (404, 405, 415), of a message that HTTP
 * can't carry `unsent`; and `same` where what was altered says the same, and means it.
 */
export type Outcome = NenErrorCode | '404' | '405' | '415' | 'unsent' | 'same';

export interface Rule {
  /** What is allowed, and must occur. */
  readonly ends: readonly Outcome[];
  /** What is allowed besides, but too rare to occur in each run. */
  readonly rare?: readonly Outcome[];
  /** Why an alteration of this field may go by, where `same` is among the ends. */
  readonly because?: string;
}

export type Rules = { readonly [field: string]: Rule };

export interface Counts {
  /** Cases that were refused. */
  refused: number;
  /** Those that change nothing of what a call means, each with its reason. */
  same: number;
  /** Those that HTTP can't carry. */
  unsent: number;
}

export class Group {
  readonly name: string;
  readonly counts: Counts = { refused: 0, same: 0, unsent: 0 };
  readonly #rules: Rules;
  readonly #seen = new Map<string, Set<Outcome>>();

  constructor(name: string, rules: Rules) {
    this.name = name;
    this.#rules = rules;
  }

  /** @param which names the case to whoever must find it again. @throws {Error} for an end that is not allowed. */
  add(field: string, outcome: Outcome, which: unknown): void {
    const rule = this.#rules[field];
    if (rule === undefined) throw new Error(`${this.name}: no rule for ${field}`);
    if (!rule.ends.includes(outcome) && !rule.rare?.includes(outcome))
      throw new Error(`${this.name}, ${field}, ${String(which)}: ended as ${outcome}`);
    this.#seen.set(field, (this.#seen.get(field) ?? new Set()).add(outcome));
    this.counts[outcome === 'same' || outcome === 'unsent' ? outcome : 'refused']++;
  }

  /** Allowed ends that no case came to: the rules say no more than is so. What HTTP can't carry hangs on chance. */
  unused(): string[] {
    return Object.entries(this.#rules).flatMap(([field, { ends }]) =>
      ends
        .filter((end) => end !== 'unsent' && !this.#seen.get(field)?.has(end))
        .map((end) => `${field}: ${end}`),
    );
  }
}

/** Ends of cases that are refused with one of these. */
export function refused(...ends: readonly Outcome[]): Rule {
  return { ends };
}

/** A rule that allows rare ends too: where only some bits are tried, it hangs on chance whether they occur. */
export function rarely(rule: Rule, ...rare: readonly Outcome[]): Rule {
  return { ...rule, rare };
}

/** The same where some or all cases go by, for a reason. */
export function harmless(because: string, ...ends: readonly Outcome[]): Rule {
  return { ends: [...ends, 'same'], because };
}

/** The rules of those fields that a message has. */
export function rulesOf(fields: ReadonlySet<string>, rules: Rules): Rules {
  return Object.fromEntries(Object.entries(rules).filter(([field]) => fields.has(field)));
}

export class Tally {
  readonly #groups: Group[] = [];

  group(name: string, rules: Rules): Group {
    const group = new Group(name, rules);
    this.#groups.push(group);
    return group;
  }

  total(): Counts {
    const total: Counts = { refused: 0, same: 0, unsent: 0 };
    for (const { counts } of this.#groups) {
      total.refused += counts.refused;
      total.same += counts.same;
      total.unsent += counts.unsent;
    }
    return total;
  }

  /** A row for each group, and one for all. */
  report(aim: string): void {
    if (!process.env.NEN_FIGURES) return;
    for (const { name, counts } of this.#groups) print(name, '', counts);
    print('flips, cuts and orders in all', aim, this.total());
  }
}

function print(done: string, aim: string, { refused: no, same, unsent }: Counts): void {
  const figures = `${no} refused, ${same} that change nothing, ${unsent} that HTTP can't carry`;
  report({ target: 'T3', aim, done, figures });
}
