/**
 * PROTOCOL.md says what the code does: its tables agree with the constants. That it is enough to build on, test/peer
 * shows, which was written from it alone.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as constants from '../../src/protocol/constants.ts';
import { isNenErrorCode, statusOf, WIRE_ERRORS } from '../../src/protocol/errors.ts';

const root = new URL('../../', import.meta.url);
const document = readFileSync(new URL('PROTOCOL.md', root), 'utf8');

describe('PROTOCOL.md', () => {
  it.each(Object.keys(WIRE_ERRORS).filter(isNenErrorCode))('has %s as the code has it', (code) => {
    const row = document.split('\n').find((line) => line.startsWith(`| ${code.slice('ISO-'.length)} |`));
    const [, , message, status = ''] = (row ?? '').split('|').map((cell) => cell.trim());
    expect(message).toBe(WIRE_ERRORS[code].message);
    if (status !== '') expect(Number(status)).toBe(statusOf(code));
    else expect(WIRE_ERRORS[code].status).toBeUndefined();
  });

  it('has every label and every header name of the code', () => {
    for (const [name, value] of Object.entries(constants)) {
      if (name.startsWith('LABEL_'))
        expect(document).toContain(`"${value}"`.replaceAll('"nen/2 client hello"', 'nen/2 client hello'));
      if (name.startsWith('HEADER_')) expect(document).toContain(`\`${value}\``);
    }
  });

  it('has the limits of the code', () => {
    const limits: readonly (readonly [row: string, value: number])[] = [
      ['timestamp window | 30 s', constants.WINDOW_MS / 1000],
      ['margin of a claim | 60 s', constants.CLAIM_MARGIN_MS / 1000],
      ['life of a session | 1 h', constants.SESSION_TTL_MS / 3_600_000],
      ['idle time of a session | 15 min', constants.SESSION_IDLE_MS / 60_000],
      ['unconfirmed session | 30 s', constants.UNCONFIRMED_TTL_MS / 1000],
      ['handshake, client waits | 10 s', constants.HANDSHAKE_TIMEOUT_MS / 1000],
      ['handshake message and answer | 16 KiB', constants.MAX_HANDSHAKE_BYTES / 1024],
      ['sealed request body | 8 MiB', constants.MAX_REQUEST_BYTES / 2 ** 20],
      ['as the client reads it | 8 MiB', constants.MAX_ENVELOPE_BYTES / 2 ** 20],
      ['as the server writes it | 1 MiB', constants.MAX_SINGLE_ANSWER_BYTES / 2 ** 20],
      ['plain refusal, as the client reads it | 16 KiB', constants.MAX_PLAIN_ANSWER_BYTES / 1024],
      ['record of a stream, plaintext | 64 KiB', constants.MAX_RECORD_BYTES / 1024],
      ['empty record after | 15 s', constants.KEEP_ALIVE_MS / 1000],
      ['silence on a stream | 45 s', constants.SILENCE_MS / 1000],
      ['JSON of kind `json` | 64 levels', constants.MAX_JSON_DEPTH],
    ];
    for (const [row, value] of limits) {
      expect(document).toContain(row);
      expect(Number(/\| (\d+)/.exec(row)?.[1])).toBe(value);
    }
    expect(constants.SESSION_MAX_REQUESTS).toBe(2 ** 20);
    expect(constants.MAX_RECORDS).toBe(2 ** 32);
  });

  it('links to sections and files that exist', () => {
    const headings = [...document.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, target = ''] of document.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      if (target.startsWith('#')) expect(headings).toContain(target.slice(1));
      else expect(existsSync(new URL(target, root)), target).toBe(true);
    }
  });
});
