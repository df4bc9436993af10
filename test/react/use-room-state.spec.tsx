import { describe, expect, it } from '@jest/globals';
import { Activity, type ReactNode } from 'react';

import { realtimeHooks, useRoomState, type RoomReducer } from '../../lib/react/index.js';
import { NAME, refusal } from '../client/support/rooms.js';
import { connectedWorld, message } from '../client/support/world.js';
import { countListeners, Show, Stage } from './support/stage.js';

const stage = new Stage();

interface ChatContract {
  rooms: { 'chat/:room': { events: { 'chat.message': number }; snapshot: string } };
}

const { useRoomState: useChat } = realtimeHooks<ChatContract>();

type Words = readonly string[];
type WordsReducer = RoomReducer<Words, { 'chat.message': number }, string>;

/** The words of the snapshot, then one for each message. */
const reducer: WordsReducer = {
  reset: (_words, snapshot) => snapshot.split(','),
  'chat.message': (words, payload) => [...words, String(payload)],
};

interface Followed {
  readonly name?: `chat/${string}` | null;
  readonly by?: WordsReducer;
  readonly initial?: Words;
}

function followed({ name = NAME, by = reducer, initial = ['none'] }: Followed = {}): ReactNode {
  const use = () => {
    const [words, { state, isLoaded }] = useChat(name, by, initial);
    return `${words.join(' ')} | ${state} ${String(isLoaded)}`;
  };
  return <Show use={use} />;
}

describe('useRoomState', () => {
  it('shows the initial state, then the snapshot, then what messages make of it', async () => {
    const world = await connectedWorld();
    await stage.play(world, followed());
    expect(stage.text).toBe('none | subscribing false');
    await stage.admit(world, { snapshot: 'a,b' });
    expect(stage.text).toBe('a b | subscribed true');
    await stage.receive(world, message(4), message(5));
    expect(stage.text).toBe('a b 4 5 | subscribed true');
    expect(world.socket.sent.slice(1)).toEqual([
      { type: 'subscribe', id: '1', room: NAME, snapshot: true },
    ]);
  });

  it('takes the snapshot for the state where there is no reducer for it', async () => {
    const world = await connectedWorld();
    const use = () => {
      const [count] = useRoomState<unknown>(
        NAME,
        { reset: undefined, 'chat.message': (before) => Number(before) + 1 },
        0,
      );
      return String(count);
    };
    await stage.play(world, <Show use={use} />);
    await stage.admit(world, { snapshot: 40 });
    await stage.receive(world, message(4), message(5));
    expect(stage.text).toBe('42');
  });

  it('says that the room has told its state, also if that is the initial one', async () => {
    const world = await connectedWorld();
    const use = () => {
      const [title, { isLoaded }] = useChat(NAME, {}, 'same');
      return `${title} ${String(isLoaded)}`;
    };
    await stage.play(world, <Show use={use} />);
    expect(stage.text).toBe('same false');
    await stage.admit(world, { snapshot: 'same' });
    expect(stage.text).toBe('same true');
  });

  it('puts a new snapshot in place where messages were lost', async () => {
    const world = await connectedWorld();
    await stage.play(world, followed());
    await stage.admit(world, { snapshot: 'a' });
    const place = { room: NAME, epoch: 'e1', offset: 8 };
    await stage.receive(world, { type: 'gap', ...place, reason: 'evicted' }, message(9));
    expect(stage.text).toBe('a | subscribed true');
    await stage.admit(world, { offset: 9, snapshot: 'z' });
    await stage.receive(world, message(10));
    expect(stage.text).toBe('z 10 | subscribed true');
  });

  it('keeps the state while the connection is broken', async () => {
    const world = await connectedWorld();
    await stage.play(world, followed());
    await stage.admit(world, { snapshot: 'a' });
    await stage.do(() => world.socket.drop());
    expect(stage.text).toBe('a | subscribing true');
    await stage.do(() => world.reconnect());
    const answer = { type: 'subscribed', room: NAME, epoch: 'e1', offset: 4 } as const;
    await stage.receive(world, { ...answer, recovered: true, replayed: 1 }, message(4));
    expect(stage.text).toBe('a 4 | subscribed true');
  });

  it('calls the newest reducer, and renders only when the state has changed', async () => {
    const world = await connectedWorld();
    let renders = 0;
    const none: Words = [];
    const page = (by: WordsReducer) => {
      const use = () => {
        renders += 1;
        return useChat(NAME, by, none)[0].join(' ');
      };
      return <Show use={use} />;
    };
    await stage.play(world, page(reducer));
    await stage.admit(world, { snapshot: 'a' });
    await stage.play(world, page({ ...reducer, 'chat.message': (words) => words }));
    const before = renders;
    await stage.receive(world, message(4));
    expect([stage.text, renders]).toEqual(['a', before]);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
  });

  it('gives two components of a room the same', async () => {
    const world = await connectedWorld();
    await stage.play(
      world,
      <>
        {followed()}
        {followed()}
      </>,
    );
    await stage.admit(world, { snapshot: 'a' });
    await stage.receive(world, message(4));
    expect(stage.text).toBe('a 4 | subscribed truea 4 | subscribed true');
  });

  it('begins anew with another room, and is nowhere without a name', async () => {
    const world = await connectedWorld();
    await stage.play(world, followed());
    await stage.admit(world, { snapshot: 'a' });
    await stage.play(world, followed({ name: 'chat/other', initial: ['begin'] }));
    expect(stage.text).toBe('begin | subscribing false');
    await stage.admit(world, { snapshot: 'b' });
    expect(stage.text).toBe('b | subscribed true');
    await stage.play(world, followed({ name: null }));
    expect(stage.text).toBe('none | unsubscribed false');
  });

  it('does not build on what it knew before it was hidden', async () => {
    const world = await connectedWorld();
    const page = (mode: 'visible' | 'hidden') => <Activity mode={mode}>{followed()}</Activity>;
    await stage.play(world, page('visible'));
    await stage.admit(world, { snapshot: 'a' });
    await stage.play(world, page('hidden'));
    expect(world.socket.frames('unsubscribe')).toHaveLength(1);
    await stage.play(world, page('visible'));
    expect(stage.text).toBe('none | subscribing false');
    await stage.admit(world, { offset: 9, snapshot: 'b' });
    expect(stage.text).toBe('b | subscribed true');
  });

  it('goes on from the initial state, and hears of losses, where the room has no snapshot', async () => {
    const world = await connectedWorld();
    await stage.play(world, followed({ by: { ...reducer, gap: () => ['lost'] } }));
    const { id } = world.socket.last('subscribe');
    await stage.receive(world, refusal(id, 'unsupported'));
    await stage.admit(world);
    await stage.receive(world, message(4));
    expect(stage.text).toBe('none 4 | subscribed true');
    const place = { room: NAME, epoch: 'e1', offset: 8 };
    await stage.receive(world, { type: 'gap', ...place, reason: 'evicted' }, message(9));
    expect(stage.text).toBe('lost 9 | subscribed true');
    expect(world.reported).toMatchObject([{ code: 'unsupported' }]);
  });

  it('keeps the state that a reducer throws at, and reports the error', async () => {
    const world = await connectedWorld();
    const by: WordsReducer = {
      ...reducer,
      'chat.message': () => {
        throw new Error('a fault of the reducer');
      },
    };
    await stage.play(world, followed({ by }));
    await stage.admit(world, { snapshot: 'a' });
    await stage.receive(world, message(4));
    expect(stage.text).toBe('a | subscribed true');
    expect(world.reported).toMatchObject([{ message: 'a fault of the reducer' }]);
  });

  it('takes event names for nothing but names', async () => {
    const world = await connectedWorld();
    const by = JSON.parse('{"__proto__":0,"constructor":0}') as Record<string, unknown>;
    for (const name of Object.keys(by)) {
      Object.defineProperty(by, name, { value: (words: Words) => [...words, name] });
    }
    await stage.play(world, followed({ by: { ...reducer, ...(by as WordsReducer) } }));
    await stage.admit(world, { snapshot: 'a' });
    await stage.receive(
      world,
      { ...message(4), event: '__proto__' },
      { ...message(5), event: 'constructor' },
      { ...message(6), event: 'toString' },
    );
    expect(stage.text).toBe('a __proto__ constructor | subscribed true');
  });

  it('neither listens nor reduces any more when its component is gone', async () => {
    const world = await connectedWorld();
    const listeners = countListeners(world.client, NAME);
    await stage.play(world, followed());
    await stage.admit(world, { snapshot: 'a' });
    await stage.play(world, null);
    expect(listeners()).toBe(0);
    expect(world.socket.frames('unsubscribe')).toHaveLength(1);
  });
});
