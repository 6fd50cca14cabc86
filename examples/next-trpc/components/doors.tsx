import { Card } from './card';
import styles from './doors.module.css';
import { Hours } from './hours';
import { OnCall } from './on-call';

/** The same page, two ways of getting data into it: rendered on the server, and fetched by the browser. */
export function Doors() {
  return (
    <section className={styles.doors} aria-label="Public and sealed data side by side">
      <div className={styles.pair}>
        <Card title="Opening hours" way="clear">
          <Hours />
          <p className={styles.note}>Rendered on the server: in clear in the HTML.</p>
        </Card>
        <Card title="On call now" way="sealed">
          <OnCall />
          <p className={styles.note}>Fetched by your browser only, after the handshake.</p>
        </Card>
      </div>
      <p className={styles.note}>
        Whatever a server renders is readable in the HTML. So only public data is prefetched here, and
        procedures marked <code>sealedOnly</code> refuse to run for a page that is being rendered.
      </p>
    </section>
  );
}
