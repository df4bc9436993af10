import { setInterval as every } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { closeApps, type RunningApp } from '../support/nest-app.js';
import { openSdkPage, startSdkApp, type SdkPage } from './support/sdk-page.js';
import { TabbedBrowser } from './support/tabbed-browser.js';

/** Instead of after five minutes: timers of a tab run once a minute as soon as it was hidden for a second. */
const THROTTLE = '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1';
/** Many times shorter than the pauses between a hidden tab's timers. */
const HEARTBEAT = { intervalMs: 1_000, timeoutMs: 2_000 };
/** Silence between two messages, twice as long as the timeout. */
const BETWEEN_MS = 4_000;
const MESSAGES = 3;
const TICK_MS = 100;

declare const window: { readonly page: SdkPage; ticks: number };

let app: RunningApp;
let tabs: TabbedBrowser;

beforeAll(async () => {
  app = await startSdkApp({ heartbeat: HEARTBEAT });
  tabs = await TabbedBrowser.launch([THROTTLE]);
}, 60_000);

afterAll(async () => {
  await tabs.close();
  await closeApps();
});

describe('C-15 a tab that is hidden for so long that its timers hardly run', () => {
  it('keeps its connection, hears everything in order, and is alive when it is shown again', async () => {
    const page = await openSdkPage(tabs.context, `http://${new URL(app.url).host}`);
    await page.evaluate(() => window.page.start());
    await (await tabs.context.newPage()).bringToFront();
    await page.waitForFunction(() => document.hidden);
    await page.evaluate((ms) => {
      window.ticks = 0;
      setInterval(() => (window.ticks += 1), ms);
    }, TICK_MS);
    let sent = 0;
    for await (const step of every(BETWEEN_MS, 1)) {
      await app.rooms.publish('ticks/0', 'tick', (sent += step));
      if (sent === MESSAGES) break;
    }
    // The proof that it was what it is called: the timer of a tab that is shown had run 120 times.
    expect(await page.evaluate(() => window.ticks)).toBeLessThan(
      (MESSAGES * BETWEEN_MS) / TICK_MS / 2,
    );
    await page.bringToFront();
    await page.waitForFunction(() => !document.hidden);
    await app.rooms.publish('ticks/0', 'tick', (sent += 1));
    await page.waitForFunction((last) => window.page.seen.at(-1) === last, sent);
    expect(await page.evaluate(() => window.page.seen)).toEqual(
      Array.from({ length: sent }, (_, n) => n + 1),
    );
    const { states, sockets } = await page.evaluate(() => ({
      states: window.page.states,
      sockets: window.page.sockets.length,
    }));
    expect(states).toEqual(['connecting', 'connected']);
    expect(sockets).toBe(1);
  }, 60_000);
});
