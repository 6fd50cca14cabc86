/** The types of withNen: the body comes from the schema, parameters from the handler, and Next takes the route. */
import { type } from 'arktype';
import * as v from 'valibot';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import {
  createNen,
  type NenContext,
  type NenRoute,
  type NenSession,
  withNen,
  withNenStream,
} from '../../src/adapter/server.ts';
import { createNenFetch, createNenStream } from '../../src/link/client/index.ts';

const input = z.object({ amount: z.number(), when: z.string().transform((day) => new Date(day)) });
type Input = { amount: number; when: Date };

// Nothing is known of a body that nobody validated.
withNen((req, body, { session }) => {
  expectTypeOf(req).toEqualTypeOf<Request>();
  expectTypeOf(body).toEqualTypeOf<unknown>();
  expectTypeOf(session).toEqualTypeOf<NenSession | undefined>();
});
// @ts-expect-error so it can't be called something either
withNen((_req, body: Input) => body.amount);

// A schema says what it is, on both ways and for both functions.
withNen((_req, body) => expectTypeOf(body).toEqualTypeOf<Input>(), { input, strict: true });
createNen().withNen(async (_req, body) => expectTypeOf(body).toEqualTypeOf<Input>(), { input });
withNenStream(
  async function* (_req, body) {
    yield body.amount;
    expectTypeOf(body).toEqualTypeOf<Input>();
  },
  { input },
);
withNen((_req, body) => expectTypeOf(body).toEqualTypeOf<{ amount: number }>(), {
  input: v.object({ amount: v.number() }),
});
withNen((_req, body) => expectTypeOf(body).toEqualTypeOf<{ amount: number }>(), {
  input: type({ amount: 'number' }),
});
// @ts-expect-error a schema is no other thing
withNen(() => 1, { input: { parse: () => 1 } });
// @ts-expect-error a stream is no value
withNenStream(async () => ({ a: 1 }));

// Parameters: as Next has them, or as the handler says; awaited or not.
withNen(async (_req, _body, { params }) => {
  expectTypeOf(params.id).toEqualTypeOf<string | string[] | undefined>();
});
withNen(async (_req, _body, { params }: NenContext<{ id: string }>) => {
  expectTypeOf(params.id).toEqualTypeOf<string>();
  expectTypeOf((await params).id).toEqualTypeOf<string>();
});

// What Next's generated checks ask of a route: its first argument is a Request, its second can be anything.
type FirstArgument<T> = T extends (...args: [infer First, infer _]) => unknown ? First : never;
type SecondArgument<T> = T extends (...args: [infer _, infer Second]) => unknown ? Second : never;
expectTypeOf<FirstArgument<NenRoute>>().toEqualTypeOf<Request>();
expectTypeOf<SecondArgument<NenRoute>>().toEqualTypeOf<unknown>();
expectTypeOf<NenRoute>().toExtend<
  (req: Request, context: { params: Promise<{ id: string }> }) => Promise<Response>
>();

// The client: a value is unknown until somebody gives their word, items are tokens.
const nenFetch = createNenFetch('');
expectTypeOf(await nenFetch('/api/x')).toEqualTypeOf<unknown>();
expectTypeOf(await nenFetch<Input>('/api/x')).toEqualTypeOf<Input>();
const nenStream = createNenStream('');
for await (const token of nenStream('/api/x')) expectTypeOf(token).toEqualTypeOf<string>();
for await (const item of nenStream<Input>('/api/x')) expectTypeOf(item).toEqualTypeOf<Input>();
