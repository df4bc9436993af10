/** The calls of a client under test: what they came to, and what they have to come to. */
import {
  stream,
  type PresenceState,
  type RealtimeClient,
  type RealtimeClientError,
} from '../../../lib/client/index.js';
import { match } from './vectors.js';

/** A frame, as a dialogue has it. */
export type Frame = Readonly<Record<string, unknown>>;

/** Handlers of the reference application that stream. */
const STREAMS = ['count', 'forever'];

/** What a call came to, as far as it has. */
export interface Call {
  readonly items: unknown[];
  outcome: { readonly value: unknown } | { readonly code: string } | undefined;
  /** Gives the call up; a room's has no such way. */
  readonly cancel?: () => void;
  /** Whether it ends with its connection. */
  readonly isStream: boolean;
  /** Whether the client itself has given it up. Then answers mean nothing any more. */
  isCancelled: boolean;
}

/** Fails with what differs, unless nothing does. */
export function check(difference: string | undefined, what: string): void {
  if (difference !== undefined) throw new Error(`${what}: ${difference}`);
}

/** Asks a handler, in the way that suits what it answers with. */
export function ask(client: RealtimeClient, frame: Frame): Call {
  const { event, payload, credit } = frame as { event: string; payload?: unknown; credit: unknown };
  if (STREAMS.includes(event)) {
    const options = typeof credit === 'number' ? { credit } : {};
    return readStream(stream(client, event, payload, options));
  }
  const controller = new AbortController();
  const { signal } = controller;
  return track(client.request(event, payload, { signal }), () => {
    controller.abort();
  });
}

/** Follows a promise. */
export function track(promise: Promise<unknown>, cancel?: () => void): Call {
  const call: Call = {
    items: [],
    outcome: undefined,
    isStream: false,
    isCancelled: false,
    ...(cancel === undefined ? {} : { cancel }),
  };
  promise.then(
    (value) => (call.outcome = { value }),
    (error: unknown) => (call.outcome = { code: (error as RealtimeClientError).code }),
  );
  return call;
}

/** Reads a stream to its end; giving it up is what leaving the loop does. */
function readStream(answers: AsyncIterable<unknown>): Call {
  const iterator = answers[Symbol.asyncIterator]();
  const items: unknown[] = [];
  async function read(): Promise<undefined> {
    for (let item = await iterator.next(); item.done !== true; item = await iterator.next()) {
      items.push(item.value);
    }
    return undefined;
  }
  const call = track(read(), () => void iterator.return?.());
  return Object.assign(call, { items, isStream: true });
}

/** What a frame of the server has made of the call it answers. */
export function expectOutcome({ items, outcome }: Call, frame: Frame): void {
  const { type, payload, code } = frame;
  switch (type) {
    case 'next':
      check(match(items.at(-1), payload, new Map()), 'the last item');
      break;
    case 'complete':
      check(match(outcome, { value: undefined }, new Map()), 'the stream');
      break;
    case 'response':
      check(match(outcome, { value: payload }, new Map()), 'the answer');
      break;
    case 'published': {
      check(match(outcome, { value: without(frame, 'type', 'id') }, new Map()), 'the receipt');
      break;
    }
    case 'presence':
      expectPresence(outcome, frame);
      break;
    case 'history':
      check(match(outcome, { value: pageOf(frame) }, new Map()), 'the page');
      break;
    default:
      // What may not be asked again is as unknown to the application as what was never answered.
      check(
        match(outcome, { code: code === 'not-idempotent' ? 'connection-lost' : code }, new Map()),
        'the error',
      );
  }
}

/** Asked for, it is who is there; told, it is nothing. */
function expectPresence(outcome: Call['outcome'], { total, members }: Frame): void {
  const value = outcome !== undefined && 'value' in outcome ? outcome.value : undefined;
  if (value === undefined) {
    check(match(outcome, { value: undefined }, new Map()), 'the update');
    return;
  }
  const state = value as PresenceState;
  const actual = { total: state.total, members: state.members && [...state.members.values()] };
  check(match(actual, { total, members }, new Map()), 'the presence');
}

/** A page as the application gets it. */
function pageOf({ room, epoch, offset, messages, complete, reason }: Frame): unknown {
  return {
    messages: (messages as Frame[]).map(({ offset: at, ...message }) => ({
      ...message,
      room,
      position: { epoch, offset: at },
    })),
    position: { epoch, offset },
    complete,
    reason,
  };
}

/** A frame without some of its fields. */
export function without(frame: Frame, ...names: readonly string[]): Frame {
  return Object.fromEntries(Object.entries(frame).filter(([name]) => !names.includes(name)));
}
