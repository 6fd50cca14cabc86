/**
 * The example in a real browser, through a proxy that stands where a CDN would and keeps every byte:
 * the page works as it would with plain tRPC, and nothing of what it says can be read on the way.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test, vi } from 'vitest';
import { launchBrowser, openPage, type WatchedPage } from './support/browser.ts';
import { type ExampleServer, exampleFolder, startExample } from './support/example-server.ts';
import { type RecordingProxy, startRecordingProxy } from './support/recording-proxy.ts';

/** Words of the app that would be on the wire if anything were in clear. */
const OF_THE_APP = [
  ...['notes.list', 'notes.add', 'auth.signIn', 'assistant.answer', 'assistant.outcome', 'clinic.onCall'],
  ...[
    'okafor',
    'linden-garden',
    'Bearer',
    'authorization',
    'Lindqvist',
    'Amlodipine',
    'psychologist',
    'Extension',
  ],
  ...['lastEventId', 'superjson', 'writtenAt', 'patient', 'question', 'batch=1'],
];

let server: ExampleServer;
let browser: Browser;
let proxy: RecordingProxy;

beforeAll(async () => {
  [server, browser] = await Promise.all([startExample(), launchBrowser()]);
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

describe('a person uses the page', () => {
  test('signs in, reads, writes, asks: it works, and the proxy holds none of it', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const { page } = watched;
    const plantedNote = `planted${randomBytes(6).toString('hex')}`;
    const plantedQuestion = `planted${randomBytes(6).toString('hex')}`;

    await page.getByText(/^Extension \d+$/).waitFor();
    await signIn(page);
    await addNote(page, `Sleeps well, ${plantedNote}.`);
    await page.getByText(`Sleeps well, ${plantedNote}.`).waitFor();
    const answer = await ask(page, `What about Marisol? ${plantedQuestion}`);
    expect(await answer.whole()).toContain(plantedNote);

    // What the page has opened, it could only open because it was sent.
    const token = /"token":"([\w-]{20,})"/.exec(await watched.opened())?.[1] ?? '';
    expect(token).not.toBe('');
    expect(await watched.opened()).toContain('Lindqvist');

    const everything = `${proxy.text()}\n${await watched.networkText()}`;
    expect(wordsIn(everything, ['Monday to Friday'])).toEqual(['Monday to Friday']);
    const planted = [plantedNote, plantedQuestion, token, 'Amlodipine', 'psychologist'];
    expect(wordsIn(everything, planted)).toEqual([]);
    const calls = `${proxy.text(isApiCall)}\n${await watched.networkText(isApiCall)}`;
    expect(wordsIn(calls, OF_THE_APP)).toEqual([]);

    const lines = proxy.exchanges.filter(isApiCall).map(({ method, url }) => `${method} ${url}`);
    expect(new Set(lines)).toEqual(new Set(['POST /api/nen/handshake', 'POST /api/trpc/sealed']));
    expect(lines.filter((line) => line.endsWith('/handshake'))).toHaveLength(1);
    const seen = watched.requests.map((request) => new URL(request.url()));
    expect(seen.filter((url) => url.origin !== proxy.origin).map(String)).toEqual([]);
    expect(new Set(seen.map((url) => url.pathname).filter((path) => path.startsWith('/api/')))).toEqual(
      new Set(['/api/nen/handshake', '/api/trpc/sealed']),
    );
    await closeCleanly(watched);
  });

  test('sees an answer grow word by word, each with a sealed record of its own', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    await signIn(watched.page);
    const answer = await ask(watched.page, 'Sum up the ward.');
    const whole = await answer.whole();
    const states = await answer.states();

    expect(states.length).toBeGreaterThan(20);
    for (const { text } of states) expect(whole.startsWith(text)).toBe(true);
    const first = states[0];
    const last = states.at(-1);
    expect((last?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1500);

    const stream = streamOf(proxy);
    const pieces = stream?.received ?? [];
    expect(pieces.length).toBeGreaterThan(20);
    expect((pieces.at(-1)?.at ?? 0) - (pieces[0]?.at ?? 0)).toBeGreaterThan(1500);
    const records = Buffer.concat(pieces.map(({ bytes }) => bytes))
      .toString('latin1')
      .trimEnd()
      .split('\n\n');
    expect(records[0]).toMatch(/^data: \{"n":"[\w+/]{16}","ct":"[\w+/]+=*"\}$/);
    for (const record of records.slice(1, -1)) expect(record).toMatch(/^data: [\w+/]+=*$/);
    expect(records.at(-1)).toMatch(/^event: final\ndata: [\w+/]+=*$/);
    await closeCleanly(watched);
  });

  test('presses stop: the page, the connection and the generator on the server all stop', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const { page } = watched;
    await signIn(page);
    const answer = await ask(page, 'Sum up the ward.');
    await vi.waitFor(async () => expect((await answer.states()).length).toBeGreaterThan(8), {
      timeout: 10_000,
    });
    await page.getByRole('button', { name: 'Stop' }).click();

    const outcome = await textOf(page.getByText(/it wrote \d+ of \d+ words/));
    const [written, of] = [...outcome.matchAll(/\d+/g)].map(Number);
    expect(written).toBeGreaterThan(5);
    expect(written).toBeLessThan(of ?? 0);
    const stopped = await answer.text();
    await page.waitForTimeout(500);
    expect(await answer.text()).toBe(stopped);
    const stream = streamOf(proxy);
    expect(stream?.ended).toBe('cut');
    await closeCleanly(watched);
  });

  test('loses the connection in the middle of an answer: it goes on with the next word', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const { page } = watched;
    await signIn(page);
    const undisturbed = await (await ask(page, 'What about Tomas?')).whole();

    const answer = await ask(page, 'What about Tomas?');
    await vi.waitFor(async () => expect((await answer.states()).length).toBeGreaterThan(8), {
      timeout: 10_000,
    });
    expect(proxy.cut()).toBe(1);
    expect(await answer.whole()).toBe(undisturbed);
    await page.context().close();
  });

  test('signs out: the notes are gone from the page', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const { page } = watched;
    await signIn(page);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(wordsIn(await page.content(), ['Demir', 'Adeyemi', 'Amlodipine'])).toEqual([]);
    await closeCleanly(watched);
  });

  test('types a wrong password: the refusal is shown, and it was sealed too', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const { page } = watched;
    await page.getByLabel('Password').fill('not-the-password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('No such user, or another password.').waitFor();
    expect(wordsIn(proxy.text(isApiCall), ['UNAUTHORIZED', 'No such user'])).toEqual([]);
    expect(new Set(proxy.exchanges.filter(isApiCall).map(({ status }) => status))).toEqual(new Set([200]));
    await closeCleanly(watched);
  });
});

describe('the panel', () => {
  test('shows the handshake and the first sealed call before anybody touches the page', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const panel = watched.page.getByRole('complementary', { name: 'What the CDN sees' });
    await panel.getByText('POST /api/nen/handshake').waitFor();
    await panel.getByText('POST /api/trpc/sealed').waitFor();
    await closeCleanly(watched);
  });

  test("says that the server's key is pinned, and it is the one that signed the handshake", async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const panel = watched.page.getByRole('complementary', { name: 'What the CDN sees' });
    await panel.getByText('Server key: pinned').waitFor();
    await watched.page.getByText(/^Extension \d+$/).waitFor();
    const handshake = proxy.exchanges.find(({ url }) => url.endsWith('/handshake'));
    const answer = JSON.parse(
      Buffer.concat((handshake?.received ?? []).map(({ bytes }) => bytes)).toString(),
    );
    const pin = createHash('sha256').update(Buffer.from(answer.id.pk, 'base64')).digest('base64url');
    const environment = readFileSync(join(exampleFolder, '.env.local'), 'utf8');
    expect(environment).toContain(`NEXT_PUBLIC_NEN_PINS=${pin}\n`);
    expect(proxy.text()).not.toContain(/^NEN_IDENTITY=(.+)$/m.exec(environment)?.[1]);
    await closeCleanly(watched);
  });

  test('shows the bytes that crossed the network, and counts none of the words', async () => {
    const watched = await openPage(browser, proxy.origin, { width: 1280 });
    const { page } = watched;
    await signIn(page);
    await addNote(page, 'Walks without help again.');
    await (await ask(page, 'What about Joseph?')).whole();

    const panel = page.getByRole('complementary', { name: 'What the CDN sees' });
    await panel.locator('summary').first().click();
    const sent = await textOf(panel.getByLabel('Request body'));
    const received = await textOf(panel.getByLabel('Response body'));
    const crossed = proxy.text(isApiCall);
    expect(sent).toMatch(/^\{"t":"http","ct":"[\w+/=]{50,}"\}$/);
    expect(crossed.includes(sent)).toBe(true);
    const lines = received.split('\n').filter(Boolean);
    expect(lines.length).toBeGreaterThan(20);
    expect(wordsIn(crossed, lines)).toEqual(lines);
    await panel.getByText(/x-nen-signature/i).waitFor();

    const count = await textOf(panel.getByText(/of the \d+ words you typed or read/));
    expect(Number(/\d+/.exec(count)?.[0])).toBeGreaterThan(25);
    await panel.getByText('0', { exact: true }).waitFor();

    const search = panel.getByLabel('Look for a word yourself');
    await search.fill('Adeyemi');
    await panel.getByText('not there').waitFor();
    await search.fill('/api/trpc/sealed');
    await panel.getByText(/^in \d+ of \d+$/).waitFor();
    await closeCleanly(watched);
  });
});

test('on phones of 320 and 360 px, light and dark, all is there and nothing scrolls sideways', async () => {
  const watched = await openPage(browser, proxy.origin, { width: 320, height: 740 });
  const { page } = watched;
  /** By how many pixels each phone's page is too wide. */
  const overflows = async (): Promise<number[]> => {
    const found: number[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [320, 360]) {
        await page.setViewportSize({ width, height: 740 });
        found.push(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth));
      }
    }
    return found;
  };
  await page.getByText(/^Extension \d+$/).waitFor();
  expect(await overflows()).toEqual([0, 0, 0, 0]);
  await signIn(page);
  await (await ask(page, 'What about Aylin?')).whole();
  await page.locator('summary').first().click();
  expect(await overflows()).toEqual([0, 0, 0, 0]);
  await page.getByRole('link', { name: /The CDN can read 0 of \d+ words/ }).waitFor();
  await closeCleanly(watched);
});

describe('the server', () => {
  test('renders the public data into the HTML, and nothing of what is sealed', async () => {
    const html = await (await fetch(`${proxy.origin}/`)).text();
    expect(html).toContain('Monday to Friday, 08:00 to 18:00');
    expect(html).not.toMatch(
      /Extension \d|Solberg|Raman|Laurent|Lindqvist|Demir|Adeyemi|Migraine|Amlodipine/,
    );
  });

  test('refuses plain calls, public procedures included', async () => {
    for (const path of ['clinic.onCall', 'clinic.hours', 'notes.list', 'sealed']) {
      const response = await fetch(`${proxy.origin}/api/trpc/${path}`);
      expect(response.ok).toBe(false);
      expect(await response.json()).toMatchObject({
        error: { code: expect.stringMatching(/^ISO-300[17]$/) },
      });
    }
  });

  test("can't call a sealed procedure while it renders a page", async () => {
    const { appRouter, createServerContext } = await loadServer();
    const caller = appRouter.createCaller(createServerContext());
    await expect(caller.clinic.hours()).resolves.toMatchObject({ name: 'Linden Clinic' });
    await expect(caller.clinic.onCall()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

/** The part of the example's server that this file uses; its own type check covers the rest. */
interface ServerModules {
  readonly appRouter: {
    createCaller(context: unknown): { clinic: { hours(): Promise<unknown>; onCall(): Promise<unknown> } };
  };
  createServerContext(): unknown;
}

async function loadServer(): Promise<ServerModules> {
  const load = (file: string) => import(pathToFileURL(join(exampleFolder, 'server', file)).href);
  return { ...(await load('router.ts')), ...(await load('context.ts')) } as ServerModules;
}

function isApiCall({ url }: { url: string }): boolean {
  return new URL(url, proxy.origin).pathname.startsWith('/api/');
}

/** Which of the words are there: an assertion on this says so in a line, not in a megabyte. */
function wordsIn(text: string, words: readonly string[]): string[] {
  return words.filter((word) => text.includes(word));
}

function streamOf({ exchanges }: RecordingProxy) {
  return exchanges.find(({ responseHeaders }) =>
    responseHeaders['content-type']?.startsWith('text/event-stream'),
  );
}

async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? '';
}

async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Aylin Demir').first().waitFor();
}

async function addNote(page: Page, text: string): Promise<void> {
  await page.getByLabel('New note').fill(text);
  await page.getByRole('button', { name: 'Add note' }).click();
}

/** Asks, and keeps each state of the answer with its time, as somebody who watches would see them. */
async function ask(page: Page, question: string) {
  const log = page.getByRole('log', { name: 'Answer' });
  await log.evaluate((element) => {
    const states: { at: number; text: string }[] = [];
    Reflect.set(window, 'answerStates', states);
    const before: MutationObserver | undefined = Reflect.get(window, 'answerObserver');
    before?.disconnect();
    const observer = new MutationObserver(() => {
      const text = element.textContent ?? '';
      if (text !== '' && text !== states.at(-1)?.text) states.push({ at: performance.now(), text });
    });
    observer.observe(element, { childList: true, characterData: true, subtree: true });
    Reflect.set(window, 'answerObserver', observer);
  });
  await page.getByLabel('Your question').fill(question);
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  const text = () => textOf(log);
  return {
    text,
    states: (): Promise<{ at: number; text: string }[]> =>
      page.evaluate(() => Reflect.get(window, 'answerStates')),
    /** The answer once it has ended by itself. */
    async whole(): Promise<string> {
      const ended = log.and(page.locator('[aria-busy="false"]'));
      await ended.filter({ hasText: 'Please read the notes themselves' }).waitFor();
      return text();
    },
  };
}

async function closeCleanly({ page, complaints }: WatchedPage): Promise<void> {
  expect(complaints).toEqual([]);
  await page.context().close();
}
