/** The SDK's own specs, dialogues and properties, where its users run it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';

import { launchKeepingBrowser } from './support/sdk-page.js';
import { bundleSpecs, portableSpecs } from './support/spec-bundle.js';
import type { Outcome } from './support/spec-runner.js';

const TIMEOUT_MS = 120_000;

const WORKER = `import { outcomes } from '/specs.js';
outcomes.then((all) => postMessage(all));`;

let browser: Browser;
let page: Page;
const texts = new Map([
  ['/', '<!doctype html><title>Specs</title>'],
  ['/worker.js', WORKER],
]);
const server = createServer(({ url = '' }, response) => {
  const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
  response.writeHead(texts.has(url) ? 200 : 404, { 'content-type': type });
  response.end(texts.get(url));
});

beforeAll(async () => {
  texts.set('/specs.js', await bundleSpecs(portableSpecs()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchKeepingBrowser();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`);
}, TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  server.close();
});

/** Scripts for the browser: its own `import`, which a compiler of tests would replace. */
const IN_PAGE = `import('/specs.js').then(({ outcomes }) => outcomes)`;
const IN_WORKER = `new Promise((resolve, reject) => {
  const worker = new Worker('/worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
})`;

describe('the specs, dialogues and properties of the SDK', () => {
  it.each([
    ['a page of Chromium', IN_PAGE],
    ['a worker of Chromium', IN_WORKER],
  ])(
    'hold in %s',
    async (_where, script) => {
      const outcomes = await page.evaluate<Outcome[]>(script);
      expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
      expect(outcomes.length).toBeGreaterThan(500);
    },
    TIMEOUT_MS,
  );
});
