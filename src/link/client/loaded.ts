/** What a client loads when it first needs it comes over the network, as the scripts of a page do. */
import { NenError } from '../../protocol/errors.ts';

/** The part, before anything is sent that needs it. @throws {NenError} ISO-1007 for one that does not come. */
export async function loaded<Part>(part: Promise<Part>): Promise<Part> {
  return part.catch((cause: unknown) => {
    const message = 'A part of this client could not be loaded.';
    throw new NenError('ISO-1007', { outcome: 'not-run', cause, message });
  });
}
