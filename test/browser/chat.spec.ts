import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

import { ChatProcess } from '../sample/support/chat-process.js';
import { hasMembers, launchBrowser } from './support/chat-pages.js';

const artifacts = fileURLToPath(new URL('../../artifacts/', import.meta.url));

const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  hasTouch: true,
  isMobile: true,
};

/** Slow machines exist; nothing here waits this long where all is well. */
const TIMEOUT_MS = 60_000;
const STEP_TIMEOUT_MS = 30_000;

/**
 * Below those ports that the system gives to whoever asks for any: while the server is away, nobody
 * comes by its port, and no client that looks for it is connected with itself.
 */
const PORTS = { first: 20_000, count: 10_000 };

/** How the browser ends the line that it writes itself when a handshake found no server. */
const REFUSED = 'net::ERR_CONNECTION_REFUSED';
/** … and one that was closing. */
const UNAVAILABLE = 'Unexpected response code: 503';
/**
 * … and one that stopped to listen before it accepted the connection: the kernel had completed it by
 * then, and resets it. No server can answer what it was never given.
 */
const NOT_ACCEPTED = 'net::ERR_CONNECTION_RESET';

let browser: Browser;
let chat: ChatProcess;
/** What the pages of a test complained about, or asked other hosts for. */
let complaints: string[];

beforeAll(async () => {
  await mkdir(artifacts, { recursive: true });
  browser = await launchBrowser();
}, 2 * TIMEOUT_MS);

beforeEach(async () => {
  complaints = [];
  // A server for each: what was said before would be shown to who comes in.
  chat = await startAnywhere();
}, TIMEOUT_MS);

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await chat.stop();
});

afterAll(() => browser.close());

describe('the page', () => {
  it(
    'lets two windows chat with each other',
    async () => {
      const [ann, bob] = [await join('Ann'), await join('Bob')];

      await send(ann, 'Hello Bob!');
      await shows(bob, 'Ann', 'Hello Bob!');
      await send(bob, 'Hi Ann, I can read you.');
      await shows(ann, 'Bob', 'Hi Ann, I can read you.');

      await shows(ann, 'You', 'Hello Bob!');
      expect(await ann.locator('.message').count()).toBe(2);
      expect(await ann.locator('.message.own').count()).toBe(1);
      expect(await ann.locator('.message time').first().getAttribute('datetime')).toMatch(
        /^\d{4}-\d\d-\d\dT/,
      );
      expect(await textbox(ann).inputValue()).toBe('');
      await hasMembers(ann, ['Ann', 'Bob'], STEP_TIMEOUT_MS);
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'counts what arrives in other rooms, and shows it when the room is opened',
    async () => {
      const [ann, bob] = [await join('Ann'), await join('Bob')];
      await bob.getByRole('button', { name: 'random' }).click();
      await send(bob, 'A cat walks into a bar.');
      await send(bob, 'Nobody minds.');

      const random = ann.getByRole('button', { name: 'random 2 unread' });
      await random.waitFor();
      expect(await ann.locator('.log:visible .message').count()).toBe(0);
      await random.click();
      await shows(ann, 'Bob', 'Nobody minds.');
      await ann.getByRole('button', { name: 'random', exact: true }).waitFor();
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "shows the server's words beside an over-long message, keeps it, and sends nothing",
    async () => {
      const [ann, bob] = [await join('Ann', PHONE), await join('Bob')];
      const text = textbox(ann);
      await send(ann, 'x'.repeat(501));

      const error = ann.getByText('A message has 1 to 500 characters.');
      await error.waitFor();
      expect(await text.getAttribute('aria-invalid')).toBe('true');
      expect(await text.getAttribute('aria-describedby')).toBe(
        await error.evaluate(({ id }) => id),
      );
      expect(await text.evaluate((element) => element === document.activeElement)).toBe(true);
      expect(await text.inputValue()).toHaveLength(501);
      await fits(ann);
      await ann.screenshot({ path: `${artifacts}chat-error.png` });

      await send(ann, 'Short.');
      await error.waitFor({ state: 'detached' });
      await shows(bob, 'Ann', 'Short.');
      expect(await bob.locator('.message').count()).toBe(1);
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'shows why a name was refused, and signs in with a better one',
    async () => {
      const page = await visit();
      await page.getByLabel('Your name').fill('x'.repeat(25));
      await Promise.all([
        page.waitForEvent('console', (message) => message.type() === 'error'),
        page.getByRole('button', { name: 'Join the chat' }).click(),
      ]);
      await page.getByText('Please choose a name of 1 to 24 characters.').waitFor();
      // The browser itself notes an HTTP 400 in the console; nothing else may stand there.
      expect(complaints.splice(0)).toEqual([expect.stringContaining('400')]);

      await page.getByLabel('Your name').fill('Ann');
      await page.keyboard.press('Enter');
      await connected(page);
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'shows as text whatever somebody writes',
    async () => {
      const [ann, bob] = [await join('<b>Ann</b>'), await join('Bob')];
      const text = '<img src=x onerror="document.title = 1"><script>document.title = 2</script>';
      await send(ann, text);

      await shows(bob, '<b>Ann</b>', text);
      expect(await bob.locator('.log b, .log img, .log script').count()).toBe(0);
      expect(await bob.title()).toBe('#general · Chat');
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'stays signed in over a reload, and forgets the name after signing out',
    async () => {
      const page = await join('Ann');
      await page.reload();
      await connected(page);
      await page.getByRole('button', { name: 'Sign out' }).click();

      await page.getByLabel('Your name').waitFor();
      await page.reload();
      await page.getByLabel('Your name').waitFor();
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['was stopped', 'SIGTERM', [REFUSED, UNAVAILABLE, NOT_ACCEPTED]],
    // It takes the listening socket along at once, while both clients are connected.
    ['was killed', 'SIGKILL', [REFUSED]],
  ] satisfies [string, NodeJS.Signals, string[]][])(
    'comes back after the server %s and started again, says that messages may be missing, and works as before',
    async (_, signal, notes) => {
      const [ann, bob] = [await join('Ann'), await join('Bob')];
      await send(ann, 'Before.');
      await shows(bob, 'Ann', 'Before.');

      const { port } = chat;
      await chat.stop(signal);
      await inState(ann, 'waiting');
      await ann.screenshot({ path: `${artifacts}chat-waiting.png` });
      chat = await ChatProcess.start(port);
      // The longer it was away, the longer they wait between two attempts; then they sign in anew.
      await Promise.all([connected(ann, TIMEOUT_MS), connected(bob, TIMEOUT_MS)]);

      // Said when they are in their rooms again.
      for (const page of [ann, bob]) {
        await page.getByText('Messages may be missing here.').first().waitFor();
      }
      await send(bob, 'After.');
      await shows(ann, 'Bob', 'After.');
      await shows(bob, 'You', 'After.');
      const failed = `WebSocket connection to '${chat.realtimeUrl}' failed: `;
      const isNote = (line: string): boolean =>
        line.startsWith(failed) && notes.some((note) => line.endsWith(`: ${note}`));
      expect(complaints.filter((line) => !isNote(line))).toEqual([]);
    },
    3 * TIMEOUT_MS,
  );
});

describe('the layout', () => {
  it.each([
    ['a phone', 'phone', PHONE],
    ['a dark phone', 'phone-dark', { ...PHONE, colorScheme: 'dark' }],
    ['a desktop', 'desktop', DESKTOP],
    ['a dark desktop', 'desktop-dark', { ...DESKTOP, colorScheme: 'dark' }],
  ] satisfies [string, string, BrowserContextOptions][])(
    'fits %s without scrolling sideways, from the first screen to a long talk',
    async (_, name, options) => {
      const page = await visit(options);
      await page.getByLabel('Your name').waitFor();
      await fits(page);
      await page.screenshot({ path: `${artifacts}sign-in-${name}.png` });

      await signIn(page, 'Ann');
      await page.getByText('Say hello to #general.').waitFor();
      await fits(page);
      await page.screenshot({ path: `${artifacts}empty-${name}.png` });

      await talk(page);
      await fits(page);
      await page.screenshot({ path: `${artifacts}chat-${name}.png` });
      expect(complaints).toEqual([]);
    },
    2 * TIMEOUT_MS,
  );
});

/** Starts the sample on a port that it can have again. */
async function startAnywhere(attempts = 5): Promise<ChatProcess> {
  try {
    return await ChatProcess.start(PORTS.first + Math.floor(Math.random() * PORTS.count));
  } catch (error) {
    // Somebody else may have the port.
    if (attempts > 1) return startAnywhere(attempts - 1);
    throw error;
  }
}

/** A conversation with everything that strains a layout. */
async function talk(ann: Page): Promise<void> {
  const bob = await join('Bartholomew Montgomery');
  const lines: [Page, string][] = [
    [bob, 'Good morning! Has anybody seen the release notes?'],
    [ann, 'Morning. I read them on the train.'],
    [ann, 'Two things stood out:\n1. rooms remember their position\n2. nothing is lost silently'],
    [bob, 'https://example.com/a/very/long/address/that/has/no/spaces?and=goes&on=and&on=forever'],
    [bob, 'That word again: Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamter.'],
    [ann, 'x'.repeat(120)],
    [ann, '👍'],
    [
      bob,
      'Let me think about it over lunch. I would like to try it in the small project first, see how it behaves when the train goes through the tunnel, and then tell you more.',
    ],
    [ann, 'Deal.'],
  ];
  for (const [page, text] of lines) {
    await send(page, text);
    await ann.locator('.text', { hasText: text }).waitFor();
  }
  await bob.getByRole('button', { name: 'random' }).click();
  await send(bob, 'Lunch?');
  await ann.getByRole('button', { name: 'random 1 unread' }).waitFor();
}

/** Opens the page in a window of its own, and writes down what it complains about. */
async function visit(options: BrowserContextOptions = DESKTOP): Promise<Page> {
  const context = await browser.newContext({
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...options,
  });
  // Below the tests' own, so that the step that fails is the one that is named.
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== chat.url) complaints.push(`asked ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (socket.url() !== chat.realtimeUrl) complaints.push(`asked ${socket.url()}`);
  });
  await page.goto(chat.url);
  return page;
}

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join the chat' }).click();
  await connected(page);
}

async function join(name: string, options?: BrowserContextOptions): Promise<Page> {
  const page = await visit(options);
  await signIn(page, name);
  return page;
}

async function inState(page: Page, state: string, timeout = STEP_TIMEOUT_MS): Promise<void> {
  await page.locator(`#connection[data-state="${state}"]`).waitFor({ timeout });
}

async function connected(page: Page, timeout?: number): Promise<void> {
  await inState(page, 'connected', timeout);
  expect(await page.getByRole('status').textContent()).toBe('Connected');
}

function textbox(page: Page): Locator {
  return page.getByRole('textbox', { name: 'Message' });
}

/** Writes a message, and waits until the answer has come. */
async function send(page: Page, text: string): Promise<void> {
  await textbox(page).fill(text);
  await page.keyboard.press('Enter');
  await page.locator('#composer[aria-busy="false"]').waitFor();
}

/** Waits for a message in the open room. */
async function shows(page: Page, sender: string, text: string): Promise<void> {
  const line = page.locator('.log:visible .message').filter({
    has: page.getByText(text, { exact: true }),
  });
  await line.waitFor();
  expect(await line.locator('.sender').textContent()).toBe(sender);
}

async function fits(page: Page): Promise<void> {
  const [content, width] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    window.innerWidth,
  ]);
  expect(content).toBeLessThanOrEqual(width);
}
