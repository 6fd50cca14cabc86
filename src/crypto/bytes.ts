/**
 * Bytes and their spellings: latin1, UTF-8 and base64 (RFC 4648 section 4, canonical).
 * Node's Buffer does the work where there is one; the platform's own functions elsewhere.
 */

/** Bytes that own no shared memory: what fetch bodies, WebCrypto and node:crypto all take. */
export type Bytes = Uint8Array<ArrayBuffer>;
