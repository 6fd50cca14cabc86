/** The sizes of ChaCha20-Poly1305 (RFC 8439 section 2.8), in bytes. */
export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
