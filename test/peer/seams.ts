/**
 * The values on the peer's way from a call to bytes and back, by name. A bug bends one or more of them; an honest
 * peer takes each as it is. Whatever is sealed, signed or derived passes through here just before it is.
 */
import type { InnerRequest, Sections } from './binary-http.ts';
import type { Bytes, Field } from './bytes.ts';
import type { Signing } from './identity.ts';
import type { Fields } from './json-message.ts';
import type { Sealing } from './primitives.ts';
import type { Attempt } from './retry.ts';
import type { Keys, Outgoing, RecordKind, Session } from './session.ts';
import type { WireAnswer, WireRequest } from './wire.ts';

export interface Seams {
  // The key schedule, on either side.
  transcript: Field[];
  extract: { salt: Bytes; ikm: Bytes };
  'key labels': { [Key in keyof Keys]: string };

  // The handshake: what the client says, and the answer.
  'client signs': Signing;
  hello: Fields;
  'hello text': string;
  'hello request': WireRequest;
  encapsulated: { sharedSecret: Bytes; ciphertext: Bytes };
  'server signs': Signing;
  terms: Fields;
  'terms text': string;
  'hs box': Sealing;
  answer: Fields;
  'answer text': string;
  'answer response': WireAnswer;

  // A request.
  'request session': Session;
  timestamp: string;
  'request nonce': Bytes;
  /** What the request is by itself, and the value of its X-Nen-Retry. */
  retry: { own: Attempt; value: string };
  outgoing: Outgoing;
  'inner request': InnerRequest;
  'inner request sections': Sections;
  'request payload': Bytes;
  'request aad': Field[];
  'request box': Sealing;
  'sealed request': Bytes;
  'request envelope': string | Bytes;
  'signed text': string;
  'signature key': Bytes;
  request: WireRequest;

  // A response.
  'inner response sections': Sections;
  'response kind': string;
  'response status': number;
  'response payload': Bytes;
  'answer key': Field[];
  'response aad': Field[];
  'response box': Sealing;
  'sealed response': Bytes;
  'response envelope': string | Bytes;
  response: WireAnswer;

  // A stream.
  'stream key': Field[];
  'record kind': { kind: RecordKind; index: number };
  'record nonce': { nonce: Bytes; index: number };
  'record aad': Field[];
  'record box': Sealing;
  'sealed record': Bytes;
  frame: { frame: Bytes; kind: RecordKind; index: number };
  'stream frames': AsyncIterable<Bytes>;
}

export type Bug = { readonly [Name in keyof Seams]?: (right: Seams[Name]) => Seams[Name] };
export type Bend = <Name extends keyof Seams>(seam: Name, right: Seams[Name]) => Seams[Name];

export const honest: Bend = (_seam, right) => right;

export const bending =
  (bug: Bug): Bend =>
  (seam, right) => {
    const bent = bug[seam];
    return bent === undefined ? right : bent(right);
  };
