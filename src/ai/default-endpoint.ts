/** Of both sides, and so the one file of src/ai that src/ai/server may import. It imports nothing itself. */

/** Where `withSecureAI` answers, unless both sides are told otherwise. */
export const DEFAULT_ENDPOINT = '/api/ai';
