'use client';

import { useWordCount } from '@/wire/words';
import styles from './word-count.module.css';

export function WordCount() {
  const { watched, found } = useWordCount();
  return (
    <div className={styles.count} data-found={found.length > 0}>
      <p className={styles.number}>{found.length}</p>
      <p className={styles.text}>
        of the <strong>{watched}</strong> {watched === 1 ? 'word' : 'words'} you typed or read here can be
        found in the traffic{found.length > 0 ? `: ${found.slice(0, 8).join(', ')}` : '.'}
        <span className={styles.rule}>
          Looked for in every byte, live. Words under six letters don&rsquo;t count: random text holds some by
          chance.
        </span>
      </p>
    </div>
  );
}
