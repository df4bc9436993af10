import { describe, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';

import {
  RealtimeClient,
  type MessageInfo,
  type PresenceState,
  type RealtimeClientError,
  type RoomReset,
} from '../../lib/client/index.js';
import {
  RealtimeProvider,
  realtimeHooks,
  usePresence,
  useRealtime,
  useRequest,
  useRoom,
  useRoomState,
} from '../../lib/react/index.js';

interface GameContract {
  requests: {
    'game.join': { payload: { game: string }; response: { seat: number } };
    'game.list': { response: string[] };
  };
  rooms: {
    'game/:game': {
      events: { score: { player: string; score: number } };
      publish: { cheer: string };
      snapshot: Record<string, number>;
    };
    lobby: { events: { joined: string } };
  };
}

type Scores = Readonly<Record<string, number>>;

const game = realtimeHooks<GameContract>();
const none: Scores = {};
const create = () => new RealtimeClient<GameContract>('wss://example.test');

// Compiled, never called: what counts here is what the compiler says.
const compiled = (calls: () => unknown): void => {
  expectTypeOf(calls).toBeFunction();
};

describe('the hooks of a contract', () => {
  it('type the provider by its client', () => {
    compiled(() => {
      const client = create();
      const make = () => create();
      // @ts-expect-error the token of a client that was made elsewhere is its own
      const wrong = <game.RealtimeProvider client={client} token="a" />;
      return [
        wrong,
        <game.RealtimeProvider client={client} key="1" />,
        <RealtimeProvider client={client} key="2" />,
        <game.RealtimeProvider client={make} token="a" key="3" />,
        <game.RealtimeProvider
          client={(options) => new RealtimeClient<GameContract>('wss://example.test', options)}
          token={() => Promise.resolve('a')}
          key="4"
        />,
      ];
    });
  });

  it('type what is sent', () => {
    compiled(() => {
      const { send, client, disconnect } = game.useRealtime();
      expectTypeOf(client).toEqualTypeOf<RealtimeClient<GameContract>>();
      expectTypeOf(disconnect).toEqualTypeOf<() => void>();
      expectTypeOf(send('game.join', { game: 'a' })).resolves.toEqualTypeOf<{ seat: number }>();
      expectTypeOf(send('game.list')).resolves.toEqualTypeOf<string[]>();
      // @ts-expect-error no such request
      void send('game.leave');
      // @ts-expect-error the payload is missing
      void send('game.join');
    });
  });

  it('type the state of a room by the initial one', () => {
    compiled(() => {
      const [scores, { room, isLoaded }] = game.useRoomState(
        'game/1',
        {
          score: (before, { player, score }, message) => {
            expectTypeOf(before).toEqualTypeOf<Scores>();
            expectTypeOf(message).toEqualTypeOf<MessageInfo>();
            return { ...before, [player]: score };
          },
          gap: () => none,
        },
        none,
      );
      expectTypeOf(scores).toEqualTypeOf<Scores>();
      expectTypeOf(isLoaded).toEqualTypeOf<boolean>();
      void room?.publish('cheer', 'hooray');
      // @ts-expect-error no such event
      game.useRoomState('game/1', { scored: (before: Scores) => before }, none);
      // @ts-expect-error no room has that name
      game.useRoomState('games/1', {}, none);
      // @ts-expect-error not the next state
      game.useRoomState('game/1', { score: () => 'a' }, none);
      game.useRoomState('lobby', { joined: (count, name) => count + name.length }, 0);
    });
  });

  it('ask for a reducer of the snapshot where that is not the state', () => {
    compiled(() => {
      const [players] = game.useRoomState(
        'game/1',
        {
          reset: (_before, snapshot, info) => {
            expectTypeOf(snapshot).toEqualTypeOf<Record<string, number>>();
            expectTypeOf(info).toEqualTypeOf<RoomReset>();
            return new Map(Object.entries(snapshot));
          },
        },
        new Map<string, number>(),
      );
      expectTypeOf(players).toEqualTypeOf<Map<string, number>>();
      // @ts-expect-error a snapshot is no Map
      game.useRoomState('game/1', {}, new Map<string, number>());
    });
  });

  it('type who is there, and requests', () => {
    compiled(() => {
      expectTypeOf(game.usePresence('lobby')).toEqualTypeOf<PresenceState | undefined>();
      // @ts-expect-error no room has that name
      game.usePresence('lobbies');
      const join = game.useRequest('game.join');
      expectTypeOf(join.call({ game: 'a' })).resolves.toEqualTypeOf<{ seat: number }>();
      // @ts-expect-error the payload is missing
      void join.call();
      // @ts-expect-error no such request
      game.useRequest('game.leave');
      expectTypeOf(join.data).toEqualTypeOf<{ seat: number } | undefined>();
      if (join.status === 'success') expectTypeOf(join.data).toEqualTypeOf<{ seat: number }>();
      if (join.status === 'error') expectTypeOf(join.error).toEqualTypeOf<RealtimeClientError>();
    });
  });
});

describe('the hooks without a contract', () => {
  it('take any name and know nothing of payloads', () => {
    compiled(() => {
      expectTypeOf(useRealtime().send('any', 1)).resolves.toBeUnknown();
      expectTypeOf(useRequest('any').data).toBeUnknown();
      expectTypeOf(useRequest('any').call(1)).resolves.toBeUnknown();
      expectTypeOf(usePresence('any')).toEqualTypeOf<PresenceState | undefined>();
      useRoom('any', { event: (payload) => void expectTypeOf(payload).toBeUnknown() });
      const [count] = useRoomState(
        'any',
        { event: (before) => before + 1, reset: (_before, snapshot) => Number(snapshot) },
        0,
      );
      expectTypeOf(count).toEqualTypeOf<number>();
    });
  });
});
