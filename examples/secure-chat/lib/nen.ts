import { createNen } from 'trpc-nen/server';

export const nen = createNen();
