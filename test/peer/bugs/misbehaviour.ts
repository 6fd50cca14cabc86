/** What a bug is: a title that says what the peer does wrong, where it does so, and what it must be refused with. */
import type { HeaderLine } from '../binary-http.ts';
import { type Bytes, bytes, type Field } from '../bytes.ts';
import type { Fields } from '../json-message.ts';
import type { Form } from '../refusal.ts';
import type { Bug } from '../seams.ts';
import type { WireAnswer, WireRequest } from '../wire.ts';

/** Where a client misbehaves. */
export type ClientScene =
  | 'handshake'
  | 'handshake in X-Wing'
  | 'handshake with an identity'
  | 'rotation'
  | 'termination'
  | 'tunnel'
  | 'tunnel in octets'
  | 'direct, http'
  | 'direct, json'
  | 'direct, none';

/** Where a server does. */
export type ServerScene =
  | 'handshake'
  | 'handshake in X-Wing'
  | 'handshake with an identity'
  | 'second handshake'
  | 'rotation'
  | 'rotation with an identity'
  | 'status'
  | 'tunnel'
  | 'tunnel in octets'
  | 'direct, json'
  | 'direct, none'
  | 'refused'
  | 'stream'
  | 'stream in octets'
  | 'padded stream';

/** The good exchange just before, for what repeats or mixes up. */
export interface Before {
  readonly request: WireRequest;
  readonly response: WireAnswer;
}

export interface Misbehaviour<Scene> {
  readonly scene: Scene;
  readonly code: string;
  readonly form: Form;
  readonly bend: (before: Before) => Bug;
}

export type Misbehaviours<Scene> = Readonly<Record<string, Misbehaviour<Scene>>>;

/** Bugs of one scene that are refused alike. */
export function refused<Scene extends string>(
  scene: Scene,
  code: string,
  form: Form,
  bugs: Readonly<Record<string, Bug | ((before: Before) => Bug)>>,
): Misbehaviours<Scene> {
  const entries = Object.entries(bugs).map(([title, bug]) => {
    const bend = typeof bug === 'function' ? bug : () => bug;
    return [`${scene}: ${title}`, { scene, code, form, bend }] as const;
  });
  return Object.fromEntries(entries);
}

/** All of them in one object; two of one name would hide each other. */
export function collected<Scene>(...groups: readonly Misbehaviours<Scene>[]): Misbehaviours<Scene> {
  const all = groups.flatMap((group) => Object.entries(group));
  const bugs = Object.fromEntries(all);
  if (Object.keys(bugs).length !== all.length) throw new Error('two bugs of one name');
  return bugs;
}

// How values are bent.

export const put =
  (fields: Fields) =>
  (right: Fields): Fields => ({ ...right, ...fields });

export const without =
  (name: string) =>
  (right: Fields): Fields =>
    Object.fromEntries(Object.entries(right).filter(([other]) => other !== name));

export const change =
  (name: string, bend: (right: string) => unknown) =>
  (right: Fields): Fields => ({ ...right, [name]: bend(String(right[name])) });

/** Of the fields of an `input`, the label is number 0. */
export const field =
  (index: number, wrong: Field) =>
  (right: Field[]): Field[] =>
    right.with(index, wrong);

export const leaveOut =
  (index: number) =>
  (right: Field[]): Field[] =>
    right.toSpliced(index, 1);

export const swapFields =
  (one: number, other: number) =>
  (right: Field[]): Field[] =>
    right.with(one, right[other] ?? '').with(other, right[one] ?? '');

export const always =
  <Value>(wrong: Value) =>
  (): Value =>
    wrong;

export function flipped(right: Bytes, at = 0): Buffer {
  const wrong = Buffer.from(right);
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  return wrong;
}

export const shortened = (right: Bytes): Bytes => right.subarray(0, -1);
export const text = (value: string | Bytes): string => bytes(value).toString('latin1');

const named = (name: string, lines: readonly HeaderLine[]): string =>
  lines.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1] ?? '';

const withLine = (
  lines: readonly HeaderLine[],
  name: string,
  values: readonly string[],
): readonly HeaderLine[] => [
  ...lines.filter(([other]) => other.toLowerCase() !== name.toLowerCase()),
  ...values.map((value) => [name, value] as const),
];

/** The header with other values: none takes it away, two send it twice. */
export const header =
  (name: string, bend: (right: string) => readonly string[]) =>
  <Message extends WireRequest | WireAnswer>(right: Message): Message => ({
    ...right,
    headers: withLine(right.headers, name, bend(named(name, right.headers))),
  });

export const noHeader = (name: string) => header(name, () => []);
export const twice = (name: string) => header(name, (right) => [right, right]);
export const headerIs = (name: string, wrong: string) => header(name, () => [wrong]);

/** base64 spelled otherwise. Each decodes to the same with a decoder that is not strict. */
export const SPELLINGS: Readonly<Record<string, (right: string) => string>> = {
  'without padding': (right) => right.replace(/=+$/, ''),
  'with more padding': (right) => `${right}=`,
  'with a space': (right) => `${right.slice(0, 4)} ${right.slice(4)}`,
  'with trailing bits': (right) => right.replace(/.(=*)$/, (end) => end.replace(/^./, nextLetter)),
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const nextLetter = (letter: string): string => LETTERS[LETTERS.indexOf(letter) + 1] ?? 'A';

/** Bytes whose base64 has `+` and `/`, spelled in the other alphabet. */
export const otherAlphabet = (right: string): string => right.replaceAll('+', '-').replaceAll('/', '_');
