'use client';

import { security } from '@/lib/channel';
import { type Exchange, useExchanges } from '@/lib/wire';
import styles from './wire-panel.module.css';

/** The page's own traffic, as anything that ends TLS on the way holds it. */
export function WirePanel() {
  const exchanges = useExchanges();
  return (
    <aside className={styles.panel} id="wire" aria-labelledby="wire-title">
      <h2 className={styles.title} id="wire-title">
        What the CDN sees
      </h2>
      <p className={styles.soft}>
        The true traffic of this page: when, how much, and to which path. No word of yours, none of the
        answer.
      </p>
      <p className={styles.key} data-sure={security === 'pinned'}>
        Server key: {security}
      </p>
      {exchanges.length === 0 && <p className={styles.soft}>Nothing has been sent yet.</p>}
      <ol className={styles.list}>
        {exchanges.map((exchange) => (
          <Row key={exchange.id} exchange={exchange} />
        ))}
      </ol>
    </aside>
  );
}

function Row({ exchange }: { exchange: Exchange }) {
  const { line, sent, received } = exchange;
  return (
    <li>
      <p className={styles.line}>{line}</p>
      <pre className={styles.bytes}>
        <span className={styles.count}>↑ {sent.count} bytes</span>
        {`\n${sent.text}${sent.count > sent.text.length ? '…' : ''}\n\n`}
        <span className={styles.count}>
          ↓ {received.count} bytes in {received.pieces} {received.pieces === 1 ? 'piece' : 'pieces'}
        </span>
        {`\n${received.count > received.text.length ? '…' : ''}${received.text}`}
      </pre>
    </li>
  );
}
