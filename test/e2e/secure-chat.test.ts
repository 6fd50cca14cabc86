/**
 * examples/secure-chat in a real browser, through a proxy that stands where a CDN would: a message is sent, its answer
 * is read word by word, and the proxy holds no word of either.
 */
import { randomBytes } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test, vi } from 'vitest';
import { launchBrowser, openPage, type WatchedPage } from './support/browser.ts';
import { type ExampleServer, startExample } from './support/example-server.ts';
import { type RecordingProxy, startRecordingProxy } from './support/recording-proxy.ts';

/** The last words of its first answer. */
const END_OF_ANSWER = 'answer none of them for now.';

let server: ExampleServer;
let browser: Browser;
let proxy: RecordingProxy;

beforeAll(async () => {
  // No key: the local provider answers, whoever runs this.
  const environment = { OPENAI_API_KEY: '', NODE_OPTIONS: '' };
  [server, browser] = await Promise.all([startExample(environment, 'secure-chat'), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  proxy = await startRecordingProxy(server.port);
  onTestFailed(() => console.error(server.log()));
  return () => proxy.stop();
});

test('somebody writes, the answer grows, and the proxy holds no word of it', async () => {
  const watched = await openPage(browser, proxy.origin, { width: 1280 });
  const planted = `planted${randomBytes(6).toString('hex')}`;
  const states = await answerStates(watched.page);
  await send(watched.page, `My neighbour ${planted} owes me money.`);
  await conversation(watched.page).getByText(END_OF_ANSWER).waitFor();

  const answer = (await conversation(watched.page).textContent()) ?? '';
  expect(answer).toContain(`You wrote: “My neighbour ${planted} owes me money.”`);
  expect(await states()).toBeGreaterThan(20);

  const everything = `${proxy.text(isCall)}\n${await watched.networkText(isCall)}`;
  const words = [
    planted,
    'neighbour',
    'solicitor',
    'deadline',
    'text-delta',
    'messages',
    'assistant',
    'local',
  ];
  expect(words.filter((word) => everything.replaceAll('localhost', '').includes(word))).toEqual([]);
  const lines = new Set(proxy.exchanges.filter(isCall).map(({ method, url }) => `${method} ${url}`));
  expect(lines).toEqual(new Set(['POST /api/nen/handshake', 'POST /api/chat']));
  await watched.page.getByText('Server key: pinned').waitFor();

  // The panel shows what crossed, and what crossed is what the proxy holds.
  const shown = (await watched.page.locator('aside li').first().locator('pre').textContent()) ?? '';
  const sealed = /\{"(?:t":"http",")?ct":"[\w+/=]{100,}/.exec(shown)?.[0] ?? 'nothing sealed';
  expect(everything.includes(sealed)).toBe(true);
  await closeCleanly(watched);
});

test('stop ends the answer, on the way too', async () => {
  const watched = await openPage(browser, proxy.origin, { width: 1280 });
  const states = await answerStates(watched.page);
  await send(watched.page, 'How long is the notice?');
  await vi.waitFor(async () => expect(await states()).toBeGreaterThan(8), { timeout: 10_000 });
  await watched.page.getByRole('button', { name: 'Stop' }).click();
  await watched.page.getByRole('button', { name: 'Send' }).waitFor();
  await vi.waitFor(() => expect(proxy.exchanges.at(-1)?.ended).toBe('cut'), 15_000);
  expect(await conversation(watched.page).textContent()).not.toContain(END_OF_ANSWER);
  await closeCleanly(watched);
});

test('an answer that is cut on the way is shown as one, and can be asked for again', async () => {
  const watched = await openPage(browser, proxy.origin, { width: 1280 });
  const states = await answerStates(watched.page);
  await send(watched.page, 'How long is the notice?');
  await vi.waitFor(async () => expect(await states()).toBeGreaterThan(8), { timeout: 10_000 });
  expect(proxy.cut()).toBe(1);
  const alert = watched.page.getByRole('alert').filter({ hasText: 'did not arrive whole' });
  await alert.waitFor();
  await alert.getByRole('button', { name: 'Ask again' }).click();
  await conversation(watched.page).getByText(END_OF_ANSWER).waitFor();
  await watched.page.context().close();
});

test.each([
  [320, 'light'],
  [360, 'dark'],
] as const)('%i px, %s: all is there and nothing scrolls sideways', async (width, colorScheme) => {
  const watched = await openPage(browser, proxy.origin, { width, height: 740, colorScheme });
  const overflow = () =>
    watched.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(await overflow()).toBe(0);
  await send(watched.page, 'A-word-as-long-as-a-whole-line-that-nobody-could-break-anywhere-at-all');
  await conversation(watched.page).getByText('Before a solicitor').waitFor();
  expect(await overflow()).toBe(0);
  await watched.page.getByRole('button', { name: 'Stop' }).click();
  await closeCleanly(watched);
});

function isCall({ url }: { url: string }): boolean {
  return new URL(url, proxy.origin).pathname.startsWith('/api/');
}

const conversation = (page: Page) => page.getByRole('log', { name: 'Conversation' });

async function send(page: Page, text: string): Promise<void> {
  await page.getByLabel('Your message').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** How many states of the conversation somebody who watches would have seen. */
async function answerStates(page: Page): Promise<() => Promise<number>> {
  await conversation(page).evaluate((element) => {
    const texts = new Set<string>();
    Reflect.set(window, 'states', texts);
    const keep = (): void => void texts.add(element.textContent ?? '');
    new MutationObserver(keep).observe(element, { childList: true, characterData: true, subtree: true });
  });
  return () => page.evaluate(() => (Reflect.get(window, 'states') as Set<string>).size);
}

async function closeCleanly({ page, complaints }: WatchedPage): Promise<void> {
  expect(complaints).toEqual([]);
  await page.context().close();
}
