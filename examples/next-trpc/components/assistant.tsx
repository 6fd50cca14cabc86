'use client';

import { skipToken } from '@tanstack/react-query';
import { useSubscription } from '@trpc/tanstack-react-query';
import { type SubmitEvent, useState } from 'react';
import { useTRPC, useTRPCClient } from '@/trpc/client';
import { watchWords } from '@/wire/words';
import styles from './assistant.module.css';
import { Card } from './card';
import form from './form.module.css';

/** A subscription whose answer comes word by word; each event is a sealed record of its own. */
export function Assistant() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const [question, setQuestion] = useState('Sum up the ward for the night shift. What should I check first?');
  const [asked, setAsked] = useState<string>();
  const [answer, setAnswer] = useState('');
  const [ending, setEnding] = useState('');
  const writing = asked !== undefined;

  const subscription = useSubscription(
    trpc.assistant.answer.subscriptionOptions(writing ? { question: asked } : skipToken, {
      onData: ({ data: word }) => {
        watchWords(word);
        setAnswer((before) => before + word);
      },
      onError: () => setAsked(undefined),
      onConnectionStateChange: ({ state }) => {
        if (state === 'idle') setAsked(undefined);
      },
    }),
  );

  function ask(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    watchWords(question);
    setAnswer('');
    setEnding('');
    setAsked(question);
  }

  async function stop() {
    setAsked(undefined);
    const outcome = await client.assistant.outcome.query().catch(() => undefined);
    setEnding(
      outcome
        ? `Stopped, and the server too: it wrote ${outcome.written} of ${outcome.of} words.`
        : 'Stopped.',
    );
  }

  return (
    <Card title="Ask the assistant" way="sealed">
      <form className={form.form} onSubmit={ask}>
        <label className={form.field}>
          Your question
          <textarea
            value={question}
            onChange={(event) => setQuestion(event.target.value)}
            maxLength={500}
            required
          />
        </label>
        <div className={form.actions}>
          <button className={form.button} type="submit" disabled={writing}>
            Ask
          </button>
          <button className={form.quiet} type="button" onClick={stop} disabled={!writing}>
            Stop
          </button>
          <p className={form.hint}>A local generator, no model and no network.</p>
        </div>
      </form>
      <div className={styles.answer} role="log" aria-live="polite" aria-busy={writing} aria-label="Answer">
        {answer || (writing ? '' : 'The answer streams in here, word by word.')}
        {writing && <span className={styles.caret} aria-hidden="true" />}
      </div>
      <p className={form.hint} role="status">
        {ending}
      </p>
      {subscription.error && (
        <p className={form.error} role="alert">
          {subscription.error.message}
        </p>
      )}
    </Card>
  );
}
