import {
  DEFAULT_HISTORY,
  DEFAULT_LIMITS,
  DEFAULT_SESSION_OPTIONS,
  RealtimeNode,
  type Broker,
  type Connection,
  type CoreLimits,
  type FrameParser,
  type Handshake,
  type PresenceStore,
  type ReplyStore,
  type SessionOptions,
} from '../../lib/core/index.js';
import {
  MemoryBroker,
  MemoryPresenceStore,
  MemoryReplyStore,
  ReplyBook,
} from '../../lib/memory/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import {
  CountingRandom,
  FakeApplication,
  FakeDirectory,
  FakeVerifier,
  handshake,
  RecordingObserver,
} from './fakes.js';
import { MemoryLink } from './memory-link.js';
import { turn } from './turns.js';

/** What a world is made of besides the defaults. */
export interface WorldOptions {
  readonly limits?: Partial<CoreLimits>;
  readonly sessions?: Partial<SessionOptions>;
  readonly concurrency?: number;
  /** Default 0: no connection is idle. */
  readonly idleTimeoutMs?: number;
  readonly frameParser?: FrameParser;
  readonly broker?: (world: NodeWorld) => Broker;
  readonly replies?: (world: NodeWorld) => ReplyStore;
  readonly presence?: (world: NodeWorld) => PresenceStore;
  /** The time that it shares with other nodes. */
  readonly clock?: ManualClock;
  /** What its ids begin with. Default `id`. */
  readonly name?: string;
}

/** One node with everything around it in this process, in virtual time. */
export class NodeWorld {
  readonly clock: ManualClock;
  readonly random: CountingRandom;
  readonly observer = new RecordingObserver();
  readonly verifier = new FakeVerifier();
  readonly application = new FakeApplication();
  readonly directory = new FakeDirectory();
  readonly broker: Broker;
  readonly presence: PresenceStore;
  readonly node: RealtimeNode;

  constructor(options: WorldOptions = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.random = new CountingRandom(options.name);
    this.broker =
      options.broker?.(this) ?? new MemoryBroker(this.clock, new CountingRandom('epoch'));
    this.presence = options.presence?.(this) ?? new MemoryPresenceStore(this.clock);
    this.node = new RealtimeNode({
      application: this.application,
      broker: this.broker,
      replies: options.replies?.(this) ?? new MemoryReplyStore(new ReplyBook(this.clock)),
      presence: this.presence,
      verifier: this.verifier,
      directory: this.directory,
      clock: this.clock,
      random: this.random,
      observer: this.observer,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      history: DEFAULT_HISTORY,
      sessions: { ...DEFAULT_SESSION_OPTIONS, ...options.sessions },
      heartbeat: { intervalMs: 30_000, timeoutMs: 45_000 },
      concurrency: options.concurrency ?? 1,
      idleTimeoutMs: options.idleTimeoutMs ?? 0,
      frameParser: options.frameParser,
    });
  }

  static async start(options: WorldOptions = {}): Promise<NodeWorld> {
    const world = new NodeWorld(options);
    await world.node.start();
    return world;
  }

  /** A peer whose handshake is done. */
  meet(overrides: Partial<Handshake> = {}): Peer {
    return new Peer(this, handshake(overrides));
  }

  /** A peer that is connected; the `connected` frame is read. */
  async connect(user = 'ada', overrides: Partial<Handshake> = {}): Promise<Peer> {
    const peer = this.meet(overrides);
    peer.say({ type: 'hello', token: `token-${user}` });
    await turn();
    expectConnected(peer.frames());
    return peer;
  }
}

/** A peer of a node, and the node's side of it. */
export class Peer {
  readonly link: MemoryLink;
  readonly connection: Connection;

  constructor(world: NodeWorld, shaken: Handshake) {
    this.link = new MemoryLink(world.clock);
    this.connection = world.node.accept(this.link, shaken) as Connection;
    this.link.attach(this.connection);
  }

  /** Sends frames, one after the other, in the same turn. */
  say(...frames: (object | string)[]): void {
    for (const frame of frames) this.link.say(frame);
  }

  /** What came since the last call. */
  frames(): ServerFrame[] {
    return this.link.frames();
  }

  /** Sends frames, lets one turn pass, and gives what came. */
  async ask(...frames: (object | string)[]): Promise<ServerFrame[]> {
    this.say(...frames);
    await turn();
    return this.frames();
  }
}

function expectConnected(frames: readonly ServerFrame[]): void {
  if (frames[0]?.type === 'connected') return;
  throw new Error(`expected connected, got ${JSON.stringify(frames)}`);
}
