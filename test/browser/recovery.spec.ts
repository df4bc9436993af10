import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RealtimeClient } from 'nestjs-realtime/client';
import type { Browser } from 'playwright-core';
import { WebSocket } from 'ws';

import type { ChatContract } from '../../sample/01-chat/src/chat.contract.js';
import { ChatProcess } from '../sample/support/chat-process.js';
import { BreakableNetwork } from './support/breakable-network.js';
import {
  hasMembers,
  isConnected,
  joinChat,
  launchBrowser,
  shownMessages,
  showsMessages,
} from './support/chat-pages.js';

const MESSAGES = 500;
const TIMEOUT_MS = 90_000;
/** How soon the list of members has to be right. */
const MEMBERS_MS = 2_000;

const all = Array.from({ length: MESSAGES }, (_, index) => `Message ${String(index + 1)}`);

let browser: Browser;
let chat: ChatProcess;
let network: BreakableNetwork;
let sender: RealtimeClient<ChatContract>;

beforeAll(async () => {
  browser = await launchBrowser();
}, 60_000);

beforeEach(async () => {
  chat = await ChatProcess.start();
  network = await BreakableNetwork.to(chat.port);
  const token = await chat.signIn('Sender');
  sender = new RealtimeClient<ChatContract>(chat.realtimeUrl, { token, WebSocket });
  await sender.room('chat/general').subscribe();
}, 30_000);

afterEach(async () => {
  sender.close();
  network.close();
  await Promise.all(browser.contexts().map((context) => context.close()));
  await chat.stop();
});

afterAll(() => browser.close());

/** Sends everything in order, and calls back between two messages now and then. */
async function sendAll(between: (sent: number) => void): Promise<void> {
  for (const [index, text] of all.entries()) {
    between(index);
    await sender.request('chat.send', { room: 'general', text });
  }
}

/** How long somebody is without network: the browser's clock is the real one. */
function away(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe(`while ${String(MESSAGES)} messages are sent`, () => {
  it(
    'a window that is reloaded shows every message once and in order, and who is there',
    async () => {
      const page = await joinChat(browser, network.url, 'Ann');
      await hasMembers(page, ['Ann', 'Sender'], MEMBERS_MS);
      let reloaded: Promise<unknown> = Promise.resolve();
      await sendAll((sent) => {
        if (sent === 100 || sent === 300) reloaded = reloaded.then(() => page.reload());
      });
      await reloaded;
      await isConnected(page);

      await hasMembers(page, ['Ann', 'Sender'], MEMBERS_MS);
      await showsMessages(page, MESSAGES);
      expect(await shownMessages(page)).toEqual(all);
    },
    TIMEOUT_MS,
  );

  it(
    'a window whose network is cut shows every message once and in order, and who is there',
    async () => {
      const page = await joinChat(browser, network.url, 'Ann');
      const other = await joinChat(browser, chat.url, 'Bob');
      await hasMembers(page, ['Ann', 'Bob', 'Sender'], MEMBERS_MS);
      let mended: Promise<unknown> = Promise.resolve();
      await sendAll((sent) => {
        if (sent !== 100 && sent !== 300) return;
        network.cut();
        mended = away(500).then(() => {
          network.mend();
        });
      });
      await other.context().close();
      await mended;
      await isConnected(page);

      await hasMembers(page, ['Ann', 'Sender'], MEMBERS_MS);
      await showsMessages(page, MESSAGES);
      expect(await shownMessages(page)).toEqual(all);
      expect(await page.getByText('Messages may be missing here.').count()).toBe(0);
    },
    TIMEOUT_MS,
  );
});
