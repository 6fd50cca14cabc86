/** One exchange with known keys, so that a test can seal whatever it wants to see opened. */
import type { Bytes } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { Encoding, RequestKind } from '../../src/protocol/envelope.ts';
import type { Exchange } from '../../src/protocol/exchange.ts';
import { importKeys, type SessionContext } from '../../src/protocol/keys.ts';

function newSession(): SessionContext {
  const secret = (): Bytes => randomBytes(32);
  const secrets = {
    requestKey: secret(),
    responseSecret: secret(),
    exporterSecret: secret(),
    hmacKey: secret(),
  };
  return { sid: 'AAAAAAAAAAAAAAAAAAAAAA', keys: importKeys(primitives(), secrets) };
}

export function newExchange(
  encoding: Encoding = 'json',
  kind: RequestKind = 'http',
  session: SessionContext = newSession(),
): Exchange {
  return { session, nonce: randomBytes(12), kind, encoding };
}

export const ENCODINGS = ['json', 'octets'] as const;
