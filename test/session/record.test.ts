/** The session record: what is written is read back, and nothing else is read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, concatBytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { decodeSessionRecord, encodeSessionRecord, type SessionRecord } from '../../src/session/record.ts';

const secret = (start: number): Bytes => Uint8Array.from({ length: 32 }, (_, i) => start + i);

const RECORD: SessionRecord = {
  version: 1,
  sid: 'AAECAwQFBgcICQoLDA0ODw',
  suite: 'ML-KEM-768',
  audience: 'https://example.com',
  requestKey: secret(0),
  responseSecret: secret(32),
  exporterSecret: secret(64),
  hmacKey: secret(96),
  clientIdentity: secret(128),
  serverIdentity: secret(160),
  createdAt: 1_700_000_000_000,
  expiresAt: 1_700_003_600_000,
  epoch: 'EBESExQVFhcYGRobHB0eHw',
};

/** The fields one by one, length prefixes excluded. */
function fieldsOf(encoded: Bytes): Bytes[] {
  const fields: Bytes[] = [];
  const view = new DataView(encoded.buffer, encoded.byteOffset);
  for (let at = 0; at < encoded.length; at += 4 + view.getUint32(at)) {
    fields.push(encoded.slice(at + 4, at + 4 + view.getUint32(at)));
  }
  return fields;
}

function join(fields: readonly Bytes[]): Bytes {
  return concatBytes(
    fields.flatMap((field) => [Uint8Array.of(0, 0, field.length >> 8, field.length & 255), field]),
  );
}

/** The encoded RECORD with one field replaced. */
function withField(index: number, field: string | Bytes): Bytes {
  return join(
    fieldsOf(encodeSessionRecord(RECORD)).with(
      index,
      typeof field === 'string' ? latin1ToBytes(field) : field,
    ),
  );
}

describe('a session record', () => {
  test('is read back as it was written, with identities and without', () => {
    const { clientIdentity, serverIdentity, ...anonymous } = RECORD;
    for (const record of [
      RECORD,
      anonymous,
      { ...anonymous, clientIdentity },
      { ...anonymous, serverIdentity },
    ]) {
      expect(decodeSessionRecord(encodeSessionRecord(record as SessionRecord))).toEqual(record);
    }
    expect(decodeSessionRecord(encodeSessionRecord({ ...RECORD, suite: 'X-Wing' }))?.suite).toBe('X-Wing');
  });

  test('may end as it begins', () => {
    const ended = { ...RECORD, expiresAt: RECORD.createdAt };
    expect(decodeSessionRecord(encodeSessionRecord(ended))).toEqual(ended);
  });

  test('is small: under 400 bytes as a rule, under 1 KB at most', () => {
    expect(encodeSessionRecord(RECORD).length).toBeLessThan(400);
    const longest = { ...RECORD, audience: `https://${'a'.repeat(292)}`, epoch: 'e'.repeat(64) };
    expect(encodeSessionRecord(longest).length).toBeLessThan(1024);
  });

  test('is thirteen length-prefixed fields in this order', () => {
    const texts = fieldsOf(encodeSessionRecord(RECORD)).map((field) =>
      new TextDecoder('latin1').decode(field),
    );
    expect([...texts.slice(0, 4), ...texts.slice(10)]).toEqual([
      '1',
      'ML-KEM-768',
      'AAECAwQFBgcICQoLDA0ODw',
      'https://example.com',
      '1700000000000',
      '1700003600000',
      'EBESExQVFhcYGRobHB0eHw',
    ]);
    expect(fieldsOf(encodeSessionRecord(RECORD)).slice(4, 10)).toEqual([0, 32, 64, 96, 128, 160].map(secret));
  });

  test('any record is read back exactly', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Uint8Array.from(bytes));
    const arbitrary: fc.Arbitrary<SessionRecord> = fc.record(
      {
        version: fc.constant(1 as const),
        sid: fc.stringMatching(/^[A-Za-z0-9_-]{21}[AQgw]$/),
        suite: fc.constantFrom('ML-KEM-768' as const, 'X-Wing' as const),
        audience: fc.stringMatching(/^https:\/\/[a-z0-9.-]{1,60}$/),
        requestKey: bytes32,
        responseSecret: bytes32,
        exporterSecret: bytes32,
        hmacKey: bytes32,
        clientIdentity: bytes32,
        serverIdentity: bytes32,
        createdAt: fc.integer({ min: 1_000_000_000_000, max: 5_000_000_000_000 }),
        expiresAt: fc.integer({ min: 5_000_000_000_000, max: 9_999_999_999_999 }),
        epoch: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
      },
      { noNullPrototype: true, requiredKeys: required() },
    );
    fc.assert(
      fc.property(arbitrary, (record) => {
        const encoded = encodeSessionRecord(record);
        expect(decodeSessionRecord(encoded)).toEqual(record);
        // Also where the store hands out a view into something larger.
        const larger = concatBytes([secret(7), encoded, secret(9)]);
        expect(decodeSessionRecord(larger.subarray(32, 32 + encoded.length))).toEqual(record);
      }),
    );
  });

  test('keeps nothing of the bytes it was read from: they may be wiped', () => {
    const encoded = encodeSessionRecord(RECORD);
    const decoded = decodeSessionRecord(encoded);
    encoded.fill(0);
    expect(decoded).toEqual(RECORD);
  });
});

describe('nothing else is a session record:', () => {
  const encoded = encodeSessionRecord(RECORD);

  test('not one cut at any byte', () => {
    for (let length = 0; length < encoded.length; length++) {
      expect(decodeSessionRecord(encoded.slice(0, length)), `cut at ${length}`).toBeUndefined();
    }
  });

  test('not one with anything after it', () => {
    for (const more of [Uint8Array.of(0), new Uint8Array(4), encoded]) {
      expect(decodeSessionRecord(concatBytes([encoded, more]))).toBeUndefined();
    }
  });

  test('not one with any bit of any length flipped', () => {
    let at = 0;
    for (const field of fieldsOf(encoded)) {
      for (let bit = 0; bit < 32; bit++) {
        const wrong = encoded.slice();
        wrong.set([(wrong[at + (bit >> 3)] ?? 0) ^ (1 << (bit & 7))], at + (bit >> 3));
        expect(decodeSessionRecord(wrong), `length at ${at}, bit ${bit}`).toBeUndefined();
      }
      at += 4 + field.length;
    }
    expect(at).toBe(encoded.length);
  });

  test('not one with a field left out, doubled or swapped with its neighbour', () => {
    const fields = fieldsOf(encoded);
    // Secrets of one length can't tell that they were swapped.
    const alike = new Set([4, 5, 6, 7, 8]);
    for (const [i, field] of fields.entries()) {
      expect(decodeSessionRecord(join(fields.toSpliced(i, 1)))).toBeUndefined();
      expect(decodeSessionRecord(join(fields.toSpliced(i, 0, field)))).toBeUndefined();
      const next = fields[i + 1];
      if (next === undefined || alike.has(i)) continue;
      expect(
        decodeSessionRecord(join(fields.toSpliced(i, 2, next, field))),
        `swapped at ${i}`,
      ).toBeUndefined();
    }
  });

  test.each<[string, number, (string | Bytes)[]]>([
    ['version', 0, ['', '0', '2', '11', '01', ' 1']],
    ['suite', 1, ['', 'X-Wing ', 'x-wing', 'ML-KEM-512', 'ML-KEM-1024', '__proto__']],
    [
      'sid',
      2,
      [
        '',
        'AAECAwQFBgcICQoLDA0OD',
        'AAECAwQFBgcICQoLDA0ODw=',
        'AAECAwQFBgcICQoLDA0ODx',
        'AAECAwQFBgcICQoLDA0O+w',
      ],
    ],
    ['audience', 3, ['', 'https://a b', 'https://a\n', 'https://\u00e9', 'a'.repeat(301)]],
    ['requestKey', 4, ['', secret(0).slice(1), new Uint8Array(33)]],
    ['responseSecret', 5, ['', secret(0).slice(1), new Uint8Array(33)]],
    ['exporterSecret', 6, ['', secret(0).slice(1), new Uint8Array(33)]],
    ['hmacKey', 7, ['', secret(0).slice(1), new Uint8Array(33)]],
    ['clientIdentity', 8, [secret(0).slice(1), new Uint8Array(33), new Uint8Array(1952)]],
    ['serverIdentity', 9, [secret(0).slice(1), new Uint8Array(33), new Uint8Array(1952)]],
    [
      'createdAt',
      10,
      ['', '0', '0700000000000', '17000000000000', '1700000000000.', '1.70000000e12', '1700003600001'],
    ],
    ['expiresAt', 11, ['', '0', '0700000000000', '17000000000000', '-700000000000', 'NaN', '1699999999999']],
    ['epoch', 12, ['', ' ', 'a\0', '\u00e9', 'a.b', 'a=', 'e'.repeat(65)]],
  ])('not one with another %s', (_, index, wrongs) => {
    for (const wrong of wrongs)
      expect(decodeSessionRecord(withField(index, wrong)), String(wrong)).toBeUndefined();
  });

  test('not random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        (bytes) => decodeSessionRecord(Uint8Array.from(bytes)) === undefined,
      ),
    );
  });

  test('and none of those is written', () => {
    const wrong: Partial<SessionRecord>[] = [
      { sid: 'short' },
      { audience: '' },
      { audience: 'https://\u{1f511}' },
      { requestKey: new Uint8Array(31) },
      { hmacKey: new Uint8Array(0) },
      { clientIdentity: new Uint8Array(0) },
      { serverIdentity: new Uint8Array(0) },
      { serverIdentity: new Uint8Array(1952) },
      { createdAt: Number.NaN },
      { createdAt: 1_700_000_000_000.5 },
      { expiresAt: 1_600_000_000_000 },
      { expiresAt: Number.POSITIVE_INFINITY },
      { epoch: '' },
    ];
    for (const part of wrong) expect(() => encodeSessionRecord({ ...RECORD, ...part })).toThrow(RangeError);
    expect(() => encodeSessionRecord({ ...RECORD, sid: 'short' })).toThrow('the session record is malformed');
  });
});

function required(): Exclude<keyof SessionRecord, 'clientIdentity' | 'serverIdentity'>[] {
  return [
    'version',
    'sid',
    'suite',
    'audience',
    'requestKey',
    'responseSecret',
    'exporterSecret',
    'hmacKey',
    'createdAt',
    'expiresAt',
    'epoch',
  ];
}
