'use client';

import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { formatTime } from '@/lib/format';
import { useTRPC } from '@/trpc/client';
import { watchWords } from '@/wire/words';
import styles from './on-call.module.css';

/** useQuery never runs while the server renders: the HTML has the gaps, the browser fills them. */
export function OnCall() {
  const { data, error } = useQuery(useTRPC().clinic.onCall.queryOptions());
  useEffect(() => {
    if (data) watchWords(data.doctor);
  }, [data]);
  if (error) return <p role="alert">{error.message}</p>;
  return (
    <div aria-busy={!data}>
      <p>{data?.doctor ?? <Gap width="9rem" />}</p>
      <p>{data ? `Extension ${data.extension}` : <Gap width="7rem" />}</p>
      <p>{data ? `Until ${formatTime(data.until)}` : <Gap width="5rem" />}</p>
    </div>
  );
}

function Gap({ width }: { width: string }) {
  return <span className={styles.gap} style={{ width }} />;
}
