/**
 * What a Content-Type says, as far as it is asked here (RFC 9110 section 8.3; RFC 6839 section 3.1 for +json).
 */

/** Type and subtype in lower case, without parameters; '' if there is none. */
export function mediaType(contentType: string | null): string {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Whether a body of this type is one JSON text. */
export function isJsonType(type: string): boolean {
  return /^application\/(?:[^/]+\+)?json$/.test(type);
}
