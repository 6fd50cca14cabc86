/** What the test tells its two processes to do, and what they answer: one order at a time, over the fork's channel. */
import { inspect } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import { collect } from '../support/collect.ts';
import type { CanaryKind } from './canaries.ts';
import { type NotedSecret, notedSecrets } from './noted-secrets.ts';

/** How often a canary of each kind was used: their numbers count up from 0. */
export type Used = Partial<Record<CanaryKind, number>>;

/** What looking at public objects shows. */
export interface Shown {
  /** Of objects that are ours. */
  readonly objects: string;
  /** Of requests and answers, which are the application's, as logging one shows them. */
  readonly messages: string;
  /** Of the same with what is hidden in them. */
  readonly hidden: string;
}

export interface Answers {
  /** Calls with canaries. */
  readonly work: null;
  /** The canaries that there were so far. */
  readonly used: Used;
  /** Calls that fail, and all that their errors say. */
  readonly fail: string;
  /** The same while the store doesn't answer. */
  readonly failWithoutStore: string;
  readonly show: Shown;
  readonly terminate: null;
  readonly secrets: readonly NotedSecret[];
  /** Prints what it is given and keeps it, in a variable that lasts. */
  readonly plant: null;
  /** Collects garbage. */
  readonly collect: null;
  /** Writes a heap snapshot into the file that it is given. */
  readonly snapshot: null;
}

export type Order = keyof Answers;

export interface Ordered {
  readonly order: Order;
  readonly given: readonly string[];
}

type Handlers = { readonly [Name in Order]?: () => Promise<Answers[Name]> | Answers[Name] };

const kept: string[] = [];

const common: { readonly [Name in Order]?: (given: readonly string[]) => unknown } = {
  secrets: notedSecrets,
  plant(given) {
    kept.push(...given);
    for (const line of given) console.log(line);
  },
  collect,
  async snapshot([file]) {
    await collect();
    writeHeapSnapshot(file);
  },
};

/** Takes orders until the test leaves. */
export function takeOrders(handlers: Handlers): void {
  process.on('message', ({ order, given }: Ordered) => {
    const handle = handlers[order] ?? common[order];
    void (async () => {
      try {
        process.send?.({ answer: (await handle?.(given)) ?? null });
      } catch (error) {
        process.send?.({ failed: inspect(error) });
      }
    })();
  });
  process.once('disconnect', () => process.exit());
}

const DEEP = { depth: 20, maxArrayLength: null, maxStringLength: null } as const;
const HIDDEN = { ...DEEP, showHidden: true, getters: true } as const;

/** @param messages requests and answers, whose headers and address are theirs to show. */
export function show(objects: readonly unknown[], messages: readonly unknown[]): Shown {
  return {
    objects: objects
      .flatMap((object) => [inspect(object, HIDDEN), inspect(object), JSON.stringify(object), String(object)])
      .join('\n'),
    messages: messages.flatMap((message) => [inspect(message, DEEP), JSON.stringify(message)]).join('\n'),
    hidden: messages.map((message) => inspect(message, HIDDEN)).join('\n'),
  };
}
