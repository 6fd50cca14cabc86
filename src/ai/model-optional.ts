/**
 * Types of calls that need not name a model, written in terms of the SDK's own methods, so that they follow its
 * versions.
 */

/** The same parameters, of each kind in turn, with `model` optional. */
export type ModelOptional<Params> = Params extends { model: infer Model }
  ? Omit<Params, 'model'> & { model?: Model }
  : Params;

/** Parameters as the SDK's method knows them: what it gives back depends on them, and not on the model. */
export type Named<Params> = Params & { model: string };

/** Of what a method gives, the part that is no stream. */
export type Whole<Method extends (...given: never[]) => unknown> = Exclude<
  Awaited<ReturnType<Method>>,
  AsyncIterable<unknown>
>;

/** Of what a method gives, the stream. */
export type Streamed<Method extends (...given: never[]) => unknown> = Extract<
  Awaited<ReturnType<Method>>,
  AsyncIterable<unknown>
>;
