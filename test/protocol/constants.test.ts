/** The labels and numbers of PROTOCOL.md. */
import { expect, it } from 'vitest';
import * as constants from '../../src/protocol/constants.ts';

it('has each label once, whole, of this version', () => {
  const labels = Object.entries(constants)
    .filter(([name]) => name.startsWith('LABEL_'))
    .map(([, label]) => String(label));
  expect(labels.length).toBeGreaterThanOrEqual(11);
  expect(new Set(labels).size).toBe(labels.length);
  for (const label of labels) expect(label).toMatch(/^nen\/2 [a-z ]+$/);
});

it('has the limits of the protocol', () => {
  expect(constants).toMatchObject({
    PROTOCOL_VERSION: 2,
    TUNNEL_SEGMENT: 'sealed',
    WINDOW_MS: 30_000,
    CLAIM_MARGIN_MS: 60_000,
    HANDSHAKE_TIMEOUT_MS: 10_000,
    UNCONFIRMED_TTL_MS: 30_000,
    SESSION_TTL_MS: 3_600_000,
    SESSION_IDLE_MS: 900_000,
    SESSION_MAX_REQUESTS: 1_048_576,
    MAX_REQUEST_BYTES: 8_388_608,
    MAX_ENVELOPE_BYTES: 8_388_608,
    MAX_PLAIN_ANSWER_BYTES: 16_384,
    MAX_HANDSHAKE_BYTES: 16_384,
    MAX_SINGLE_ANSWER_BYTES: 1_048_576,
    MAX_RECORD_BYTES: 65_536,
    MAX_RECORDS: 4_294_967_296,
    KEEP_ALIVE_MS: 15_000,
    SILENCE_MS: 45_000,
  });
});
