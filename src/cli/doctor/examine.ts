/**
 * The examination: one handshake, then sealed calls of `status`, each in a form by which a certain fault of
 * the way shows. Ends early where nothing more can be learnt.
 */
import { bytesToUtf8 } from '../../crypto/bytes.ts';
import type { Answer } from '../../link/client/open-answer.ts';
import { WINDOW_MS } from '../../protocol/constants.ts';
import { handshakeFailed, sealedCallFailed } from './failures.ts';
import { type Finding, found, note, ok } from './finding.ts';
import type { HandshakeFacts, Patient } from './patient.ts';

/** @param pins those that are expected; undefined: none were named. */
export async function* examine(
  patient: Patient,
  pins: readonly string[] | undefined,
): AsyncGenerator<Finding> {
  let facts: HandshakeFacts;
  try {
    facts = await patient.handshake();
  } catch (error) {
    yield handshakeFailed(patient, error);
    return;
  }
  const { sentAt = 0, receivedAt = 0 } = patient.outer ?? {};
  yield ok('handshake', `${patient.options.suite}, in ${receivedAt - sentAt} ms`);
  yield pinFinding(facts.pin, pins);
  yield clockFinding(facts.terms.now, sentAt, receivedAt);
  yield ok('session', `lasts ${duration(facts.terms.expiresAt - facts.terms.now)}`);
  try {
    yield* calls(patient);
  } catch (error) {
    yield sealedCallFailed(patient, error);
  }
  // It would end by itself.
  await patient.terminate().catch(() => undefined);
}

async function* calls(patient: Patient): AsyncGenerator<Finding> {
  await patient.status();
  yield ok('path', 'arrives as it was signed');

  const empty = await patient.status('?probe=empty');
  if (empty.status !== 204) {
    const todo = 'Update trpc-nen on the server, then ask again.';
    yield note('probes', 'the server knows none: compression and streams were not looked at', todo);
    return;
  }
  yield ok('X-Nen headers', 'pass, there and back');

  await patient.status('?probe=large');
  const encodings = new Set(contentEncoding(patient));
  const stream = await streamFinding(patient, await patient.status('?probe=stream'));
  for (const encoding of contentEncoding(patient)) encodings.add(encoding);
  yield encodings.size === 0 ? ok('compression', 'none') : compressed([...encodings].join(', '));
  yield stream;
}

function pinFinding(pin: string | undefined, pins: readonly string[] | undefined): Finding {
  if (pin === undefined) {
    const text = 'none: whoever ends the TLS connection could be the server';
    const todo = 'Make a key with `npx trpc-nen keygen --identity` and give clients its pin (serverPins).';
    return pins === undefined ? note('pin', text, todo) : found('pin', text, todo);
  }
  if (pins === undefined) return note('pin', pin, 'Compare it with yours, or let --pin do it.');
  if (pins.includes(pin)) return ok('pin', `${pin}, as expected`);
  return found(
    'pin',
    `${pin}, which is not the one expected`,
    'Either the server has another key than you think (`npx trpc-nen fingerprint` on the server tells), or somebody on the way answers in its place.',
  );
}

/** The server read its clock between the two times: what lies outside of them is a difference. */
function clockFinding(serverNow: number, sentAt: number, receivedAt: number): Finding {
  const ahead = Math.max(0, serverNow - receivedAt);
  const behind = Math.max(0, sentAt - serverNow);
  if (ahead + behind === 0) return ok('clock', "agrees with this machine's");
  const text = `${duration(ahead + behind)} ${ahead > 0 ? 'ahead of' : 'behind'} this machine's`;
  if (ahead + behind <= WINDOW_MS) return ok('clock', text);
  return found(
    'clock',
    text,
    'Set the wrong one by NTP. Clients take the clock of the server, so calls work; but instances must agree.',
  );
}

function contentEncoding({ outer }: Patient): string[] {
  const encoding = outer?.headers.get('content-encoding') ?? 'identity';
  return encoding === 'identity' ? [] : [encoding];
}

function compressed(encoding: string): Finding {
  return found(
    'compression',
    `something compresses sealed answers (${encoding}), though they say Cache-Control: no-transform`,
    'Turn it off for these paths (nginx: gzip off; Express: mount compression elsewhere): it saves little on ciphertext, and holds streams back.',
  );
}

/** What came in a stream: when the server wrote a line, and when it was here. */
interface Arrival {
  readonly writtenAt: number;
  readonly arrivedAt: number;
}

async function streamFinding(patient: Patient, { body }: Answer): Promise<Finding> {
  if (!(body instanceof ReadableStream)) throw new TypeError('the stream probe is no stream');
  const arrivals: Arrival[] = [];
  try {
    for await (const bytes of body) {
      const arrivedAt = performance.now();
      for (const line of bytesToUtf8(bytes).trimEnd().split('\n')) {
        const { at } = JSON.parse(line) as { at: number };
        arrivals.push({ writtenAt: at, arrivedAt });
      }
    }
  } catch (error) {
    return sealedCallFailed(patient, error);
  }
  const [first] = arrivals;
  const last = arrivals.at(-1);
  if (first === undefined || last === undefined) throw new TypeError('the stream probe is empty');
  const writtenMs = last.writtenAt - first.writtenAt;
  const arrivedMs = last.arrivedAt - first.arrivedAt;
  const text = `${arrivals.length} records, sent over ${duration(writtenMs)}, arrived over ${duration(arrivedMs)}`;
  if (arrivedMs > writtenMs / 2) return ok('streams', text);
  return found(
    'streams',
    `${text}: something holds them back`,
    'Turn off buffering of answers in what stands in front (nginx: proxy_buffering off, or do not ignore X-Accel-Buffering; a CDN: response buffering or "streaming" settings), and compression, which buffers too.',
  );
}

function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
