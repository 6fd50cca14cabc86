import styles from './intro.module.css';

export function Intro() {
  return (
    <header className={styles.intro}>
      <p className={styles.brand}>
        <svg className={styles.mark} viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M16 26v-9m0 0C9 17 7 12 7 6c6 0 9 3 9 8m0 3c0-5 3-8 9-8 0 5-3 8-9 8" />
        </svg>
        Linden Clinic
      </p>
      <h1 className={styles.title}>TLS ends at the CDN. This app&rsquo;s seal doesn&rsquo;t.</h1>
      <p className={styles.lead}>
        A small tRPC app with patient notes and an assistant. Each call is sealed in your browser and opened
        in the server. Use it on this side, and watch on the other what everything in between gets to see.
      </p>
    </header>
  );
}
