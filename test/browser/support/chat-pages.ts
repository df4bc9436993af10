import { existsSync } from 'node:fs';

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

/** As in scripts/prepare-tests.js, which sees to it that there is one. */
const BROWSERS = [
  process.env['CHROMIUM_PATH'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Slow machines exist; no step takes this long where all is well. */
const STEP_TIMEOUT_MS = 15_000;

const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };

/** Starts a browser with a profile of its own, which is removed afterwards. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: BROWSERS.find((path) => existsSync(path)) ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Opens the chat in a window of its own and signs in. */
export async function joinChat(
  browser: Browser,
  url: string,
  name: string,
  options: BrowserContextOptions = DESKTOP,
): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join the chat' }).click();
  await isConnected(page);
  return page;
}

/** Waits until the page says that it is connected. */
export async function isConnected(page: Page): Promise<void> {
  await page.locator('#connection[data-state="connected"]').waitFor();
}

/** The messages that the open room shows, from the first to the last. */
export function shownMessages(page: Page): Promise<string[]> {
  return page.locator('.log:visible .message .text').allTextContents();
}

/** Waits until the open room shows that many messages. */
export async function showsMessages(page: Page, count: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.querySelectorAll('.log:not([hidden]) .message').length >= wanted,
    count,
  );
}

/** Waits until the open room has exactly these members. */
export async function hasMembers(
  page: Page,
  names: readonly string[],
  timeout: number,
): Promise<void> {
  await page.waitForFunction(
    (wanted) => {
      const shown = [...document.querySelectorAll('#members .member .ellipsis')];
      return JSON.stringify(shown.map(({ textContent }) => textContent).sort()) === wanted;
    },
    JSON.stringify([...names].sort()),
    { timeout },
  );
}
