import { DefaultChatTransport } from 'ai';
import { NenClient } from 'trpc-nen/client';
import { recordingFetch } from './wire';

const pins = process.env.NEXT_PUBLIC_NEN_PINS?.split(',');

/** The sealed channel. It connects at the first message; `recordingFetch` shows what leaves the page. */
const client = new NenClient('', { fetch: recordingFetch, ...(pins && { serverPins: pins }) });

export const transport = new DefaultChatTransport({ api: '/api/chat', fetch: client.fetch });
export const { security } = client;
