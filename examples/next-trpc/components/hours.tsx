'use client';

import { useSuspenseQuery } from '@tanstack/react-query';
import { formatDay } from '@/lib/format';
import { useTRPC } from '@/trpc/client';

/** A suspense query runs while the server renders: right for public data, and only for that. */
export function Hours() {
  const { data } = useSuspenseQuery(useTRPC().clinic.hours.queryOptions());
  return (
    <div>
      <p>{data.opens}</p>
      <p>{data.visits}</p>
      <p>Valid from {formatDay(data.changedAt)}</p>
    </div>
  );
}
