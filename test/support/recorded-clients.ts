import { WebSocket } from 'ws';

import { RealtimeClient, type Room } from '../../lib/client/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import { checkHistory, type CheckOptions } from '../checker/check.js';
import { describeViolations } from '../checker/describe-violations.js';
import type { CheckResult } from '../checker/verdict.js';
import { Recorder, type Note, type Said } from '../simulation/recorder.js';
import { Witness } from '../simulation/witness.js';
import { repeat } from './redis-server.js';

/** Where a published message is, and what its acknowledgement survives. */
export interface Stored {
  readonly epoch?: string | undefined;
  readonly offset?: number | undefined;
  readonly durability: string;
}

/** Errors after which nothing was stored; after any other nobody knows. */
const CERTAIN: ReadonlySet<string> = new Set(['unavailable', 'send-buffer-full']);

/** How soon clients of these tests come back. */
const RECONNECT = { minDelayMs: 100, maxDelayMs: 1_000 };

/**
 * What clients of one room see on real sockets, written down for the checker: by the applications on the
 * SDK, and by a witness at each connection, because the SDK makes up for some of a server's mistakes.
 */
export class RecordedRoom {
  readonly recorder = new Recorder();
  readonly clients: RecordedClient[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(readonly name: string) {}

  /** A client that listens to the room, at the address of a node. */
  add(user: string, url: string): RecordedClient {
    const client = new RecordedClient(this, user, url);
    this.clients.push(client);
    return client;
  }

  /**
   * Publishes, by whatever `send` does, and notes what comes of it.
   *
   * @returns the position, or `undefined` if nobody knows of one.
   */
  async publish(p: string, send: (payload: Said) => Promise<Stored>): Promise<Stored | undefined> {
    const n = (this.#numbers.get(p) ?? 0) + 1;
    this.#numbers.set(p, n);
    const id = `${p}/${String(n)}`;
    const { note } = this.recorder;
    const room = this.name;
    note({ type: 'pub.call', p, id, room, n });
    try {
      const stored = await send({ id });
      const { epoch = '', offset = 0, durability } = stored;
      note({ type: 'pub.ok', p, id, room, epoch, offset, durability });
      return stored;
    } catch (error) {
      const code = (error as { readonly code?: string }).code ?? 'unknown';
      if (CERTAIN.has(code)) note({ type: 'pub.no', p, id, code });
      else note({ type: 'pub.maybe', p, id, why: code });
      return undefined;
    }
  }

  /** A server is killed, and what only it had is gone. */
  killed(target: string): void {
    for (const on of [true, false]) {
      this.recorder.note({ type: 'fault', p: 'nemesis', kind: 'kill', target, on });
    }
  }

  /** Waits until all clients have a message, but those that have gone. */
  async allHave(id: string, limitMs?: number, gone: readonly RecordedClient[] = []): Promise<void> {
    const due = this.clients.filter((client) => !gone.includes(client));
    await repeat(() => Promise.resolve(due.every(({ seen }) => seen.has(id))), limitMs);
  }

  /** Where somebody was told that messages are lost. */
  get losses(): unknown[] {
    return this.recorder.records.filter(
      (record) => record.type === 'gap' || (record.type === 'sub.ok' && record.recovered === false),
    );
  }

  /** What the checker says, an assertion each. Unless told otherwise all clients have to be at the top. */
  check(options: CheckOptions = { expectLive: true }): readonly CheckResult[] {
    return checkHistory(this.recorder.records, options);
  }

  /** What is wrong, for whoever reads a failed test; empty if nothing is. */
  complaints(options?: CheckOptions): string {
    return describeViolations(this.check(options));
  }

  /** Ends all clients. */
  close(): void {
    for (const { sdk } of this.clients) sdk.close();
  }
}

/** A client of a {@link RecordedRoom}. */
export class RecordedClient {
  readonly sdk: RealtimeClient;
  readonly room: Room;
  /** Ids of the messages that its application has got. */
  readonly seen = new Set<string>();
  /** Sockets it has opened so far; the last one is the present one. */
  readonly sockets: WebSocket[] = [];

  constructor(
    private readonly recorded: RecordedRoom,
    readonly user: string,
    url: string,
  ) {
    const { recorder, name } = recorded;
    const token = `token-${user}`;
    this.sdk = new RealtimeClient(url, {
      WebSocket: witnessed(user, recorder.note, this.sockets),
      token,
      reconnect: RECONNECT,
      requestTimeoutMs: 30_000,
      connectTimeoutMs: 2_000,
    });
    this.sdk.on('error', () => undefined);
    this.room = this.sdk.room(name);
    recorder.follow(user, this.room);
    recorder.listen(user, this.room);
    this.room.on('said', (payload) => {
      this.seen.add((payload as Said).id);
    });
  }

  /** Publishes by its own connection. */
  publish(): Promise<Stored | undefined> {
    return this.recorded.publish(this.user, (payload) => this.room.publish('said', payload));
  }

  /** Writes down who it is told is in the room, as the server tells it. */
  watchPresence(): void {
    this.room.presence.watch(() => undefined);
  }
}

type SocketClass = new (url: string, protocols?: string[]) => WebSocket;

/** Sockets that tell a witness what goes over them before anybody else sees it. */
function witnessed(user: string, note: Note, sockets: WebSocket[]): SocketClass {
  return class extends WebSocket {
    readonly #witness: Witness;

    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      sockets.push(this);
      const link = `${user} link ${String(sockets.length)}`;
      const witness = new Witness(link, note);
      this.#witness = witness;
      this.on('message', (data: Buffer) => {
        const text = data.toString();
        witness.heard(text);
        notePresence(link, note, JSON.parse(text) as ServerFrame);
      });
      this.on('close', () => {
        witness.lost();
      });
    }

    override send(data: string): void {
      this.#witness.sent(data);
      super.send(data);
    }
  };
}

/** Who is there, as one connection is told. */
function notePresence(p: string, note: Note, frame: ServerFrame): void {
  if (frame.type === 'presence') {
    const members = (frame.members ?? []).map(({ userId }) => userId);
    note({ type: 'presence.state', p, room: frame.room, members });
  } else if (frame.type === 'presence-change') {
    const { room } = frame;
    for (const { userId: member } of frame.joined ?? [])
      note({ type: 'presence.join', p, room, member });
    for (const member of frame.left ?? []) note({ type: 'presence.leave', p, room, member });
  }
}
