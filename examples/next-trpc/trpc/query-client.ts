import { defaultShouldDehydrateQuery, QueryClient } from '@tanstack/react-query';
import { TRPCClientError } from '@trpc/client';
import superjson from 'superjson';

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // What the server has rendered is fresh: the browser doesn't ask for it again at once.
        staleTime: 60_000,
        retry: (failures, error) => failures < 2 && !refused(error),
      },
      dehydrate: { serializeData: superjson.serialize, shouldDehydrateQuery: defaultShouldDehydrateQuery },
      hydrate: { deserializeData: superjson.deserialize },
    },
  });
}

/** The server has answered, and would answer the same again. */
function refused(error: Error): boolean {
  return error instanceof TRPCClientError && error.data?.httpStatus < 500;
}
