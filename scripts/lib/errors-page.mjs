/** docs/errors.md, made from the catalogue of error codes. */

/**
 * @typedef {{ code: string, title: string, message: string, form: string, cause: string, fix: string, ran: string }} Description
 */

const CLASSES = new Map([
  ['1', 'Handshake'],
  ['2', 'Session'],
  ['3', 'Signed headers'],
  ['4', 'Bodies'],
  ['5', 'Replay and retry'],
  ['6', 'Streams'],
]);

/**
 * @param {readonly Description[]} descriptions
 * @returns {string} the page
 */
export function errorsPage(descriptions) {
  const parts = [
    '# Error codes',
    'Made by `node scripts/docs-errors.mjs` from `src/protocol/catalogue.ts`; change it there.',
    "Every failure is a `NenError` with a `code` from this page. Codes are stable: none is ever renumbered or used for something else. `NenError.from(error)` finds it behind a `TRPCClientError`; `describeNenCode(code)` of `trpc-nen/client` and `trpc-nen/server` gives these texts to a program. What one error says of its own call is `outcome`: `'not-run'` or `'unknown'`.",
  ];
  let last = '';
  for (const description of descriptions) {
    const digit = description.code.charAt('ISO-'.length);
    if (digit !== last) parts.push(`## ${CLASSES.get(digit) ?? digit}`);
    last = digit;
    parts.push(section(description));
  }
  return `${parts.join('\n\n')}\n`;
}

/** @param {Description} description */
function section({ code, title, message, form, cause, fix, ran }) {
  return [
    `### ${code}`,
    `**${title}.** Message: “${message}” (${form})`,
    `- **Cause:** ${cause}\n- **Fix:** ${fix}\n- **Did the call run?** ${ran}`,
  ].join('\n\n');
}
