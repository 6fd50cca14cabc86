import 'server-only';
import { createTRPCOptionsProxy } from '@trpc/tanstack-react-query';
import { cache } from 'react';
import { createServerContext } from '@/server/context';
import { appRouter } from '@/server/router';
import { makeQueryClient } from './query-client';

/** One query client for each request that is rendered. */
export const getQueryClient = cache(makeQueryClient);

/**
 * Calls procedures while a page is rendered. Their results end up in the HTML, in clear, so only public ones
 * can be called here: a sealed procedure sees that no sealed request stands behind the call, and refuses.
 */
export const trpc = createTRPCOptionsProxy({
  ctx: createServerContext,
  router: appRouter,
  queryClient: getQueryClient,
});
