'use client';

import { useDeferredValue, useMemo, useState } from 'react';
import { type Exchange, textOf } from '@/wire/exchange';
import styles from './byte-search.module.css';

/** For whoever doesn't trust the count: look for any text in the recorded bytes. */
export function ByteSearch({ exchanges }: { exchanges: readonly Exchange[] }) {
  const [query, setQuery] = useState('');
  const recorded = useDeferredValue(exchanges);
  const hits = useMemo(
    () => (query ? recorded.filter((exchange) => textOf(exchange).includes(query)).length : 0),
    [query, recorded],
  );
  return (
    <label className={styles.search}>
      <span>Look for a word yourself</span>
      <span className={styles.line}>
        <input
          className={styles.input}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          placeholder="a word, or POST"
          autoComplete="off"
          spellCheck={false}
        />
        <output className={styles.result} data-hit={hits > 0}>
          {query && (hits > 0 ? `in ${hits} of ${exchanges.length}` : 'not there')}
        </output>
      </span>
    </label>
  );
}
