/** What an examination comes to, one line each. */

export interface Finding {
  /** 'note': nothing is broken, but it is good to know. */
  readonly mark: 'ok' | 'note' | 'found';
  readonly subject: string;
  readonly text: string;
  /** What to do about it. */
  readonly todo?: string;
}

export function ok(subject: string, text: string): Finding {
  return { mark: 'ok', subject, text };
}

export function note(subject: string, text: string, todo?: string): Finding {
  return { mark: 'note', subject, text, ...(todo !== undefined && { todo }) };
}

export function found(subject: string, text: string, todo: string): Finding {
  return { mark: 'found', subject, text, todo };
}
