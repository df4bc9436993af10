import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';

import { ClusterProcess } from '../sample/support/cluster-process.js';
import { launchBrowser } from './support/chat-pages.js';

const START_MS = 60_000;
const TIMEOUT_MS = 60_000;
/** Slow machines exist; no step takes this long where all is well. */
const STEP_TIMEOUT_MS = 20_000;

let browser: Browser;
let cluster: ClusterProcess;

beforeAll(async () => {
  [browser, cluster] = await Promise.all([launchBrowser(), ClusterProcess.start()]);
}, START_MS);

afterAll(async () => {
  await browser.close();
  await cluster.stop();
});

/** Opens the page in a window of its own, and waits until it knows its node. */
async function openPage(): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  const page = await context.newPage();
  await page.goto(cluster.url);
  await page.waitForFunction(() => /^[abc]$/.test(document.querySelector('#node')!.textContent));
  return page;
}

async function shown(page: Page, name: string): Promise<number> {
  const text = await page.locator(`#${name}`).textContent();
  return Number((text ?? '').replaceAll(',', ''));
}

/** Waits until the page shows so many more than now. */
async function showsMore(page: Page, name: string, more: number): Promise<void> {
  const wanted = { selector: `#${name}`, least: (await shown(page, name)) + more };
  await page.waitForFunction(({ selector, least }) => {
    const text = document.querySelector(selector)!.textContent;
    return Number(text.replaceAll(',', '')) >= least;
  }, wanted);
}

it(
  'a page whose node is killed shows where it came back, and that nothing is missing or doubled',
  async () => {
    const [page, other] = await Promise.all([openPage(), openPage()]);
    await showsMore(page, 'received', 40);
    const killed = await page.locator('#node').textContent();

    await cluster.kill(killed ?? '');

    await page.getByText('The connection broke').first().waitFor();
    await page.getByText('On node').nth(1).waitFor();
    await page.getByText('Back: ').first().waitFor();
    await cluster.startedAgain(killed ?? '');
    // Both pages send, each through its node: what comes now has passed the break.
    await showsMore(page, 'received', 40);
    await showsMore(page, 'confirmed', 20);
    await showsMore(other, 'received', 40);
    for (const window of [page, other]) {
      expect([await shown(window, 'missing'), await shown(window, 'doubled')]).toEqual([0, 0]);
      expect(await window.getByText('Messages are lost').count()).toBe(0);
      expect(await window.getByText('Not confirmed').count()).toBe(0);
    }
  },
  TIMEOUT_MS,
);

it(
  'a page that stops sending ends with every message confirmed and received',
  async () => {
    const page = await openPage();
    await showsMore(page, 'confirmed', 5);

    await page.getByLabel('Send 20 messages a second').uncheck();

    await page.waitForFunction(() => {
      const text = (id: string) => document.querySelector(`#${id}`)!.textContent;
      return text('sent') === text('confirmed');
    });
    expect(await shown(page, 'received')).toBeGreaterThanOrEqual(await shown(page, 'confirmed'));
    expect([await shown(page, 'missing'), await shown(page, 'doubled')]).toEqual([0, 0]);
  },
  TIMEOUT_MS,
);

it(
  'the chat of 01-chat is there too',
  async () => {
    const page = await openPage();

    await page.getByRole('link', { name: 'chat' }).click();
    await page.getByLabel('Your name').fill('Ann');
    await page.getByRole('button', { name: 'Join the chat' }).click();
    await page.locator('#connection[data-state="connected"]').waitFor();
    await page.getByRole('textbox').fill('hello from one of three');
    await page.keyboard.press('Enter');

    await page.locator('.log:visible .message').getByText('hello from one of three').waitFor();
  },
  TIMEOUT_MS,
);
