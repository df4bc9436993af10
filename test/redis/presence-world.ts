/** Presence stores on a real Redis, for tests of what goes wrong. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { Clock, PresenceChange, PresenceListener } from '../../lib/core/index.js';
import { RedisPresenceStore, type RedisPresenceOptions } from '../../lib/redis/redis-presence.js';
import { CutClock } from '../support/cut-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import type { RedisNode, RedisNodes } from '../support/redis-nodes.js';

/** What one node was told, gaps included. */
export class Ear implements PresenceListener {
  /** `+` came, `~` changed, `-` went, each with the user; `missed` and `expired`. */
  readonly story: string[] = [];
  readonly changes: PresenceChange[] = [];
  onExpired: () => void = () => undefined;
  onTold: () => void = () => undefined;

  changed(_room: string, change: PresenceChange): void {
    const { userId, member, hasJoined } = change;
    this.changes.push(change);
    this.#tell(`${member === undefined ? '-' : hasJoined ? '+' : '~'}${userId}`);
  }

  missed(): void {
    this.#tell('missed');
  }

  expired(): void {
    this.#tell('expired');
    this.onExpired();
  }

  /** How often something was told. */
  count(told: string): number {
    return this.story.filter((entry) => entry === told).length;
  }

  #tell(told: string): void {
    this.story.push(told);
    this.onTold();
  }
}

/** A node's store, and what it was told. */
export interface StoreUnderTest {
  readonly store: RedisPresenceStore;
  readonly ear: Ear;
  readonly node: RedisNode;
  readonly observer: RecordingObserver;
}

/** Starts a store on a node's connections. */
export async function startStore(
  redis: RedisNodes,
  node: RedisNode,
  clock: Clock,
  options: RedisPresenceOptions,
): Promise<StoreUnderTest> {
  const observer = new RecordingObserver();
  const { random } = redis;
  const { commands, link } = node;
  const { publishVerb: publishCommand } = link;
  const setup = { commands, channels: link, publishCommand, clock, random, observer };
  const store = new RedisPresenceStore(setup, options);
  const ear = new Ear();
  await store.start(ear);
  return { store, ear, node, observer };
}

/** Stores on all nodes, in the test's time. */
export interface TimedStores {
  readonly stores: readonly StoreUnderTest[];
  readonly prefix: string;
  readonly clock: ManualClock;
  /** A node stops where it is. */
  freeze(index: number): void;
  /** It goes on. */
  thaw(index: number): Promise<void>;
  /** Lets everybody's time pass. */
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** The lease of {@link timedStores}. */
export const LEASE_MS = 10_000;

/** Starts a store on every node; clocks and Redis see the time that the test says. */
export async function timedStores(
  redis: RedisNodes,
  options: RedisPresenceOptions = {},
  skews: readonly number[] = [],
): Promise<TimedStores> {
  const clock = new ManualClock();
  redis.clock = clock;
  const prefix = redis.prefix();
  const clocks = redis.nodes.map(() => new CutClock(clock));
  const stores = await Promise.all(
    redis.nodes.map((node, index) => {
      const own = clocks[index]!;
      const skewed: Clock = {
        now: () => own.now() + (skews[index] ?? 0),
        after: (ms, callback) => own.after(ms, callback),
      };
      return startStore(redis, node, skewed, { prefix, leaseMs: LEASE_MS, ...options });
    }),
  );
  return {
    stores,
    prefix,
    clock,
    freeze: (index) => clocks[index]!.cut(),
    thaw: async (index) => {
      clocks[index]!.restore();
      await redis.settle();
    },
    advance: async (ms) => {
      for (let left = ms; left > 0; left -= LEASE_MS / 20) {
        clock.advance(Math.min(left, LEASE_MS / 20));
        await redis.settle();
      }
    },
    close: async () => {
      for (const { node } of stores) node.timed.before = () => undefined;
      await Promise.all(stores.map(({ store }) => store.close()));
    },
  };
}

/** A node in a process of its own. */
export interface PresenceProcess {
  readonly process: ChildProcess;
  /** What it has said. */
  readonly said: readonly string[];
  /** Resolves when it has said this. */
  heard(text: string): Promise<void>;
  say(text: string): void;
  /** Ends it, if it has not ended. */
  end(): Promise<void>;
}

/** What a node in a process of its own is to do. */
export interface PresenceProcessOptions {
  readonly url: string;
  readonly prefix: string;
  readonly leaseMs: number;
  readonly room: string;
  readonly users: readonly string[];
}

/** Starts a node in a process of its own; resolves when its users are in the room. */
export async function startPresenceProcess(
  options: PresenceProcessOptions,
): Promise<PresenceProcess> {
  const file = fileURLToPath(new URL('../support/presence-node.js', import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => said.push(line));
  const node: PresenceProcess = {
    process: child,
    said,
    heard: async (text) => {
      while (!said.includes(text)) await once(lines, 'line');
    },
    say: (text) => child.stdin.write(`${text}\n`),
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
  await node.heard('ready');
  return node;
}
