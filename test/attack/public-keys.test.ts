/** The public keys that ML-KEM must refuse, of CCTV and Wycheproof, sent to the server's own handshake route. */
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { base64Encode, bytesToUtf8, utf8ToBytes, viewOf } from '../../src/crypto/bytes.ts';
import { unhex } from '../crypto/implementations.ts';
import { readWhole, refusalIn, Stage, toRequest } from '../flips/stage.ts';
import type { Outcome } from '../flips/tally.ts';
import {
  describeVectors,
  readJson,
  readVectors,
  type VectorFile,
  type WycheproofTest,
} from '../vectors/vectors.ts';
import { AUDIENCE, handshakeRequest } from './harness.ts';

type EncapsFile = VectorFile<{ readonly tests: readonly (WycheproofTest & { readonly ek: string })[] }>;

/** What a handshake with this key comes to; undefined if it is answered. */
async function handshake(stage: Stage, ek: string): Promise<Outcome | undefined> {
  const pk = base64Encode(unhex(ek));
  const hello = utf8ToBytes(JSON.stringify({ v: 2, suite: 'ML-KEM-768', aud: AUDIENCE, pk }));
  const request = toRequest(handshakeRequest(hello));
  if (request === undefined) throw new Error('no request');
  const { status, bytes } = await readWhole(await stage.nen.routes.POST(request));
  return refusalIn(bytesToUtf8(bytes), status);
}

describeVectors('public keys at the handshake route', () => {
  it('row 10: refuses the 780 keys of CCTV, with every value from q to 4095 and at every place', async () => {
    const stage = new Stage();
    await stage.openSession();
    const text = bytesToUtf8(viewOf(gunzipSync(readVectors('cctv/ML-KEM-768-modulus.txt.gz'))));
    const keys = text.split('\n').filter((line) => line !== '');
    expect(keys).toHaveLength(780);
    for (const key of keys) expect(await handshake(stage, key)).toBe('ISO-1002');
    await stage.openSession();
    expect(stage.store.created).toHaveLength(2);
  });

  it('rows 9 and 10: refuses the 132 keys that Wycheproof calls invalid, answers the 133 others', async () => {
    const stage = new Stage();
    const { testGroups } = readJson<EncapsFile>('wycheproof/mlkem_768_encaps_test.json');
    const outcomes = { valid: 0, invalid: 0 };
    for (const { result, ek } of testGroups.flatMap(({ tests }) => tests)) {
      const code = await handshake(stage, ek);
      const expected = ek === '' ? 'ISO-1001' : 'ISO-1002';
      expect(code).toBe(result === 'valid' ? undefined : expected);
      outcomes[result]++;
    }
    expect(outcomes).toEqual({ valid: 133, invalid: 132 });
    expect(stage.store.created).toHaveLength(133);
  });
});
