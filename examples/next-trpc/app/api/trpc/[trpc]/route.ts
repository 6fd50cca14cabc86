import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { nen } from '@/lib/nen';
import { createContext } from '@/server/context';
import { appRouter } from '@/server/router';

const handler = nen.wrap((req) =>
  fetchRequestHandler({ endpoint: '/api/trpc', req, router: appRouter, createContext }),
);

export { handler as GET, handler as OPTIONS, handler as POST };
