/** Opens the sealed stream that an answer turned out to be. Loaded during the handshake: handshaker.ts. */
import type { Bytes } from '../../crypto/bytes.ts';
import type { Exchange } from '../../protocol/exchange.ts';
import type { Field } from '../../protocol/headers.ts';
import { StreamOpener } from '../../protocol/stream.ts';
import type { BodyReader } from './body-reader.ts';
import { openSealedBody, openSealedBytes } from './sealed-body.ts';

/** As it arrives, or all of its records where bodies don't stream. */
export type BegunStream =
  | { readonly reader: BodyReader; readonly first: Bytes | undefined }
  | { readonly records: Bytes };

export interface OpenStreamOptions {
  readonly exchange: Exchange;
  /** The outer one, which is authenticated. */
  readonly status: number;
  readonly begun: BegunStream;
  readonly signal: AbortSignal | null;
  /** Called once, when nothing more will be opened. */
  readonly onOpened: () => void;
}

/** The handler's response. */
export interface StreamAnswer {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: Bytes | ReadableStream<Bytes>;
}

export type OpenStream = (options: OpenStreamOptions) => Promise<StreamAnswer>;

/** Resolves as soon as the head is opened. @throws {NenError} */
export const openStream: OpenStream = async ({ exchange, status, begun, signal, onOpened }) => {
  const opener = new StreamOpener(exchange, status);
  const { head, body } =
    'records' in begun
      ? await openSealedBytes(opener, begun.records, onOpened)
      : await openSealedBody(opener, begun.reader, begun.first, signal, onOpened);
  return { status: head.status, fields: head.fields, body };
};
