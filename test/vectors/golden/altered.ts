/**
 * Golden transcripts of what must be refused, and of what applications see of identities: made of the ones in
 * generate.ts by altering them. What each one comes to is written here, not computed by the code under test.
 */
import { type Bytes, base64Encode, base64UrlEncode, utf8ToBytes } from '../../../src/crypto/bytes.ts';
import type { Primitives } from '../../../src/crypto/primitives.ts';
import { input } from '../../../src/protocol/input.ts';
import { hex, type Json, type JsonObject, named, signerOf } from './generate.ts';

interface Handshake {
  readonly inputs: { readonly suite: string; readonly aud: string; readonly keyPairSeed: string };
  readonly wire: { readonly hello: string; readonly answer: string };
  readonly expected: { readonly clientPin: string; readonly serverPin: string };
}

interface Stream {
  readonly inputs: JsonObject & { readonly encoding: 'json' | 'octets'; readonly data: readonly string[] };
  readonly intermediate: {
    readonly records: readonly { readonly frame?: string; readonly frameHex?: string }[];
  };
  readonly wire: JsonObject & { readonly status: number };
  readonly expected: JsonObject;
}

type Fields = Record<string, Json>;
interface Id {
  readonly pk: string;
  readonly sig: string;
}

/** The altered transcripts by the names of their files, of the good ones. */
export async function alteredTranscripts(
  p: Primitives,
  good: ReadonlyMap<string, JsonObject>,
): Promise<ReadonlyMap<string, JsonObject>> {
  const of = <T>(name: string): T => good.get(name) as T;
  const files = new Map<string, JsonObject>();
  files.set('refused-hellos', refusedHellos(of('handshake-identities'), of('handshake-x-wing-identities')));
  files.set('refused-answers', refusedAnswers(of('handshake-identities'), of('handshake-server-identity')));
  files.set('pins', await pins(p));
  files.set('exporter', await exporter(p));
  for (const encoding of ['json', 'octets'] as const) {
    const stream = of<Stream>(`stream-${encoding}`);
    const other = of<Stream>(`stream-${encoding}-failed`);
    for (const [name, file] of brokenStreams(stream, other))
      files.set(`broken-stream-${encoding}-${name}`, file);
  }
  return files;
}

function change(message: string, fields: Fields): string {
  return JSON.stringify({ ...(JSON.parse(message) as Fields), ...fields });
}

function without(message: string, name: string): string {
  const { [name]: _, ...rest } = JSON.parse(message) as Fields;
  return JSON.stringify(rest);
}

function idOf(message: string): Id {
  return (JSON.parse(message) as { id: Id }).id;
}

/** The other one of two texts of a base64 character: a changed byte. */
function changed(text: string): string {
  return (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
}

function refusedHellos(handshake: Handshake, xWing: Handshake): JsonObject {
  const { hello, answer } = handshake.wire;
  const [id, serverId, otherId] = [idOf(hello), idOf(answer), idOf(xWing.wire.hello)];
  const cases: readonly (readonly [title: string, code: string, hello: string])[] = [
    ['another version', 'ISO-1003', change(hello, { v: 1 })],
    ['a suite that nobody has', 'ISO-1003', change(hello, { suite: 'ML-KEM-512' })],
    ['an origin that is not the server\u2019s', 'ISO-1003', change(hello, { aud: 'https://other.example' })],
    ['the other suite, with the key as it is', 'ISO-1002', change(hello, { suite: 'X-Wing' })],
    ['no public key', 'ISO-1001', without(hello, 'pk')],
    ['a field that nobody knows', 'ISO-1001', change(hello, { more: 1 })],
    ['an identity without a signature', 'ISO-1004', change(hello, { id: { pk: id.pk } })],
    ['a signature that is too short', 'ISO-1004', change(hello, { id: { ...id, sig: id.sig.slice(4) } })],
    ['a signature with a byte changed', 'ISO-1004', change(hello, { id: { ...id, sig: changed(id.sig) } })],
    ['the signature of another hello', 'ISO-1004', change(hello, { id: { ...otherId } })],
    ['a signature of the server\u2019s role', 'ISO-1004', change(hello, { id: { ...serverId } })],
    ['the key of somebody else', 'ISO-1004', change(hello, { id: { ...id, pk: serverId.pk } })],
    ['an identity that is null', 'ISO-1004', change(hello, { id: null })],
  ];
  return {
    title: 'Hellos that a server refuses, which accepts both suites and one origin',
    inputs: { origins: [handshake.inputs.aud] },
    cases: cases.map(([title, code, text]) => ({ title, wire: { hello: text }, expected: { code } })),
  };
}

function refusedAnswers(handshake: Handshake, other: Handshake): JsonObject {
  const { answer, hello } = handshake.wire;
  const { serverPin, clientPin } = handshake.expected;
  const [id, clientId, otherId] = [idOf(answer), idOf(hello), idOf(other.wire.answer)];
  const { sid, ct, hs } = JSON.parse(other.wire.answer) as { sid: string; ct: string; hs: string };
  type Case = readonly [title: string, code: string, pins: readonly string[] | null, answer: string];
  const cases: readonly Case[] = [
    ['another version', 'ISO-1007', [serverPin], change(answer, { v: 1 })],
    ['another sid', 'ISO-1007', [serverPin], change(answer, { sid })],
    ['another ciphertext', 'ISO-1007', [serverPin], change(answer, { ct })],
    ['other terms', 'ISO-1007', [serverPin], change(answer, { hs })],
    ['the answer to another hello', 'ISO-1007', [serverPin], other.wire.answer],
    ['no identity, and pins', 'ISO-1006', [serverPin], without(answer, 'id')],
    ['no identity, and no pins', 'ISO-1007', null, without(answer, 'id')],
    ['an identity that is not pinned', 'ISO-1006', [clientPin], answer],
    ['another identity, which is pinned', 'ISO-1007', [clientPin], change(answer, { id: { ...clientId } })],
    [
      'a signature with a byte changed',
      'ISO-1006',
      [serverPin],
      change(answer, { id: { ...id, sig: changed(id.sig) } }),
    ],
    ['the same without pins', 'ISO-1006', null, change(answer, { id: { ...id, sig: changed(id.sig) } })],
    ['the signature of another handshake', 'ISO-1006', [serverPin], change(answer, { id: { ...otherId } })],
    ['an identity that is null', 'ISO-1006', [serverPin], change(answer, { id: null })],
  ];
  return {
    title: 'Answers that a client refuses',
    inputs: { suite: handshake.inputs.suite, keyPairSeed: handshake.inputs.keyPairSeed, hello },
    cases: cases.map(([title, code, trusted, text]) => ({
      title,
      inputs: { pins: trusted },
      wire: { answer: text },
      expected: { code },
    })),
  };
}

async function pins(p: Primitives): Promise<JsonObject> {
  const keys = ['server', 'client', 'next server'].map(signerOf);
  const digests = await Promise.all(keys.map(async ({ publicKey }) => p.sha256(publicKey)));
  const [digest] = digests as [Bytes, ...Bytes[]];
  const good = base64UrlEncode(digest);
  return {
    title: 'Pins: base64url of SHA-256 of ML-DSA-65 public keys',
    pins: keys.map(({ seed, publicKey }, at) => ({
      inputs: { seed: hex(seed) },
      intermediate: { publicKey: hex(publicKey), digest: hex(digests[at] as Bytes) },
      expected: { pin: base64UrlEncode(digests[at] as Bytes) },
    })),
    malformed: [
      '',
      good.slice(1),
      `${good}=`,
      ` ${good}`,
      `${good}A`,
      base64Encode(digest),
      // The last character has two bits that must be zero.
      `${'A'.repeat(42)}B`,
      hex(digest),
    ],
  };
}

async function exporter(p: Primitives): Promise<JsonObject> {
  const exported = async (secret: Bytes, label: string): Promise<JsonObject> => {
    const info = input('nen/2 exported key', utf8ToBytes(label));
    const key = await p.expand(p.macKey(secret), info);
    return { inputs: { label }, intermediate: { info: hex(info) }, expected: { key: hex(key) } };
  };
  const sessions = ['one', 'two'].map(async (name) => {
    const secret = named(`exporter secret ${name}`);
    const labels = ['login', 'login cookie', 'caf\u00e9', ''];
    return {
      inputs: { exporterSecret: hex(secret) },
      keys: await Promise.all(labels.map((label) => exported(secret, label))),
    };
  });
  return {
    title: 'Exported keys: the same on both sides of a session, other ones for each label and session',
    sessions: await Promise.all(sessions),
  };
}

/** What becomes of a stream whose records are dropped, repeated, spliced in or cut off. */
function brokenStreams(stream: Stream, other: Stream): readonly (readonly [string, JsonObject])[] {
  const framesOf = ({ intermediate }: Stream): string[] =>
    intermediate.records.map(({ frame, frameHex }) => frame ?? frameHex ?? '');
  const frames = framesOf(stream);
  const foreign = framesOf(other)[1] ?? '';
  const [first = '', , third = ''] = stream.inputs.data;
  const all = first + third;
  const { end: _, ...inputs } = stream.inputs;
  const broken: readonly (readonly [
    name: string,
    title: string,
    frames: string[],
    data: string,
    end: string,
  ])[] = [
    ['cut', 'that lacks its final record', frames.slice(0, -1), all, 'ISO-6001'],
    ['dropped', 'that lacks its second record', frames.toSpliced(1, 1), '', 'ISO-6002'],
    [
      'repeated',
      'whose second record comes twice',
      frames.toSpliced(1, 0, frames[1] ?? ''),
      first,
      'ISO-6002',
    ],
    ['spliced', 'whose second record is of another stream', frames.toSpliced(1, 1, foreign), '', 'ISO-6002'],
  ];
  return broken.map(([name, title, sent, data, end]) => {
    const bytes = sent.join('');
    const body = stream.inputs.encoding === 'octets' ? { bodyHex: bytes } : { body: bytes };
    return [
      name,
      {
        title: `A stream in ${stream.inputs.encoding} ${title}`,
        inputs,
        wire: { status: stream.wire.status, ...body },
        expected: { head: stream.expected.head ?? null, data, end },
      },
    ] as const;
  });
}
