import type { UIMessage } from 'ai';
import { memo } from 'react';
import styles from './message.module.css';

export const Message = memo(function Message({ message }: { message: UIMessage }) {
  const text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  if (text === '') return null;
  return (
    <article className={message.role === 'user' ? styles.mine : styles.theirs}>
      <h2 className={styles.who}>{message.role === 'user' ? 'You' : 'The firm'}</h2>
      <p className={styles.text}>{text}</p>
    </article>
  );
});
