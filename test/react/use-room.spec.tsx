import { describe, expect, it } from '@jest/globals';
import { useLayoutEffect, type ReactNode } from 'react';

import { realtimeHooks, type RoomHandlers } from '../../lib/react/index.js';
import { NAME } from '../client/support/rooms.js';
import { connectedWorld, message, World } from '../client/support/world.js';
import { countListeners, Show, Stage } from './support/stage.js';

const stage = new Stage();

interface ChatContract {
  rooms: { 'chat/:room': { events: { 'chat.message': number }; snapshot: string } };
}

const { useRoom } = realtimeHooks<ChatContract>();

type ChatHandlers = RoomHandlers<{ 'chat.message': number }, string>;

function listener(name: `chat/${string}` | null, handlers: ChatHandlers): ReactNode {
  return <Show use={() => useRoom(name, handlers).state} />;
}

/** Keeps what comes, under a label. */
function noting(log: unknown[], label = 'heard'): ChatHandlers {
  return { 'chat.message': (payload) => log.push(`${label} ${payload}`) };
}

/** Does something after React has changed the page, and before it tells effects that have ended. */
function AtCommit({ step }: { readonly step: () => void }) {
  useLayoutEffect(step, [step]);
  return null;
}

describe('useRoom', () => {
  it('subscribes once in strict mode and hears each message once', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    await stage.play(world, listener(NAME, noting(log)));
    await stage.admit(world);
    expect(stage.text).toBe('subscribed');
    await stage.receive(world, message(4));
    expect(log).toEqual(['heard 4']);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
    expect(world.socket.frames('unsubscribe')).toEqual([]);
  });

  it('calls the newest handler without a new subscription', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    await stage.play(world, listener(NAME, noting(log, 'old')));
    await stage.admit(world);
    await stage.play(world, listener(NAME, noting(log, 'new')));
    await stage.receive(world, message(4));
    expect(log).toEqual(['new 4']);
    expect(world.socket.sent.slice(1)).toHaveLength(1);
  });

  it('leaves the room and enters the next when the name changes', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    await stage.play(world, listener(NAME, noting(log)));
    await stage.admit(world);
    await stage.play(world, listener('chat/other', noting(log)));
    expect(stage.text).toBe('subscribing');
    expect(
      world.socket.sent.slice(2).map((frame) => [frame.type, 'room' in frame && frame.room]),
    ).toEqual([
      ['subscribe', 'chat/other'],
      ['unsubscribe', NAME],
    ]);
    await stage.admit(world);
    await stage.receive(world, message(4), { ...message(4), room: 'chat/other', payload: 'there' });
    expect(log).toEqual(['heard there']);
  });

  it('gives the handlers for the next room nothing of the one before', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    await stage.play(world, listener(NAME, noting(log, 'first')));
    await stage.admit(world);
    await stage.play(
      world,
      <>
        {listener('chat/other', noting(log, 'second'))}
        <AtCommit step={() => world.socket.receive(message(4))} />
      </>,
    );
    expect(log).toEqual([]);
  });

  it('leaves the room when the component goes', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    const listeners = countListeners(world.client, NAME);
    await stage.play(world, listener(NAME, { ...noting(log), reset: () => {}, gap: () => {} }));
    await stage.admit(world, { snapshot: 1 });
    expect(listeners()).toBeGreaterThan(2);
    await stage.play(world, null);
    expect(listeners()).toBe(0);
    expect(world.socket.frames('unsubscribe').map(({ room }) => room)).toEqual([NAME]);
    await stage.receive(world, message(4));
    expect(log).toEqual([]);
  });

  it('calls no handler from the moment the component is gone', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    await stage.play(world, listener(NAME, noting(log)));
    await stage.admit(world);
    const receive = () => world.socket.receive(message(4));
    await stage.play(world, <AtCommit step={receive} />);
    expect(world.client.room(NAME).position).toBeUndefined();
    expect(log).toEqual([]);
  });

  it('stays in the room while another component listens', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    const both = (
      <>
        {listener(NAME, noting(log, 'first'))}
        {listener(NAME, noting(log, 'second'))}
      </>
    );
    await stage.play(world, both);
    await stage.admit(world);
    await stage.play(world, <>{listener(NAME, noting(log, 'first'))}</>);
    await stage.receive(world, message(4));
    expect(log).toEqual(['first 4']);
    expect(world.socket.sent.slice(1).map(({ type }) => type)).toEqual(['subscribe']);
  });

  it('asks for the state with the first subscription', async () => {
    const world = await connectedWorld();
    await stage.play(world, listener(NAME, { 'chat.message': () => {}, reset: () => {} }));
    expect(world.socket.sent.slice(1)).toEqual([
      { type: 'subscribe', id: '1', room: NAME, snapshot: true },
    ]);
  });

  it('does not ask for the state again when another handler is added', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    const reset = (state: unknown) => log.push(state);
    await stage.play(world, listener(NAME, { reset }));
    await stage.admit(world, { snapshot: 'A' });
    await stage.play(world, listener(NAME, { reset, ...noting(log) }));
    await stage.receive(world, message(4));
    expect(log).toEqual(['A', 'heard 4']);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
  });

  it('takes a handler that is undefined for none', async () => {
    const world = await connectedWorld();
    await stage.play(world, listener(NAME, { reset: undefined, 'chat.message': undefined }));
    expect(world.socket.frames('subscribe')).toEqual([]);
    await stage.play(world, listener(NAME, { reset: undefined, ...noting([]) }));
    expect(world.socket.frames('subscribe')).toEqual([{ type: 'subscribe', id: '1', room: NAME }]);
  });

  it('tells of losses', async () => {
    const world = await connectedWorld();
    const log: unknown[] = [];
    const gap = ({ reason }: { readonly reason: string }) => log.push(reason);
    await stage.play(world, listener(NAME, { ...noting(log), gap }));
    await stage.admit(world);
    const place = { room: NAME, epoch: 'e1', offset: 9 };
    await stage.receive(world, { type: 'gap', ...place, reason: 'evicted' }, message(10));
    expect(log).toEqual(['evicted', 'heard 10']);
  });

  it('is in no room while it has no name', async () => {
    const world = await connectedWorld();
    await stage.play(world, listener(null, noting([])));
    expect(stage.text).toBe('unsubscribed');
    expect(world.socket.frames('subscribe')).toEqual([]);
    await stage.play(world, listener(NAME, noting([])));
    expect(stage.text).toBe('subscribing');
  });

  it('is still in the room after a broken connection', async () => {
    const world = new World();
    const log: unknown[] = [];
    await stage.play(world, listener(NAME, noting(log)));
    await stage.do(() => world.accept());
    const answer = { type: 'subscribed', room: NAME, epoch: 'e1' } as const;
    await stage.receive(world, { ...answer, offset: 3 }, message(4));
    await stage.do(() => world.socket.drop());
    expect(stage.text).toBe('subscribing');
    await stage.do(() => world.reconnect());
    await stage.receive(world, { ...answer, offset: 5, recovered: true, replayed: 1 }, message(5));
    expect(log).toEqual(['heard 4', 'heard 5']);
  });
});
