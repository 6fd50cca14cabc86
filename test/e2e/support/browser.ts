/** A real Chromium, and pages that keep what they see of the network and of errors. */
import { type Browser, chromium, type Page, type Request } from 'playwright-core';
import { findChromium } from '../../../scripts/lib/chromium.mjs';

export function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath)
    throw new Error('the browser tests need Chromium: npm test installs it, or set CHROMIUM');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

export interface WatchedPage {
  readonly page: Page;
  /** Console errors, uncaught exceptions and rejections. */
  readonly complaints: string[];
  /** Every request as the browser's network layer has it. */
  readonly requests: Request[];
  /** The text of requests and of their answers, as far as these have ended. */
  networkText(matches?: (request: { url: string }) => boolean): Promise<string>;
  /** What was opened inside the page: all JSON that it has parsed, of each answer that tRPC has read among it. */
  opened(): Promise<string>;
}

export interface PageOptions {
  readonly width: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

export async function openPage(browser: Browser, url: string, options: PageOptions): Promise<WatchedPage> {
  const { width, height = 900, colorScheme = 'light' } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: Request[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request));
  await page.addInitScript(keepOpenedJson);
  await page.goto(url);
  return {
    page,
    complaints,
    requests,
    async networkText(matches = () => true) {
      const wanted = requests.filter((request) => matches({ url: request.url() }));
      return (await Promise.all(wanted.map(textOf))).join('\n\n');
    },
    opened: () => page.evaluate(() => JSON.stringify(Reflect.get(window, 'openedJson'))),
  };
}

function keepOpenedJson(): void {
  const opened: unknown[] = [];
  Reflect.set(window, 'openedJson', opened);
  const { parse } = JSON;
  JSON.parse = (...args) => {
    const value = parse(...args);
    opened.push(value);
    return value;
  };
}

async function textOf(request: Request): Promise<string> {
  const response = request.failure() ? null : await request.response();
  const body = response && !request.isNavigationRequest() ? await response.text().catch(() => '') : '';
  return [
    `${request.method()} ${decodeURIComponent(request.url())}`,
    JSON.stringify(await request.allHeaders()),
    request.postDataBuffer()?.toString('utf8') ?? '',
    String(response?.status()),
    JSON.stringify(response ? await response.allHeaders() : {}),
    body,
  ].join('\n');
}
