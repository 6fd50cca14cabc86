'use client';

import { useChat } from '@ai-sdk/react';
import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import { transport } from '@/lib/channel';
import styles from './chat.module.css';
import { Message } from './message';

/** A chat as the AI SDK has it. The transport is all that knows of the seal. */
export function Chat() {
  const { messages, sendMessage, status, stop, error, regenerate } = useChat({ transport });
  const [draft, setDraft] = useState(
    'My landlord wants to raise the rent by a third. Do I have to accept that?',
  );
  const end = useRef<HTMLDivElement>(null);
  const isBusy = status === 'submitted' || status === 'streaming';

  // biome-ignore lint/correctness/useExhaustiveDependencies: each new word scrolls
  useEffect(() => {
    void end.current?.scrollIntoView({ block: 'nearest' });
  }, [messages]);

  function send(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy || draft.trim() === '') return;
    void sendMessage({ text: draft });
    setDraft('');
  }

  return (
    <main className={styles.chat}>
      <header className={styles.head}>
        <h1 className={styles.title}>Alder &amp; Finch</h1>
        <p className={styles.lead}>
          Tell us what happened. What you write is sealed in this page and opened on our server.{' '}
          <a href="#wire">See what travels</a>
        </p>
      </header>
      <div className={styles.log} role="log" aria-label="Conversation" aria-busy={isBusy}>
        {messages.map((message) => (
          <Message key={message.id} message={message} />
        ))}
        {status === 'submitted' && <p className={styles.waiting}>Sealing, sending, waiting…</p>}
        {error && (
          <p className={styles.error} role="alert">
            The answer did not arrive whole: {error.message}{' '}
            <button className={styles.again} type="button" onClick={() => regenerate()}>
              Ask again
            </button>
          </p>
        )}
        <div className={styles.end} ref={end} />
      </div>
      <form className={styles.form} onSubmit={send}>
        <label className={styles.field}>
          <span className={styles.label}>Your message</span>
          <textarea
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              event.currentTarget.form?.requestSubmit();
            }}
            rows={2}
            maxLength={2000}
          />
        </label>
        {isBusy ? (
          <button className={styles.stop} type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <button className={styles.send} type="submit" disabled={draft.trim() === ''}>
            Send
          </button>
        )}
      </form>
    </main>
  );
}
