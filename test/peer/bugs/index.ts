/** Every way in which the peer can misbehave: what one side sends that the other must refuse, and with which code. */
import { clientHandshakeBugs } from './client-handshake.ts';
import { clientPayloadBugs } from './client-payload.ts';
import { clientRequestBugs } from './client-request.ts';
import { collected } from './misbehaviour.ts';
import { serverHandshakeBugs } from './server-handshake.ts';
import { serverResponseBugs } from './server-response.ts';
import { serverStreamBugs } from './server-stream.ts';

export const bugs = {
  client: collected(clientHandshakeBugs, clientRequestBugs, clientPayloadBugs),
  server: collected(serverHandshakeBugs, serverResponseBugs, serverStreamBugs),
};
