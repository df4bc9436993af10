/**
 * Plays the server of a dialogue to the SDK. Which call the client has to make follows from its
 * frames, what the call has to come to from the server's; see `../vectors/README.md`.
 */
import { closeAction, type GoingAwayFrame } from '../../../lib/protocol/index.js';
import type { RealtimeClientError, Room, RoomGap } from '../../../lib/client/index.js';
import type { FakeSocket } from '../../client/support/fake-socket.js';
import { settle } from '../../client/support/fake-clock.js';
import { World } from '../../client/support/world.js';
import { ask, check, expectOutcome, track, type Call, type Frame } from './client-calls.js';
import { eventsOf, helloRooms, tokensOf } from './client-script.js';
import {
  fill,
  match,
  type Bindings,
  type CloseStep,
  type ConnectStep,
  type FrameStep,
  type Step,
  type Vector,
} from './vectors.js';

/** What the application sees of one room. */
interface Seen {
  readonly room: Room;
  readonly messages: { readonly event: string; readonly payload: unknown }[];
  readonly gaps: RoomGap[];
  /** The id of the last subscribe or unsubscribe; answers to others are stale. */
  question?: string;
  call?: Call;
}

/** One dialogue, played to one client. */
export class ClientReplay {
  readonly #bindings: Bindings = new Map();
  readonly #world: World;
  readonly #calls = new Map<string, Call>();
  readonly #rooms = new Map<string, Seen>();
  readonly #direct: { readonly event: string; readonly payload: unknown }[] = [];
  /** Frames of the present socket that were looked at. */
  #looked = 0;
  /** The last thing asked, until its frame tells its id. */
  #asked: Call | undefined;
  #goingAway: GoingAwayFrame | undefined;
  /** What the client told about by its `error` event. */
  readonly raised: RealtimeClientError[] = [];

  /** @param isReversed whether frames whose order does not matter come in the other order. */
  constructor(
    private readonly vector: Vector,
    private readonly isReversed = false,
  ) {
    const tokens = tokensOf(vector.steps);
    this.#world = new World({
      autoConnect: false,
      token: () => {
        if (tokens.length === 0) throw new Error('asked for a token that no step needs');
        const token = tokens.shift();
        if (token === null) throw new Error('no token to be had now');
        return token;
      },
    });
    this.#world.client.on('error', (error) => this.raised.push(error));
    for (const event of eventsOf(this.vector.steps)) {
      this.#world.client.events.on(event, (payload) => this.#direct.push({ event, payload }));
    }
  }

  /** Errors of handlers, and those that nobody listened for. */
  get reported(): readonly unknown[] {
    return this.#world.reported;
  }

  /** Plays all of it. */
  async play(): Promise<void> {
    for (const [index, step] of this.vector.steps.entries()) {
      try {
        await this.#step(step, index);
        await settle();
        if (!this.#isClientNext(index)) this.#expectNoMore();
      } catch (cause) {
        const what = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`step ${index + 1}: ${what}`, { cause });
      }
    }
    this.#world.client.close();
    for (const [id, call] of this.#calls) {
      if (call.outcome === undefined) throw new Error(`the call ${id} never ended`);
    }
  }

  async #step(step: Step, index: number): Promise<void> {
    if ('connect' in step) await this.#connect(step, index);
    else if ('close' in step) await this.#close(step);
    else if ('unordered' in step) await this.#unordered(step.unordered);
    else if ('from' in step && 'frame' in step) {
      if (step.from === 'client') await this.#fromClient(step);
      else await this.#fromServer(step);
    }
  }

  get #socket(): FakeSocket {
    return this.#world.socket;
  }

  async #connect({ connect }: ConnectStep, index: number): Promise<void> {
    const { client, clock, sockets } = this.#world;
    const before = sockets.length;
    if (before === 0) {
      const rooms = helloRooms(this.vector.steps[index + 1]);
      for (const room of rooms) this.#subscribe(this.#seen(room));
      client.connect().catch(() => undefined);
    } else {
      check(match(client.state, 'waiting', new Map()), 'the state between two connections');
      clock.advance(this.#world.lastChange.delayMs ?? 0);
    }
    await settle();
    check(match(sockets.length, before + 1, new Map()), 'the number of sockets');
    check(match(this.#socket.protocols, connect.offers, new Map()), 'the subprotocols offered');
    this.#looked = 0;
    this.#socket.open();
  }

  async #fromClient({ frame }: FrameStep): Promise<void> {
    this.#call(frame);
    await settle();
    const sent = this.#nextSent();
    check(match(sent, frame, this.#bindings), `the client sent ${JSON.stringify(sent)}`);
    const { id, type, room } = sent as { id?: string; type: string; room?: string };
    if (id === undefined) return;
    if (this.#asked !== undefined) this.#calls.set(id, this.#asked);
    this.#asked = undefined;
    if (type === 'subscribe' || type === 'unsubscribe') this.#seen(room ?? '').question = id;
  }

  /** Has the client do what leads to the frame. */
  #call(frame: Frame): void {
    const { client } = this.#world;
    const { event, payload } = frame as { event: string; payload?: unknown };
    switch (frame['type']) {
      case 'subscribe':
        this.#subscribe(this.#seen(frame['room'] as string));
        break;
      case 'unsubscribe':
        this.#seen(frame['room'] as string).room.unsubscribe();
        break;
      case 'publish':
        this.#asked = track(client.room(frame['room'] as string).publish(event, payload));
        break;
      case 'request':
        this.#asked = ask(client, event, payload);
        break;
      case 'cancel':
        this.#cancel(frame);
        break;
      default:
      // `hello` and `authenticate` are the client's own doing.
    }
  }

  #cancel({ id }: Frame): void {
    const call = this.#calls.get(fill(id, this.#bindings) as string);
    if (call?.cancel === undefined) throw new Error('nothing to cancel');
    call.isCancelled = true;
    call.cancel();
  }

  #subscribe(seen: Seen): void {
    const call = track(seen.room.subscribe());
    if (seen.call !== undefined) seen.call.isCancelled = true;
    seen.call = call;
  }

  async #fromServer({ frame }: FrameStep): Promise<void> {
    const filled = fill(frame, this.#bindings) as Frame;
    this.#socket.receiveRaw(JSON.stringify(filled));
    await settle();
    this.#expectEffect(filled);
  }

  async #unordered(steps: readonly FrameStep[]): Promise<void> {
    // Bound as listed, whichever comes first.
    const filled = steps.map(({ frame }) => fill(frame, this.#bindings) as Frame);
    for (const frame of this.isReversed ? filled.reverse() : filled) {
      this.#socket.receiveRaw(JSON.stringify(frame));
      await settle();
      this.#expectEffect(frame);
    }
  }

  /** What the application has to notice of a frame. */
  #expectEffect(frame: Frame): void {
    const { type, room } = frame as { type: string; room?: string };
    const call = this.#calls.get((frame['id'] as string | undefined) ?? '');
    if (type === 'going-away') {
      this.#goingAway = frame as unknown as GoingAwayFrame;
    } else if (type === 'connected') {
      const { client } = this.#world;
      const { state, user, connectionId } = client;
      const expected = {
        state: 'connected',
        user: frame['user'],
        connectionId: frame['connectionId'],
      };
      check(match({ state, user, connectionId }, expected, new Map()), 'the client');
    } else if (type === 'message' && room === undefined) {
      this.#expectLast(this.#direct, frame);
    } else if (room !== undefined) {
      // Not `#seen`: nobody listens in rooms that were never asked for.
      const seen = this.#rooms.get(room);
      if (seen !== undefined) this.#expectInRoom(seen, frame);
    } else if (call !== undefined && !call.isCancelled) {
      expectOutcome(call, frame);
    } else if (type === 'error') {
      this.#expectRefusedSubscribe(frame);
    }
  }

  #expectInRoom(seen: Seen, frame: Frame): void {
    const { type, id, epoch, offset } = frame;
    const { room } = seen;
    if (type === 'message') this.#expectLast(seen.messages, frame);
    if (type === 'gap' || frame['recovered'] === false) {
      const expected = { reason: frame['reason'], position: { epoch, offset } };
      check(match(seen.gaps.at(-1), expected, new Map()), 'the gap');
    }
    if (type === 'subscribed' || type === 'unsubscribed') {
      if (id !== undefined && id !== seen.question) return;
      check(match(room.state, type, new Map()), 'the state of the room');
      if (type === 'subscribed')
        check(match(seen.call?.outcome, { value: undefined }, new Map()), 'subscribe()');
      else if (id === undefined) this.#expectDismissed(seen, frame);
    }
    if (epoch !== undefined && offset !== undefined) {
      check(match(room.position, { epoch, offset }, new Map()), 'the position of the room');
    }
  }

  /** `subscribe()` learns why, unless it had its answer long ago. */
  #expectDismissed({ call }: Seen, { reason }: Frame): void {
    if (call?.outcome !== undefined && 'value' in call.outcome) return;
    check(match(call?.outcome, { code: reason }, new Map()), 'subscribe()');
  }

  #expectRefusedSubscribe({ id, code }: Frame): void {
    const seen = [...this.#rooms.values()].find(({ question }) => question === id);
    if (seen === undefined) return;
    check(match(seen.call?.outcome, { code }, new Map()), 'subscribe()');
    check(match(seen.room.state, 'unsubscribed', new Map()), 'the state of the room');
  }

  #expectLast(messages: readonly unknown[], { event, payload }: Frame): void {
    check(match(messages.at(-1), { event, payload }, new Map()), 'the last message');
  }

  async #close({ close: { code, by, reason = '' } }: CloseStep): Promise<void> {
    const { client } = this.#world;
    const open = [...this.#calls.values()].filter(({ outcome }) => outcome === undefined);
    if (by === 'client') client.close();
    else this.#socket.drop(code, by === 'network' ? '' : reason);
    await settle();
    if (by === 'client') check(match(this.#socket.closedWith?.code, code, new Map()), 'the close');
    const isOver = by === 'client' || closeAction(code) === 'stop';
    check(match(client.state, isOver ? 'closed' : 'waiting', new Map()), 'the state of the client');
    this.#expectPatience();
    const expected = { code: isOver ? 'closed' : 'connection-lost' };
    for (const { outcome } of open) check(match(outcome, expected, new Map()), 'an open call');
  }

  /** Who was told when to come back comes back then. */
  #expectPatience(): void {
    if (this.#goingAway === undefined || this.#world.client.state !== 'waiting') return;
    const { afterMs, windowMs } = this.#goingAway;
    this.#goingAway = undefined;
    const { delayMs = 0 } = this.#world.lastChange;
    if (delayMs < afterMs || delayMs > afterMs + windowMs) {
      throw new Error(`the client comes back after ${String(delayMs)} ms`);
    }
  }

  /** The next frame of the client that is not its timers' business. */
  #nextSent(): unknown {
    const sent = this.#socket.sent[this.#looked];
    if (sent === undefined) return undefined;
    this.#looked += 1;
    if (sent.type !== 'ping') return sent;
    this.#socket.receiveRaw('{"type":"pong"}');
    return this.#nextSent();
  }

  #expectNoMore(): void {
    if (this.#world.sockets.length === 0) return;
    const sent = this.#nextSent();
    if (sent !== undefined) throw new Error(`the client sent ${JSON.stringify(sent)} unasked`);
  }

  /** Whether the client's next frame follows from this step, such as the hello from its connection. */
  #isClientNext(index: number): boolean {
    const next = this.vector.steps[index + 1];
    return next !== undefined && 'from' in next && next.from === 'client';
  }

  #seen(name: string): Seen {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    const room = this.#world.client.room(name);
    const seen: Seen = { room, messages: [], gaps: [] };
    this.#rooms.set(name, seen);
    // A handler is a wish to be in the room: `subscribe()`, which follows, asks no second time.
    for (const event of eventsOf(this.vector.steps)) {
      room.on(event, (payload: unknown) => seen.messages.push({ event, payload }));
    }
    room.on('gap', (gap) => seen.gaps.push(gap));
    room.on('error', () => undefined);
    return seen;
  }
}
