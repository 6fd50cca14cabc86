import { nen } from '@/lib/nen';

export const { GET, POST, OPTIONS } = nen.routes;
