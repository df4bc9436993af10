import { describe, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import { WebSocket as NodeWebSocket } from 'ws';
import {
  RealtimeClient,
  type MessageInfo,
  type NameOfPattern,
  type PublishReceipt,
  type RoomGap,
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
    };
    'chat/:room/log': { events: { line: string } };
    lobby: { events: { joined: { name: string } } };
    'files/*': { events: { changed: { path: string } } };
  };
  events: { notice: { text: string } };
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
      expectTypeOf(client.stream('count', { to: 3 })).toEqualTypeOf<AsyncIterable<number>>();
      // @ts-expect-error no such stream
      client.stream('chat.send', { to: 3 });
      // @ts-expect-error the wrong payload
      client.stream('count', { to: '3' });
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
