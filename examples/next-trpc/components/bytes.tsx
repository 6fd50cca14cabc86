'use client';

import { useEffect, useRef } from 'react';
import { formatBytes } from '@/lib/format';
import type { Recorded } from '@/wire/exchange';
import styles from './bytes.module.css';

/** Recorded bytes, whole; while they arrive the newest stay in view. */
export function Bytes({ recorded, live, label }: { recorded: Recorded; live: boolean; label: string }) {
  const box = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new piece scrolls
  useEffect(() => {
    if (live && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [live, recorded.bytes]);
  const left = recorded.bytes - recorded.text.length;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls has to be reachable by keyboard
    <section className={styles.bytes} ref={box} tabIndex={0} aria-label={label}>
      {recorded.text || (live ? 'nothing yet' : 'no body')}
      {left > 0 && `\n(and ${formatBytes(left)} that this panel has not kept)`}
    </section>
  );
}
