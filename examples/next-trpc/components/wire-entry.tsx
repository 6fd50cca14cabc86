'use client';

import { memo, useState } from 'react';
import { formatBytes, formatDuration, formatPreciseTime } from '@/lib/format';
import { type Exchange, isStream, type Recorded } from '@/wire/exchange';
import { Bytes } from './bytes';
import styles from './wire-entry.module.css';

/** One exchange: a line each for what went out and what comes in, and all of it when opened. */
export const WireEntry = memo(function WireEntry({ exchange }: { exchange: Exchange }) {
  const [open, setOpen] = useState(false);
  const { method, path, at, sent, received, headers } = exchange;
  return (
    <li className={styles.entry}>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className={styles.summary}>
          <span className={styles.line}>
            <span className={styles.target}>
              {method} {path}
            </span>
            <span className={styles.state} data-state={exchange.state}>
              {stateOf(exchange)}
            </span>
          </span>
          <Snippet way="sent" recorded={sent} text={sent.text.slice(0, 120)} />
          <Snippet way="received" recorded={received} text={latest(exchange)} />
        </summary>
        {open && (
          <div className={styles.whole}>
            <h4 className={styles.part}>Sent at {formatPreciseTime(at)}</h4>
            <dl className={styles.headers}>
              {headers.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}:</dt> <dd>{value}</dd>
                </div>
              ))}
            </dl>
            <Bytes recorded={sent} live={false} label="Request body" />
            <h4 className={styles.part}>
              Received in {exchange.pieces} {exchange.pieces === 1 ? 'piece' : 'pieces'},{' '}
              {formatDuration(exchange.durationMs)}
            </h4>
            <Bytes recorded={received} live={exchange.state === 'arriving'} label="Response body" />
          </div>
        )}
      </details>
    </li>
  );
});

function Snippet({ way, recorded, text }: { way: 'sent' | 'received'; recorded: Recorded; text: string }) {
  return (
    <span className={styles.line}>
      <span className={styles.arrow}>
        <span aria-hidden="true">{way === 'sent' ? '↑' : '↓'}</span>
        <span className={styles.hidden}>{way}</span>
      </span>
      <span className={styles.cipher}>{text}</span>
      <span className={styles.size}>{recorded.bytes > 0 && formatBytes(recorded.bytes)}</span>
    </span>
  );
}

/** Of a stream the newest record, of anything else the beginning. */
function latest(exchange: Exchange): string {
  const { text } = exchange.received;
  if (!isStream(exchange)) return text.slice(0, 120);
  const lines = text.slice(-2000).trimEnd().split('\n');
  return lines.at(-1)?.slice(0, 120) ?? '';
}

function stateOf(exchange: Exchange): string {
  const { state, status, durationMs } = exchange;
  if (state === 'waiting') return 'sent';
  if (state === 'arriving' && isStream(exchange)) return `${status} streaming`;
  if (state === 'failed') return status === undefined ? 'failed' : `${status} cut off`;
  if (state === 'stopped') return status === undefined ? 'stopped' : `${status} stopped`;
  return `${status} in ${formatDuration(durationMs)}`;
}
