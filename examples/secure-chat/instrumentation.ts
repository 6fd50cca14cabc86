/** Run once when the server starts: without a key for a real provider, it brings its own. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs' || process.env.OPENAI_API_KEY) return;
  const { startLocalProvider } = await import('./server/local-provider');
  process.env.LOCAL_PROVIDER_URL = await startLocalProvider();
}
