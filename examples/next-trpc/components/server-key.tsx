'use client';

import { useSecurity } from '@/trpc/client';
import styles from './server-key.module.css';

/** Whether the page knows who answers it, as the client says. */
export function ServerKey() {
  const security = useSecurity();
  return (
    <p className={styles.key}>
      Server key: <b data-security={security}>{security}</b>.{' '}
      {security === 'pinned'
        ? 'If the CDN answered in the server’s place, the page would notice before it sends a call.'
        : 'If the CDN answered in the server’s place, the page would not notice.'}
    </p>
  );
}
