import { Chat } from '@/components/chat';
import { WirePanel } from '@/components/wire-panel';
import styles from './page.module.css';

export default function Page() {
  return (
    <div className={styles.page}>
      <Chat />
      <WirePanel />
    </div>
  );
}
