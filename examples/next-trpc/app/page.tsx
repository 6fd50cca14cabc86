import { dehydrate, HydrationBoundary } from '@tanstack/react-query';
import { connection } from 'next/server';
import { Desk } from '@/components/desk';
import { Doors } from '@/components/doors';
import { Intro } from '@/components/intro';
import { WireBar } from '@/components/wire-bar';
import { WirePanel } from '@/components/wire-panel';
import { getQueryClient, trpc } from '@/trpc/server';
import styles from './page.module.css';

export default async function Page() {
  await connection();
  const queryClient = getQueryClient();
  await queryClient.prefetchQuery(trpc.clinic.hours.queryOptions());
  return (
    <HydrationBoundary state={dehydrate(queryClient)}>
      <div className={styles.page}>
        <main className={styles.clinic}>
          <Intro />
          <Doors />
          <Desk />
        </main>
        <WirePanel />
        <WireBar />
      </div>
    </HydrationBoundary>
  );
}
