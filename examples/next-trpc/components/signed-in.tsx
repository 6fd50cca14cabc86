'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { setSession } from '@/lib/session';
import { useTRPC } from '@/trpc/client';
import form from './form.module.css';
import styles from './signed-in.module.css';

export function SignedIn({ name }: { name: string }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const signOut = useMutation(
    trpc.auth.signOut.mutationOptions({
      onSettled: () => {
        setSession(undefined);
        queryClient.removeQueries(trpc.notes.pathFilter());
      },
    }),
  );
  return (
    <div className={styles.bar}>
      <p>
        Signed in as <strong>{name}</strong>
        <span className={styles.token}>The bearer token lives in this tab and travels inside the seal.</span>
      </p>
      <button
        className={form.quiet}
        type="button"
        onClick={() => signOut.mutate()}
        disabled={signOut.isPending}
      >
        Sign out
      </button>
    </div>
  );
}
