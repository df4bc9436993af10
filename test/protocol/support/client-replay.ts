/**
 * Plays the server of a dialogue to the SDK. Which call the client has to make follows from its
 * frames, what the call has to come to from the server's; see `../vectors/README.md`.
 */
import { closeAction, type GoingAwayFrame } from '../../../lib/protocol/index.js';
import {
  handle,
  history,
  type HistoryQuery,
  type RealtimeClientError,
} from '../../../lib/client/index.js';
import type { Position } from '../../../lib/protocol/index.js';
import type { FakeSocket } from '../../client/support/fake-socket.js';
import { settle } from '../../client/support/fake-clock.js';
import { World } from '../../client/support/world.js';
import {
  ask,
  check,
  expectOutcome,
  track,
  without,
  type Call,
  type Frame,
} from './client-calls.js';
import { answersOf, eventsOf, helloRooms, roomsWithState, tokensOf } from './client-script.js';
import { ExpectedRoom } from './expected-room.js';
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

/** One dialogue, played to one client. */
export class ClientReplay {
  readonly #bindings: Bindings = new Map();
  readonly #world: World;
  readonly #calls = new Map<string, Call>();
  readonly #rooms = new Map<string, ExpectedRoom>();
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
    const { client } = this.#world;
    client.on('error', (error) => this.raised.push(error));
    for (const event of eventsOf(this.vector.steps)) {
      client.events.on(event, (payload) => this.#direct.push({ event, payload }));
    }
    for (const [event, answer] of answersOf(this.vector.steps)) handle(client, event, answer);
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
    const { id, type, room = '', action } = sent as Readonly<Record<string, string | undefined>>;
    if (id === undefined) return;
    if (this.#asked !== undefined) this.#calls.set(id, this.#asked);
    this.#asked = undefined;
    if (type === 'subscribe' || type === 'unsubscribe') this.#seen(room).question = id;
    if (action === 'watch') this.#seen(room).watches(id);
  }

  /** Has the client do what leads to the frame. */
  #call(frame: Frame): void {
    if (this.#isRepeat(frame)) return;
    const { client } = this.#world;
    const { event, payload } = frame as { event: string; payload?: unknown };
    const name = frame['room'] as string;
    switch (frame['type']) {
      case 'subscribe':
        this.#subscribe(this.#seen(name));
        break;
      case 'unsubscribe':
        this.#seen(name).room.unsubscribe();
        break;
      case 'publish':
        this.#asked = track(client.room(name).publish(event, payload));
        break;
      case 'request':
        this.#asked = ask(client, frame);
        break;
      case 'presence':
        this.#presence(frame);
        break;
      case 'history':
        this.#asked = track(history(client, name, this.#historyQuery(frame)));
        break;
      case 'cancel':
        this.#cancel(frame);
        break;
      default:
      // `hello`, `authenticate`, `credit` and answers to the server are the client's own doing.
    }
  }

  /** Whether the client asks again by itself, for what it was made to ask before. */
  #isRepeat({ type, id, retry }: Frame): boolean {
    const isKnown = typeof id === 'string' && this.#bindings.has(id.replace('$same:', ''));
    return retry === true || (type === 'publish' && isKnown);
  }

  #presence({ room: name, action, info }: Frame): void {
    const { presence } = this.#world.client.room(name as string);
    if (action === 'watch') this.#seen(name as string).watch();
    else if (action === 'unwatch') this.#seen(name as string).unwatch();
    else if (action === 'update') this.#asked = track(presence.update(info));
    else this.#asked = track(presence.get());
  }

  #historyQuery(frame: Frame): HistoryQuery {
    // The id is the client's choice.
    const asked = fill(without(frame, 'id'), this.#bindings);
    const { epoch, offset, direction, limit } = asked as Partial<Position> & HistoryQuery;
    if (epoch === undefined || offset === undefined) return { direction, limit };
    return { [direction === 'backwards' ? 'before' : 'after']: { epoch, offset }, limit };
  }

  #cancel({ id }: Frame): void {
    const call = this.#calls.get(fill(id, this.#bindings) as string);
    if (call?.cancel === undefined) throw new Error('nothing to cancel');
    call.isCancelled = true;
    call.cancel();
  }

  #subscribe(seen: ExpectedRoom): void {
    const call = track(seen.room.subscribe());
    if (seen.call !== undefined) seen.call.isCancelled = true;
    seen.call = call;
  }

  async #fromServer({ frame, isLost }: FrameStep): Promise<void> {
    const filled = fill(frame, this.#bindings) as Frame;
    if (isLost === true) return;
    this.#socket.receiveRaw(JSON.stringify(filled));
    await settle();
    this.#expectEffect(filled);
  }

  async #unordered(steps: readonly FrameStep[]): Promise<void> {
    // Bound as listed, whichever comes first.
    const filled = steps.map(({ frame }) => fill(frame, this.#bindings) as Frame);
    if (steps.some(({ isLost }) => isLost)) return;
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
    } else if (type === 'delayed') {
      check(match(this.#world.client.isDelayed, frame['delayed'], new Map()), 'isDelayed');
    } else if (type === 'message' && room === undefined) {
      this.#expectLast(this.#direct, frame);
    } else if (room !== undefined) {
      // Not `#seen`: nobody listens in rooms that were never asked for.
      this.#rooms.get(room)?.expect(frame);
      if (call !== undefined) expectOutcome(call, frame);
    } else if (call !== undefined && !call.isCancelled) {
      expectOutcome(call, frame);
    } else if (type === 'error') {
      this.#expectRefusedSubscribe(frame);
    }
  }

  #expectRefusedSubscribe({ id, code }: Frame): void {
    const seen = [...this.#rooms.values()].find(({ question }) => question === id);
    // A client that wanted more than the room has asks for less.
    if (seen === undefined || code === 'unsupported') return;
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
    for (const { outcome, isStream } of open) {
      // What may be asked again waits for the next connection.
      const after = isOver || isStream ? expected : undefined;
      check(match(outcome, after, new Map()), 'an open call');
    }
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

  #seen(name: string): ExpectedRoom {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    const { steps } = this.vector;
    const takesState = roomsWithState(steps).has(name);
    const seen = new ExpectedRoom(this.#world.client.room(name), eventsOf(steps), takesState);
    this.#rooms.set(name, seen);
    return seen;
  }
}
