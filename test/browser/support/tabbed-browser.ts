/**
 * A browser whose tabs hide each other. Playwright has every page of its own believe that it is in front
 * (`Emulation.setFocusEmulationEnabled`), which also keeps it from being hidden. Only in a browser that
 * was there before and is taken as it is (`noDefaults`) it does not.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { chromium, type Browser, type BrowserContext } from 'playwright-core';

/** See the head of this file. */
export class TabbedBrowser {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    private readonly browser: Browser,
  ) {}

  /** Starts it, without a page. */
  static async launch(): Promise<TabbedBrowser> {
    const folder = await mkdtemp(join(tmpdir(), 'realtime-tabs-'));
    const child = spawn(
      process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync'],
        // Nothing that it does by itself when it starts, and would wait for.
        ...['--disable-quic', '--disable-background-networking', '--disable-component-update'],
        ...['--remote-debugging-port=0', `--user-data-dir=${folder}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const address = await addressOf(child);
    // What it says later is read as well: a full pipe would stop it. Here, because the end of the loop pauses.
    child.stderr.resume();
    const browser = await chromium.connectOverCDP(address, { noDefaults: true });
    return new TabbedBrowser(child, folder, browser);
  }

  /** The window that all tabs are in. */
  get context(): BrowserContext {
    const [context] = this.browser.contexts();
    if (context === undefined) throw new Error('the browser has no window');
    return context;
  }

  /** Ends it. */
  async close(): Promise<void> {
    const hasEnded = once(this.process, 'exit');
    await this.browser.close();
    this.process.kill();
    await hasEnded;
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Where a browser that starts is to be reached, as it says itself. */
async function addressOf({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('the browser has no voice');
  for await (const line of createInterface(stderr)) {
    const address = /ws:\/\/\S+/.exec(line)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error('the browser ended before it could be reached');
}
