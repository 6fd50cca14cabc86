/**
 * Texts that nobody else writes, each told by its kind and number. Whoever has the seed makes them when they are
 * needed, so that no process has to keep them.
 */
import { createHmac } from 'node:crypto';

export const CANARY_KINDS = [
  'input',
  'output',
  'item',
  'header',
  'path',
  'query',
  'file',
  'prompt',
  'refusal',
  'thrown',
] as const;

/** Where one of them travels; 'thrown' is the message of an error that a handler did not mean to tell. */
export type CanaryKind = (typeof CANARY_KINDS)[number];

const CANARY_DIGITS = 24;

/** 96 bits as hexadecimal digits after a letter: a name of a procedure too. */
export function canary(seed: string, kind: CanaryKind, index: number): string {
  const digest = createHmac('sha256', seed).update(`${kind} ${index}`).digest('hex');
  return `c${digest.slice(0, CANARY_DIGITS)}`;
}
