/**
 * Uint8Array.prototype.toBase64 and setFromBase64 for runtimes that lack them, so that the code over
 * them is tested everywhere: as lenient as ECMAScript 2026 is (ASCII white space is skipped, wherever it
 * stands), with lastChunkHandling 'strict' (padding is required, trailing bits are zero).
 */
import type { NativeBase64 } from '../../src/crypto/codec.ts';

export const standInBase64: NativeBase64 = {
  toBase64: (bytes) => Buffer.from(bytes).toString('base64'),
  setFromBase64(target, text) {
    const compact = text.replaceAll(/[\t\n\f\r ]/g, '');
    const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact);
    const bytes = Buffer.from(compact, 'base64');
    if (!strict || bytes.toString('base64') !== compact) throw new SyntaxError('not base64');
    // What doesn't fit is not read: whole quanta only.
    const written = bytes.length <= target.length ? bytes.length : Math.floor(target.length / 3) * 3;
    target.set(bytes.subarray(0, written));
    return { read: written === bytes.length ? text.length : (written / 3) * 4, written };
  },
};
