/** workerd, as a module worker. The server side is made at the top of the module, as an application's is. */
import { createRuntimeApp } from '../suite.ts';

export default { fetch: createRuntimeApp(GOLDEN_TRANSCRIPTS) };
