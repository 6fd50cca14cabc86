'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { useTRPC } from '@/trpc/client';
import { watchWords } from '@/wire/words';
import form from './form.module.css';
import styles from './note-form.module.css';

export function NoteForm() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [patient, setPatient] = useState('Marisol Vega');
  const [text, setText] = useState('Headache gone two hours after the tablet. Sleeps well again.');
  const add = useMutation(
    trpc.notes.add.mutationOptions({
      onSuccess: () => {
        setText('');
        return queryClient.invalidateQueries(trpc.notes.list.queryFilter());
      },
    }),
  );

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    watchWords(`${patient} ${text}`);
    add.mutate({ patient, text });
  }

  return (
    <form className={form.form} onSubmit={submit}>
      <div className={styles.row}>
        <label className={form.field}>
          Patient
          <input
            value={patient}
            onChange={(event) => setPatient(event.target.value)}
            maxLength={80}
            required
          />
        </label>
        <label className={form.field}>
          New note
          <input value={text} onChange={(event) => setText(event.target.value)} maxLength={500} required />
        </label>
        <button className={form.button} type="submit" disabled={add.isPending}>
          Add note
        </button>
      </div>
      {add.error && (
        <p className={form.error} role="alert">
          {add.error.message}
        </p>
      )}
    </form>
  );
}
