import { createNen } from 'trpc-nen/adapter';

export const nen = createNen();
