/**
 * Every constant of the protocol: labels, header names, sizes and limits (PROTOCOL.md).
 * A label is one whole string, never built at run time and never used for two purposes:
 * that keeps every hash, AAD and derived key in a domain of its own.
 */

export const PROTOCOL_VERSION = 2;

// Labels of hashes and key derivations.
export const LABEL_CLIENT_HELLO = 'nen/2 client hello';
export const LABEL_TRANSCRIPT = 'nen/2 transcript';
export const LABEL_HANDSHAKE_KEY = 'nen/2 handshake key';
export const LABEL_REQUEST_KEY = 'nen/2 request key';
export const LABEL_RESPONSE_SECRET = 'nen/2 response secret';
export const LABEL_EXPORTER = 'nen/2 exporter';
export const LABEL_ANSWER_KEY = 'nen/2 answer';
export const LABEL_STREAM_KEY = 'nen/2 stream';
export const LABEL_STORE_KEY_ID = 'nen/2 store key id';
export const LABEL_RECORD_SEAL_KEY = 'nen/2 record seal key';
export const LABEL_EXPORTED_KEY = 'nen/2 exported key';

// Labels of additional authenticated data.
export const LABEL_REQUEST = 'nen/2 request';
export const LABEL_RESPONSE = 'nen/2 response';
export const LABEL_RECORD = 'nen/2 record';
export const LABEL_RECORD_SEAL = 'nen/2 record seal';

// Context strings of identity signatures.
export const CONTEXT_CLIENT = 'nen/2 client';
export const CONTEXT_SERVER = 'nen/2 server';

// Header names, as sent; lookups are case-insensitive.
export const HEADER_SESSION = 'X-Nen-Session';
export const HEADER_TIMESTAMP = 'X-Nen-Timestamp';
export const HEADER_NONCE = 'X-Nen-Nonce';
export const HEADER_SIGNATURE = 'X-Nen-Signature';
export const HEADER_RETRY = 'X-Nen-Retry';
export const HEADER_TAG = 'X-Nen-Tag';

/** The segment under an endpoint that tunnelled calls go to. */
export const TUNNEL_SEGMENT = 'sealed';

export const CONTENT_TYPE_JSON = 'application/json';
export const CONTENT_TYPE_OCTETS = 'application/octet-stream';
export const CONTENT_TYPE_SSE = 'text/event-stream';

// Sizes in bytes. Those of the AEAD are crypto/aead-sizes.ts's.
export const SID_BYTES = 16;
export const MAC_BYTES = 32;
export const PIN_BYTES = 32;

// Limits. Times in milliseconds.
export const WINDOW_MS = 30_000;
export const CLAIM_MARGIN_MS = 60_000;
export const MAX_AGE_AT_CLAIM_MS = 60_000;
export const HANDSHAKE_TIMEOUT_MS = 10_000;
export const UNCONFIRMED_TTL_MS = 30_000;
export const SESSION_TTL_MS = 3_600_000;
export const SESSION_IDLE_MS = 900_000;
export const SESSION_MAX_REQUESTS: number = 2 ** 20;
/** A client rotates its session by itself at this part of its life, and after this many requests. */
export const ROTATE_AT_LIFE = 0.8;
export const ROTATE_AFTER_REQUESTS: number = 2 ** 19;
export const MAX_REQUEST_BYTES: number = 8 * 1024 * 1024;
export const MAX_ENVELOPE_BYTES: number = 8 * 1024 * 1024;
export const MAX_PLAIN_ANSWER_BYTES: number = 16 * 1024;
export const MAX_HANDSHAKE_BYTES: number = 16 * 1024;
export const MAX_SINGLE_ANSWER_BYTES: number = 1024 * 1024;
export const MAX_RECORD_BYTES: number = 64 * 1024;
export const MAX_RECORDS: number = 2 ** 32;
export const KEEP_ALIVE_MS = 15_000;
export const SILENCE_MS = 45_000;
export const MAX_JSON_DEPTH = 64;
export const MAX_JSON_KEYS = 100_000;
