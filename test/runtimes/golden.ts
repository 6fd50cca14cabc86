/**
 * The cryptography and the protocol of this runtime against the golden transcripts: written byte for byte,
 * and read.
 */
import { noblePrimitives } from '../../src/crypto/noble.ts';
import type { Primitives } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import {
  allTranscripts,
  bodyOf,
  type HandshakeFile,
  hear,
  type RefusedAnswers,
  type RefusedHellos,
  type RequestFile,
  type ResponseFile,
  readHandshake,
  readRequest,
  readResponse,
  readStream,
  type StreamFile,
  take,
} from '../vectors/golden/read.ts';
import { type Check, equal } from './check.ts';

/** The files of test/vectors/golden, by their names without `.json`. */
export type Transcripts = Readonly<Record<string, unknown>>;

/** @param own what the runtime has. noble is checked beside it. */
export function goldenChecks(own: Primitives, files: Transcripts): Check[] {
  const all = own === noblePrimitives ? [own] : [own, noblePrimitives];
  return all.flatMap((p) => checksOf(p, files)).map(({ title, run }) => ({ title: `golden: ${title}`, run }));
}

function checksOf(p: Primitives, files: Transcripts): Check[] {
  // Servers never use WebCrypto.
  const servers = p === noblePrimitives ? noblePrimitives : primitives();
  const of = <File>(name: string): File => files[name] as File;
  const each = <File>(start: string, run: (file: File) => Promise<void>): Check[] =>
    Object.keys(files)
      .filter((name) => name.startsWith(start))
      .map((name) => ({ title: `${p.name} reads ${name}`, run: () => run(of(name)) }));
  const readWhole = async (file: StreamFile): Promise<void> =>
    equal(await readStream(p, file, bodyOf(file.wire).length), file.expected);

  return [
    {
      title: `${p.name} writes all ${Object.keys(files).length} byte for byte`,
      run: async () => {
        const written = await allTranscripts(p);
        equal([...written.keys()].sort(), Object.keys(files).sort(), 'list of files');
        for (const [name, transcript] of written) equal(transcript, files[name], name);
      },
    },
    ...each<HandshakeFile>('handshake', async (file) => {
      equal((await readHandshake(p, file)).session, file.expected);
    }),
    ...each<RequestFile>('request-', async (file) => {
      const { retry, message } = file.inputs;
      equal(await readRequest(servers, file), { ...file.expected, retry, message });
    }),
    ...each<ResponseFile>('response-', async (file) => {
      equal(await readResponse(p, file), { ...file.expected, message: file.inputs.message });
    }),
    ...each<StreamFile>('stream-', readWhole),
    ...each<StreamFile>('broken-stream-', readWhole),
    {
      title: `${p.name} refuses every altered hello`,
      run: async () => {
        const { inputs, cases } = of<RefusedHellos>('refused-hellos');
        for (const { title, wire, expected } of cases)
          equal(await hear(p, wire.hello, inputs.origins), expected.code, title);
      },
    },
    {
      title: `${p.name} refuses every altered answer`,
      run: async () => {
        const { inputs, cases } = of<RefusedAnswers>('refused-answers');
        for (const { title, inputs: given, wire, expected } of cases)
          equal(await take(p, inputs, wire.answer, given.pins), expected.code, title);
      },
    },
  ];
}
