import { convertToModelMessages, streamText, type UIMessage } from 'ai';
import { z } from 'zod';
import { nen } from '@/lib/nen';
import { model } from '@/server/model';

const MAX_MESSAGES = 50;
const input = z.object({ messages: z.array(z.custom<UIMessage>()).max(MAX_MESSAGES) });

/** An ordinary route of the AI SDK. What it takes was opened for it, and what it returns is sealed. */
export const POST = nen.withNen(
  async (req, { messages }) => {
    const result = streamText({
      model: model(),
      system: 'You are the first contact of a law firm. Answer in two short paragraphs.',
      messages: await convertToModelMessages(messages),
      abortSignal: req.signal,
    });
    return result.toUIMessageStreamResponse();
  },
  { input },
);
