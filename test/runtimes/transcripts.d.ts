/** What scripts/lib/runtime-bundle.mjs puts in place of this name: the files of test/vectors/golden. */
declare const GOLDEN_TRANSCRIPTS: Readonly<Record<string, unknown>>;
