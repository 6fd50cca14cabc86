import { fileURLToPath } from 'node:url';
import type { NextConfig } from 'next';

const here = fileURLToPath(new URL('.', import.meta.url));

// This app stands inside a repository that has a lock file of its own: say where the app begins.
const config: NextConfig = {
  outputFileTracingRoot: here,
  turbopack: { root: here },
  poweredByHeader: false,
  devIndicators: false,
};

export default config;
