/** An upload that does not end by itself, for servers that must end it. */
import { request as httpRequest } from 'node:http';
import type { WireRequest } from './harness.ts';

const MEBIBYTE = 2 ** 20;

/** Writes 1 MiB after another, without a length, until the server answers or has taken `mebibytes`. */
export function upload(
  port: number,
  request: WireRequest,
  mebibytes: number,
): Promise<{ status: number; text: string; written: number }> {
  return new Promise((resolve) => {
    const chunk = new Uint8Array(MEBIBYTE).fill(0x41);
    let written = 0;
    let answered = false;
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      method: request.method,
      path: request.target,
      agent: false,
      headers: { ...(request.headers as Record<string, string>), 'Transfer-Encoding': 'chunked' },
    });
    outgoing.on('response', (incoming) => {
      answered = true;
      let text = '';
      incoming.setEncoding('latin1');
      incoming.on('data', (data: string) => {
        text += data;
      });
      incoming.on('error', () => undefined);
      incoming.on('close', () => {
        outgoing.destroy();
        resolve({ status: incoming.statusCode ?? 0, text, written });
      });
    });
    // A server that stops reading may close before its answer is read: then there is none.
    outgoing.on('error', () => {
      if (!answered) resolve({ status: 0, text: '', written });
    });
    const write = (): void => {
      while (!answered && !outgoing.destroyed && written < mebibytes) {
        written++;
        if (!outgoing.write(chunk)) {
          outgoing.once('drain', write);
          return;
        }
      }
      if (!answered && !outgoing.destroyed) outgoing.end();
    };
    write();
  });
}
