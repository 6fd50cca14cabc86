'use client';

import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { formatMoment } from '@/lib/format';
import { useTRPC } from '@/trpc/client';
import { watchWords } from '@/wire/words';
import { Card } from './card';
import form from './form.module.css';
import { NoteForm } from './note-form';
import styles from './notes.module.css';

export function Notes() {
  const { data: notes, error } = useQuery(useTRPC().notes.list.queryOptions());
  useEffect(() => {
    for (const { patient, text, author } of notes ?? []) watchWords(`${patient} ${text} ${author}`);
  }, [notes]);
  return (
    <Card title="Patient notes" way="sealed">
      {error && (
        <p className={form.error} role="alert">
          {error.message}
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls has to be reachable by keyboard */}
      <ul className={styles.notes} tabIndex={0} aria-busy={!notes && !error} aria-label="Notes, newest first">
        {notes?.map((note) => (
          <li className={styles.note} key={note.id}>
            <h3 className={styles.patient}>{note.patient}</h3>
            <p>{note.text}</p>
            <p className={styles.by}>
              {note.author},{' '}
              <time dateTime={note.writtenAt.toISOString()}>{formatMoment(note.writtenAt)}</time>
            </p>
          </li>
        ))}
      </ul>
      <NoteForm />
    </Card>
  );
}
