/**
 * The primitives of this runtime for whoever can wait: WebCrypto's where they are preferred and work, which shows only
 * when they are tried. All else is loaded when it turns out to be needed: 22 KB that a browser with ML-KEM-768 and
 * ChaCha20-Poly1305 of its own never asks for.
 */
import { preferredSubtle } from './choice.ts';
import type { Primitives } from './primitives.ts';
import { webPrimitives } from './web.ts';

let tried: Promise<Primitives | undefined> | undefined;

/** @throws what import() throws where a part of the application can't be loaded. */
export async function loadPrimitives(): Promise<Primitives> {
  const subtle = preferredSubtle();
  if (subtle !== undefined) tried ??= webPrimitives(subtle);
  const web = subtle && (await tried);
  return web ?? (await import('./select.ts')).primitives();
}
