/** Tables in Markdown, columns aligned so that they read well unrendered too. */

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows columns of figures are aligned to the right
 * @returns {string}
 */
export function table(head, rows) {
  const isFigures = head.map((_, i) => rows.every((row) => /^[0-9.]*$|^none$/.test(row[i] ?? '')));
  const widths = head.map((name, i) => Math.max(name.length, 3, ...rows.map((row) => row[i]?.length ?? 0)));
  /** @param {readonly string[]} cells */
  const line = (cells) => {
    const padded = widths.map((width, i) => {
      const cell = cells[i] ?? '';
      return isFigures[i] ? cell.padStart(width) : cell.padEnd(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, i) => (isFigures[i] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/**
 * @param {number | undefined} value
 * @returns {string} three significant digits at least, whole from 100 up; '' for nothing
 */
export function figure(value) {
  if (value === undefined) return '';
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
