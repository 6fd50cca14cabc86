/**
 * Who the server is and whom it lets in: its ML-DSA-65 identity from a seed or a KMS, and the
 * application's word on clients.
 */
import { type Bytes, base64Decode, base64UrlDecode } from '../crypto/bytes.ts';
import { loadSigner } from '../crypto/load-ml-dsa-65.ts';
import { loadOnce } from '../crypto/load-once.ts';
import { isSigner, ML_DSA_65_SEED_BYTES, type Signer } from '../crypto/signature.ts';
import { NenError } from '../protocol/errors.ts';
import { encodePin } from '../protocol/identity.ts';
import { boundedSigner } from './bounded-signer.ts';
import { HandlerFailure } from './handler-failure.ts';
import { realRequest } from './incoming-request.ts';

/** A client that proved its key. */
export interface ClientIdentity {
  /** SHA-256 of its ML-DSA-65 public key, base64url, 43 characters. */
  readonly pin: string;
}

/**
 * Decides whether a client may have a session, at each handshake and rotation. Without side effects: a recorded
 * handshake can be played again, though nobody can use the session.
 * @param request.identity undefined for a client that proved none.
 */
export type Authorize = (request: {
  readonly identity: ClientIdentity | undefined;
  readonly req: Request;
}) => boolean | Promise<boolean>;

/**
 * What loads the identity, once: expanding a seed takes milliseconds, and builds import routes without secrets.
 * @param identity a 32-byte seed as base64 or base64url, or a signer.
 * @throws {TypeError} for anything else.
 */
export function readServerIdentity(
  identity: string | Signer | undefined,
): (() => Promise<Signer>) | undefined {
  if (identity === undefined) return undefined;
  if (typeof identity !== 'string') {
    if (isSigner(identity)) {
      const signer = boundedSigner(identity);
      return async () => signer;
    }
    throw new TypeError('identity: a Signer has a publicKey of 1952 bytes and sign()');
  }
  const seed = base64Decode(identity) ?? base64UrlDecode(identity);
  if (seed?.length !== ML_DSA_65_SEED_BYTES)
    throw new TypeError('identity: a seed of 32 bytes as base64 (npx trpc-nen keygen)');
  return loadOnce(() => loadSigner(seed, 'identity'));
}

/** The identity of NEN_IDENTITY: one that is malformed refuses handshakes, and throws nothing at import. */
export function readEnvironmentIdentity(seed: string | undefined): (() => Promise<Signer>) | undefined {
  try {
    return readServerIdentity(seed);
  } catch (cause) {
    return async () => {
      throw new NenError('ISO-1008', {
        hint: 'NEN_IDENTITY is not a seed of 32 bytes as base64 (npx trpc-nen keygen)',
        cause,
      });
    };
  }
}

/** @throws {NenError} ISO-1005. @throws {HandlerFailure} with what the application's function fails with. */
export async function authorizeClient(
  authorize: Authorize | undefined,
  clientIdentity: Bytes | undefined,
  req: Request,
): Promise<void> {
  if (authorize === undefined) return;
  const identity = clientIdentity && { pin: encodePin(clientIdentity) };
  const ask = async (): Promise<boolean> => authorize({ identity, req: realRequest(req) });
  const allowed = await ask().catch((error: unknown) => Promise.reject(new HandlerFailure(error)));
  if (allowed !== true) {
    throw new NenError('ISO-1005', {
      hint: identity === undefined ? 'no client identity' : `client ${identity.pin}`,
    });
  }
}
