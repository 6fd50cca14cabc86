'use client';

import { useLog } from '@/wire/log';
import { useWordCount } from '@/wire/words';
import styles from './wire-bar.module.css';

/** On a narrow screen the panel is further down: this line stays in view and leads there. */
export function WireBar() {
  const { count } = useLog();
  const { watched, found } = useWordCount();
  return (
    <a className={styles.bar} href="#wire">
      <span>
        CDN: {count} {count === 1 ? 'request' : 'requests'}, <b>{found.length}</b> of {watched} words readable
      </span>
      <span className={styles.look}>Look</span>
    </a>
  );
}
