import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';

import { closeApps, type RunningApp } from '../support/nest-app.js';
import { BreakableNetwork } from './support/breakable-network.js';
import {
  launchKeepingBrowser,
  openSdkPage,
  startSdkApp,
  type SdkPage,
} from './support/sdk-page.js';

/**
 * On one machine the system takes some 4 MB at once and frees them a third at a time, so that is what
 * "slow" has to be compared with: 16 MB take 10 s at least, of which the page sees three quarters, in some
 * eight steps.
 */
const BYTES = 16_000_000;
const BYTES_PER_SECOND = 1_600_000;
const HEARTBEAT = { intervalMs: 2_000, timeoutMs: 6_000 };
const TIMEOUT_MS = 60_000;

declare const window: { readonly page: SdkPage };

let app: RunningApp;
let browser: Browser;
let context: BrowserContext;
let network: BreakableNetwork;

beforeAll(async () => {
  app = await startSdkApp({
    heartbeat: HEARTBEAT,
    limits: { frameBytes: 2 * BYTES },
  });
  browser = await launchKeepingBrowser();
}, TIMEOUT_MS);

beforeEach(async () => {
  network = await BreakableNetwork.to(Number(new URL(app.url).port));
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  network.close();
});

afterAll(async () => {
  await browser.close();
  await closeApps();
});

async function open(): Promise<Page> {
  const page = await openSdkPage(context, network.url);
  await page.evaluate(() => window.page.start());
  return page;
}

const statesOf = (page: Page) => page.evaluate(() => window.page.states);

describe('an upload of a page over a slow line', () => {
  it('arrives over the connection that it began on, though it takes longer than the timeout', async () => {
    const page = await open();
    network.bytesPerSecond = BYTES_PER_SECOND;
    const since = Date.now();
    const got = await page.evaluate((bytes) => window.page.upload(bytes), BYTES);
    expect(Date.now() - since).toBeGreaterThan(HEARTBEAT.timeoutMs);
    expect([got, await statesOf(page)]).toEqual([BYTES, ['connecting', 'connected']]);
  }, 60_000);

  it('is given up in the usual time once nothing passes any more', async () => {
    const page = await open();
    network.bytesPerSecond = 0;
    const since = Date.now();
    void page.evaluate((bytes) => window.page.upload(bytes), BYTES).catch(() => undefined);
    await page.waitForFunction(() => window.page.states.at(-1) === 'waiting');
    // Two looks may find that the system still takes some.
    expect(Date.now() - since).toBeLessThan(HEARTBEAT.timeoutMs + 3 * HEARTBEAT.intervalMs);
  }, 60_000);
});
