import type { ReactNode } from 'react';
import styles from './card.module.css';

/** A card of the clinic's side, with a tag that says how its content travels. */
export function Card({
  title,
  way,
  children,
}: {
  title: string;
  way: 'sealed' | 'clear';
  children: ReactNode;
}) {
  return (
    <section className={styles.card}>
      <header className={styles.head}>
        <h2 className={styles.title}>{title}</h2>
        <span className={way === 'sealed' ? styles.sealed : styles.clear}>
          {way === 'sealed' ? 'Sealed' : 'In clear'}
        </span>
      </header>
      {children}
    </section>
  );
}
