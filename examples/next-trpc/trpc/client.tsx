'use client';

import { type QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createTRPCClient } from '@trpc/client';
import { createTRPCContext } from '@trpc/tanstack-react-query';
import { createContext, type ReactNode, useContext, useState } from 'react';
import superjson from 'superjson';
import { NenClient, nenLink } from 'trpc-nen/link';
import { authorization } from '@/lib/session';
import type { AppRouter } from '@/server/router';
import { recordingFetch } from '@/wire/recording-fetch';
import { makeQueryClient } from './query-client';

export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>();

/** How sure the page is who answers it. */
const SecurityContext = createContext<NenClient['security']>('unauthenticated');
export const useSecurity = () => useContext(SecurityContext);

const pins = process.env.NEXT_PUBLIC_NEN_PINS?.split(',');

function connect() {
  // Without pins the option is left out: serverPins: undefined would be refused, lest a missing variable go unseen.
  const client = new NenClient('', { fetch: recordingFetch, ...(pins && { serverPins: pins }) });
  const link = nenLink<AppRouter>({
    url: '/api/trpc',
    transformer: superjson,
    headers: authorization,
    client,
  });
  return { trpcClient: createTRPCClient<AppRouter>({ links: [link] }), security: client.security };
}

let browserQueryClient: QueryClient | undefined;

function getQueryClient(): QueryClient {
  if (typeof window === 'undefined') return makeQueryClient();
  browserQueryClient ??= makeQueryClient();
  return browserQueryClient;
}

export function TRPCReactProvider({ children }: { children: ReactNode }) {
  const queryClient = getQueryClient();
  const [{ trpcClient, security }] = useState(connect);
  return (
    <QueryClientProvider client={queryClient}>
      <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
        <SecurityContext value={security}>{children}</SecurityContext>
      </TRPCProvider>
    </QueryClientProvider>
  );
}
