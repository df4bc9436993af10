import { describe, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { WebSocket as NodeWebSocket } from 'ws';
import {
  handle,
  history,
  RealtimeClient,
  stream,
  type MessageInfo,
  type NameOfPattern,
  type PresenceMember,
  type PresenceState,
  type PublishReceipt,
  type RoomGap,
  type RoomReset,
  type WebSocketConstructor,
} from '../../lib/client/index.js';
import { realtimeHooks } from '../../lib/react/index.js';

interface ChatContract {
  requests: {
    'chat.send': { payload: { room: string; text: string }; response: { id: string } };
    'chat.rooms': { response: string[] };
    'chat.mute': { payload: string | undefined };
  };
  streams: { count: { payload: { to: number }; item: number } };
  rooms: {
    'chat/:room': {
      events: { 'chat.message': { text: string } };
      publish: { typing: { on: boolean } };
      snapshot: { title: string };
    };
    'chat/:room/log': { events: { line: string } };
    lobby: { events: { joined: { name: string } } };
    'files/*': { events: { changed: { path: string } } };
  };
  events: { notice: { text: string } };
  serverRequests: {
    'draft.save': { payload: { draft: string }; response: { saved: boolean } };
    'window.focus': object;
  };
}

const options = { autoConnect: false } as const;
const client = new RealtimeClient<ChatContract>('wss://example.test', options);
const untyped = new RealtimeClient('wss://example.test', options);
// Compiled, never called: what counts here is what the compiler says.
const compiled = (calls: () => unknown): void => {
  expectTypeOf(calls).toBeFunction();
};

describe('a contract', () => {
  it('types requests', () => {
    compiled(() => {
      const send = client.request('chat.send', { room: 'a', text: 'b' }, { timeoutMs: 5 });
      expectTypeOf(send).resolves.toEqualTypeOf<{ id: string }>();
      expectTypeOf(client.request('chat.rooms')).resolves.toEqualTypeOf<string[]>();
      expectTypeOf(client.request('chat.mute', 'a')).resolves.toEqualTypeOf<undefined>();
      void client.request('chat.mute');
      // @ts-expect-error no such request
      void client.request('chat.sent', {});
      // @ts-expect-error a field is missing
      void client.request('chat.send', { room: 'a' });
      // @ts-expect-error the payload is missing
      void client.request('chat.send');
    });
  });

  it('types streams', () => {
    compiled(() => {
      expectTypeOf(stream(client, 'count', { to: 3 })).toEqualTypeOf<AsyncIterable<number>>();
      // @ts-expect-error no such stream
      stream(client, 'chat.send', { to: 3 });
      // @ts-expect-error the wrong payload
      stream(client, 'count', { to: '3' });
    });
  });

  it('types rooms by their patterns', () => {
    expectTypeOf<NameOfPattern<'chat/:room'>>().toEqualTypeOf<`chat/${string}`>();
    expectTypeOf<NameOfPattern<'a/:b/c'>>().toEqualTypeOf<`a/${string}/c`>();
    expectTypeOf<NameOfPattern<'files/*'>>().toEqualTypeOf<`files/${string}`>();
    compiled((): unknown => {
      const room = client.room('chat/general');
      room.on('chat.message', (payload, message) => {
        expectTypeOf(payload).toEqualTypeOf<{ text: string }>();
        expectTypeOf(message).toEqualTypeOf<MessageInfo>();
      });
      room.on('gap', (gap) => {
        expectTypeOf(gap).toEqualTypeOf<RoomGap>();
      });
      expectTypeOf(room.publish('typing', { on: true })).resolves.toEqualTypeOf<PublishReceipt>();
      // @ts-expect-error no such event
      room.on('chat.massage', () => undefined);
      // @ts-expect-error no such publish
      void room.publish('chat.message', { text: 'a' });
      // @ts-expect-error the wrong payload
      void room.publish('typing', { on: 1 });
      // @ts-expect-error no room has that name
      client.room('chats/general');
      return room;
    });
  });

  it('tells rooms with names of several segments apart, also when a part is not known yet', () => {
    compiled((): unknown => {
      const id = String(Date.now());
      client.room(`chat/${id}`).on('chat.message', ({ text }) => text);
      client.room('chat/general/log').on('line', (line) => {
        expectTypeOf(line).toEqualTypeOf<string>();
      });
      // @ts-expect-error that is the log's
      client.room('chat/general').on('line', () => undefined);
      client.room('lobby').on('joined', ({ name }) => name);
      return client.room('files/a/b/c').on('changed', ({ path }) => path);
    });
  });

  it("types a room's state, and has none where there is none", () => {
    compiled((): unknown => {
      const room = client.room('chat/general');
      room.on('reset', (state, info) => {
        expectTypeOf(state).toEqualTypeOf<{ title: string }>();
        expectTypeOf(info).toEqualTypeOf<RoomReset>();
      });
      room.on('recovered', ({ replayed }) => {
        expectTypeOf(replayed).toEqualTypeOf<number>();
      });
      client.room('lobby').on('reset', (state) => {
        expectTypeOf(state).toBeNever();
      });
      return untyped.room('any').on('reset', (state) => {
        expectTypeOf(state).toBeUnknown();
      });
    });
  });

  it("types a room's past by its events", () => {
    compiled(async () => {
      const { messages } = await history(client, 'chat/general', { limit: 5 });
      const [first] = messages;
      expectTypeOf(first?.payload).toEqualTypeOf<{ text: string } | undefined>();
      expectTypeOf(first?.event).toEqualTypeOf<'chat.message' | undefined>();
      const any = await history(untyped, 'any');
      expectTypeOf(any.messages[0]?.payload).toBeUnknown();
    });
  });

  it('types who is in a room', () => {
    compiled((): unknown => {
      const { presence } = client.room('chat/general');
      expectTypeOf(presence.get()).resolves.toEqualTypeOf<PresenceState>();
      return presence.watch(({ members }, { joined }) => {
        expectTypeOf(members).toEqualTypeOf<ReadonlyMap<string, PresenceMember> | undefined>();
        expectTypeOf(joined).toEqualTypeOf<readonly PresenceMember[]>();
      });
    });
  });

  it("types the server's requests", () => {
    compiled((): unknown => {
      handle(client, 'draft.save', (payload, { signal }) => {
        expectTypeOf(payload).toEqualTypeOf<{ draft: string }>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return Promise.resolve({ saved: true });
      });
      handle(client, 'window.focus', () => undefined);
      // @ts-expect-error no such request
      handle(client, 'draft.saved', () => undefined);
      // @ts-expect-error the wrong answer
      handle(client, 'draft.save', () => ({ saved: 1 }));
      return handle(untyped, 'any', (payload) => payload);
    });
  });

  it('types messages without a room', () => {
    compiled((): unknown => {
      // @ts-expect-error no such event
      client.events.on('notices', () => undefined);
      return client.events.on('notice', (payload) => {
        expectTypeOf(payload).toEqualTypeOf<{ text: string }>();
      });
    });
  });

  it('offers nothing where it has no part, and everything where there is no contract', () => {
    compiled((): unknown => {
      const empty = new RealtimeClient<{ events: { a: 1 } }>('wss://example.test');
      // @ts-expect-error no requests at all
      void empty.request('a');
      // @ts-expect-error no rooms at all
      empty.room('a');
      expectTypeOf(untyped.request('any', 1)).resolves.toBeUnknown();
      untyped.room('any/room').on('any', (payload) => {
        expectTypeOf(payload).toBeUnknown();
      });
      return untyped.room('any').on('gap', ({ reason }) => reason);
    });
  });

  it('types the hooks', () => {
    const { useRoom, useRealtime } = realtimeHooks<ChatContract>();
    compiled((): unknown => {
      expectTypeOf(useRealtime().client).toEqualTypeOf<RealtimeClient<ChatContract>>();
      // @ts-expect-error no room has that name
      useRoom('chats/general', {});
      const { room } = useRoom('chat/general', {
        'chat.message': ({ text }) => text,
        gap: ({ reason }) => reason,
        reset: ({ title }) => title,
      });
      // @ts-expect-error no such event
      useRoom('chat/general', { 'chat.massage': () => undefined });
      return room?.publish('typing', { on: true });
    });
  });
});

describe('a WebSocket', () => {
  it("may be the runtime's or that of ws", () => {
    expectTypeOf<typeof NodeWebSocket>().toExtend<WebSocketConstructor>();
    expectTypeOf<typeof WebSocket>().toExtend<WebSocketConstructor>();
  });
});
