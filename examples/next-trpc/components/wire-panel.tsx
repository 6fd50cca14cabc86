'use client';

import { formatBytes } from '@/lib/format';
import { useLog } from '@/wire/log';
import { ByteSearch } from './byte-search';
import { ServerKey } from './server-key';
import { WireEntry } from './wire-entry';
import styles from './wire-panel.module.css';
import { WordCount } from './word-count';

/** The page's own traffic, as anything that terminates TLS on the way holds it. */
export function WirePanel() {
  const { exchanges, count, bytes } = useLog();
  return (
    <aside className={styles.panel} id="wire" aria-labelledby="wire-title">
      <div className={styles.top}>
        <h2 className={styles.title} id="wire-title">
          What the CDN sees
        </h2>
        <p className={styles.lead}>
          The true traffic of this page, recorded at the edge of the browser. A CDN, a load balancer or a log
          holds exactly this.
        </p>
        <WordCount />
        <ServerKey />
        <ByteSearch exchanges={exchanges} />
      </div>
      <div className={styles.listHead}>
        <h3 className={styles.listTitle}>Requests, newest first</h3>
        <p>{count > 0 && `${count} so far, ${formatBytes(bytes)}`}</p>
      </div>
      <div className={styles.scroll}>
        <ol className={styles.list}>
          {exchanges.map((exchange) => (
            <WireEntry key={exchange.id} exchange={exchange} />
          ))}
        </ol>
        <p className={styles.foot}>
          It can tell that this browser talks to this server, when, how often and how much. It can&rsquo;t
          tell which procedure was called, with what, by whom, or what came back.
        </p>
        <p className={styles.limits}>
          The seal is for calls. Whoever serves the page&rsquo;s script could still change it, and the pin
          with it: that one has to be trusted.
        </p>
      </div>
    </aside>
  );
}
