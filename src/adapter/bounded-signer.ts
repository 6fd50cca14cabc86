/**
 * A signer of the application's own, held to limits: a KMS that is slow or silent can't hold a handshake for
 * ever, nor let waiting ones pile up. To clients both are ISO-1008; the log tells them by their names.
 */
import type { Signer } from '../crypto/signature.ts';

/** Half of what a client waits for its handshake. */
const SIGNER_TIMEOUT_MS = 5_000;

/** How many signatures may be waited for at once: a KMS that takes 50 ms still signs 5 000 handshakes a second. */
const MAX_PENDING_SIGNATURES = 256;

export function boundedSigner(signer: Signer): Signer {
  let pending = 0;
  return {
    keyId: signer.keyId,
    publicKey: signer.publicKey,
    sign(message, context) {
      if (pending >= MAX_PENDING_SIGNATURES) throw named('SignerBusyError');
      const signature = signer.sign(message, context);
      if (signature instanceof Uint8Array) return signature;
      pending++;
      return inTime(signature).finally(() => {
        pending--;
      });
    },
  };
}

/** What comes later is dropped. */
function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(named('SignerTimeoutError')), SIGNER_TIMEOUT_MS);
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

function named(name: string): Error {
  return Object.assign(new Error('the signer gave no signature in time'), { name });
}
