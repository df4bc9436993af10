import { afterEach, beforeEach, expect, jest } from '@jest/globals';
import { JSDOM } from 'jsdom';
import { act, StrictMode, type ReactNode } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';

import type { RealtimeClient } from '../../../lib/client/index.js';
import type { ServerFrame } from '../../../lib/protocol/index.js';
import { RealtimeProvider } from '../../../lib/react/index.js';
import { settle } from '../../client/support/fake-clock.js';
import type { World } from '../../client/support/world.js';

/** React looks for these among the globals. */
const globals = globalThis as unknown as Record<string, unknown>;

/** A page on which React renders in strict mode, as applications should. */
export class Stage {
  #container: Element | undefined;
  #root: Root | undefined;
  #complaints: unknown[] = [];

  /** Sets up a page for each test of a file, and sees to it that React has nothing to complain of. */
  constructor() {
    beforeEach(() => {
      const { window } = new JSDOM('<main></main>');
      globals['window'] = window;
      globals['document'] = window.document;
      globals['IS_REACT_ACT_ENVIRONMENT'] = true;
      this.#container = window.document.querySelector('main')!;
      this.#complaints = [];
      jest.spyOn(console, 'error').mockImplementation((...args) => this.#complaints.push(args));
    });
    afterEach(async () => {
      await this.leave();
      jest.restoreAllMocks();
      delete globals['window'];
      delete globals['document'];
      expect(this.#complaints).toEqual([]);
    });
  }

  /** Where React renders. */
  get container(): Element {
    return this.#container!;
  }

  /** What the page shows. */
  get text(): string | null {
    return this.container.textContent;
  }

  /** Renders, or renders again. */
  async show(children: ReactNode): Promise<void> {
    this.#root ??= createRoot(this.container);
    await this.do(() => this.#root!.render(<StrictMode>{children}</StrictMode>));
  }

  /** Renders below a provider of the world's client. */
  async play(world: World, children: ReactNode): Promise<void> {
    await this.show(<RealtimeProvider client={world.client}>{children}</RealtimeProvider>);
  }

  /** Takes over what a server has rendered. */
  async hydrate(html: string, children: ReactNode): Promise<void> {
    this.container.innerHTML = html;
    await this.do(() => {
      this.#root = hydrateRoot(this.container, <StrictMode>{children}</StrictMode>);
    });
  }

  /** Takes everything away. */
  async leave(): Promise<void> {
    await this.do(() => this.#root?.unmount());
    this.#root = undefined;
  }

  /** Does something, and lets everything that follows from it go on. */
  async do(step: () => unknown): Promise<void> {
    await act(async () => {
      await step();
      await settle();
    });
  }

  /** The server sends frames. */
  async receive(world: World, ...frames: ServerFrame[]): Promise<void> {
    await this.do(() => {
      for (const frame of frames) world.socket.receive(frame);
    });
  }

  /** Answers the last subscribe as a server would. */
  async admit(world: World, more: object = {}): Promise<void> {
    const { id, room } = world.socket.last('subscribe');
    const place = { epoch: 'e1', offset: 3 };
    await this.receive(world, { type: 'subscribed', id, room, ...place, ...more });
  }
}

/** Shows what hooks give. */
export function Show({ use }: { readonly use: () => ReactNode }) {
  return <p>{use()}</p>;
}

/** Counts the handlers that are registered with a client and one of its rooms from now on. */
export function countListeners(client: RealtimeClient, name: string): () => number {
  let count = 0;
  const counted = (off: () => void) => {
    count += 1;
    return () => {
      count -= 1;
      off();
    };
  };
  const room = client.room(name);
  const { presence } = room;
  const [onClient, onRoom, watch] = [client.on, room.on, presence.watch];
  client.on = (...args) => counted(onClient.apply(client, args as never));
  room.on = (...args: unknown[]) => counted(onRoom.apply(room, args as never));
  presence.watch = (listener) => counted(watch.call(presence, listener));
  return () => count;
}
