'use client';

import { useWordCount } from '@/wire/words';
import styles from './wire-bar.module.css';

/** On a narrow screen the panel is further down: this line stays in view and leads there. */
export function WireBar() {
  const { watched, found } = useWordCount();
  return (
    <a className={styles.bar} href="#wire">
      <span>
        The CDN can read <b data-found={found.length > 0}>{found.length}</b> of {watched} words
      </span>
      <span className={styles.look}>Look</span>
    </a>
  );
}
