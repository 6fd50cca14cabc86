/**
 * Validated input by any schema library that speaks Standard Schema version 1 (https://standardschema.dev):
 * Zod, Valibot, ArkType and others. The interface is theirs, and nothing of them is imported.
 */
import { NenHttpError } from '../../protocol/http-error.ts';

/** What is used of a Standard Schema (standardschema.dev): Zod, Valibot and ArkType have it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Checks a value, and may make another of it. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema makes of a value: its output, or the issues. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One fault that a schema found. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema makes of what it accepts. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** @throws {TypeError} */
export function standardSchema(name: string, schema: StandardSchema): StandardSchema {
  const given: unknown = schema;
  const isHolder = (typeof given === 'object' && given !== null) || typeof given === 'function';
  const standard: unknown = isHolder && '~standard' in given ? given['~standard'] : undefined;
  const speaks = typeof standard === 'object' && standard !== null && 'validate' in standard;
  if (speaks && typeof standard.validate === 'function') return schema;
  throw new TypeError(`${name}: a Standard Schema, such as one of Zod, Valibot or ArkType`);
}

/**
 * What the schema makes of the value.
 * @throws {NenHttpError} 400 with `{ error: { message, issues: [{ message, path }] } }`.
 */
export async function validate(schema: StandardSchema, value: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path = [] }) => ({ message, path: path.map(segment) }));
  throw new NenHttpError(400, { error: { message: 'The input is invalid.', issues } });
}

/** One step of a path, as JSON can say it. */
function segment(step: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof step === 'object' ? step.key : step;
  return typeof key === 'symbol' ? String(key) : key;
}
