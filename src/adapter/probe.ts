/**
 * What `status` answers to ?probe= (PROTOCOL.md, "Session routes"): answers in forms that a faulty way
 * shows itself by, for `trpc-nen doctor`. They tell nothing and cost little.
 */
import type { Bytes } from '../crypto/bytes.ts';
import { CONTENT_TYPE_JSON_LINES, encodeJsonLine } from '../protocol/json-lines.ts';

/** A stream of so many records, this far apart: about a second, if nothing holds them back. */
const STREAM_RECORDS = 5;
const STREAM_GAP_MS = 250;
/** Many a proxy compresses answers from 1 KB on. */
const LARGE_CHARACTERS = 4096;

type Probe = (now: () => number) => Response;

const PROBES: { readonly [name: string]: Probe | undefined } = Object.assign(Object.create(null), {
  stream: (now) => new Response(records(now), { headers: { 'Content-Type': CONTENT_TYPE_JSON_LINES } }),
  large: () => Response.json({ filling: 'nen '.repeat(LARGE_CHARACTERS / 4) }),
  empty: () => new Response(null, { status: 204 }),
} satisfies Record<string, Probe>);

/** @returns undefined where the query asks for no probe that there is. */
export function probe(query: string, now: () => number): Response | undefined {
  return PROBES[new URLSearchParams(query).get('probe') ?? '']?.(now);
}

/** Lines of {"record","at"}, each with the time at which it was written. */
function records(now: () => number): ReadableStream<Bytes> {
  let record = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream({
    async pull(controller) {
      if (record > 0) {
        await new Promise((resolve) => {
          timer = setTimeout(resolve, STREAM_GAP_MS);
        });
      }
      controller.enqueue(encodeJsonLine({ record, at: now() }));
      record++;
      if (record === STREAM_RECORDS) controller.close();
    },
    cancel: () => clearTimeout(timer),
  });
}
