import { describe, expect, it } from '@jest/globals';

import { RealtimeError } from '../../lib/core/index.js';
import { NodeWorld } from '../support/node-world.js';
import { deferred, turn } from '../support/turns.js';

describe('asking who is in a room', () => {
  it('is refused where the room says no or nobody declares it', async () => {
    const world = await NodeWorld.start();
    world.directory.rights.onPresence = () => Promise.resolve(false);
    const peer = await world.connect();
    expect(
      await peer.ask(
        { type: 'presence', id: '1', room: 'undeclared' },
        { type: 'presence', id: '2', room: 'r' },
      ),
    ).toMatchObject([
      { type: 'error', id: '1', code: 'unknown-room' },
      { type: 'error', id: '2', code: 'forbidden' },
    ]);
  });

  it('gives up as forbidden where rights change each time they are asked for', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    let asked = 0;
    world.directory.rights.onPresence = () => {
      asked += 1;
      peer.connection.changeRights();
      return Promise.resolve(true);
    };
    expect(await peer.ask({ type: 'presence', id: '1', room: 'r' })).toMatchObject([
      { type: 'error', code: 'forbidden' },
    ]);
    expect(asked).toBe(3);
  });
});

describe('subscribing with a snapshot', () => {
  const wish = { type: 'subscribe', id: '1', room: 'r', snapshot: true };

  it('is answered with the room’s state for the user, and its position', async () => {
    const world = await NodeWorld.start();
    const { rights } = world.directory;
    rights.snapshot = (user) => Promise.resolve({ payload: `{"of" : "${user.id}"}` });
    await world.node.publish('r', { event: 'said', payload: '1' });
    const peer = await world.connect();
    expect(await peer.ask(wish)).toEqual([
      {
        type: 'subscribed',
        id: '1',
        room: 'r',
        epoch: 'epoch-1',
        offset: 1,
        snapshot: { of: 'ada' },
      },
    ]);
    expect(peer.link.received.at(-1)).toContain('"snapshot":{"of" : "ada"}}');
  });

  it('is refused where the room offers none, also in a hello', async () => {
    const world = await NodeWorld.start();
    const peer = world.meet();
    const rooms = [{ room: 'a', snapshot: true }, { room: 'b' }];
    const frames = await peer.ask({ type: 'hello', token: 'token-ada', rooms });
    expect(frames.slice(1)).toMatchObject([
      { type: 'unsubscribed', room: 'a', reason: 'unsupported' },
      { type: 'subscribed', room: 'b' },
    ]);
    expect(await peer.ask(wish)).toMatchObject([{ type: 'error', id: '1', code: 'unsupported' }]);
    expect(world.node.rooms.get('r')).toBeUndefined();
  });

  it('is refused as the state is, and as internal where taking it fails', async () => {
    const world = await NodeWorld.start();
    const { rights } = world.directory;
    rights.snapshot = () => Promise.reject(new RealtimeError('paywall', 'pay'));
    const peer = await world.connect();
    expect(await peer.ask(wish)).toMatchObject([{ type: 'error', id: '1', code: 'paywall' }]);
    rights.snapshot = () => Promise.reject(new Error('no database'));
    expect(await peer.ask(wish)).toMatchObject([{ type: 'error', id: '1', code: 'internal' }]);
    expect(world.observer.failures).toMatchObject([{ where: 'subscribe' }]);
    expect(world.node.rooms.size).toBe(0);
  });

  it('asks again whether the user may, where that changed while the state was taken', async () => {
    const world = await NodeWorld.start();
    const { rights } = world.directory;
    const gate = deferred();
    rights.snapshot = async () => {
      await gate.promise;
      return { payload: '1' };
    };
    const peer = await world.connect();
    expect(await peer.ask(wish)).toEqual([]);
    rights.onSubscribe = () => Promise.resolve(false);
    await world.node.reauthorize('ada');
    gate.resolve();
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'error', id: '1', code: 'forbidden' }]);
  });

  it('is refused as unavailable where the store is in an epoch that this node has not seen yet', async () => {
    const world = await NodeWorld.start();
    const position = { epoch: 'later', offset: 1 };
    world.broker.history = () => Promise.resolve({ top: position, oldest: 2, messages: [] });
    world.directory.rights.snapshot = () => Promise.resolve({ payload: '1', position });
    const peer = await world.connect();
    expect(await peer.ask(wish)).toMatchObject([
      { type: 'error', id: '1', code: 'unavailable', retryable: true },
    ]);
    expect(world.node.rooms.size).toBe(0);
  });

  it('waits with a large state until the client has room for it', async () => {
    const world = await NodeWorld.start({ limits: { outboxBytes: 100_000 } });
    const { rights } = world.directory;
    rights.snapshot = () => Promise.resolve({ payload: JSON.stringify('x'.repeat(80_000)) });
    const peer = await world.connect();
    peer.link.stopReading();
    peer.say(...['a', 'b', 'c'].map((room) => ({ ...wish, room, id: room })));
    await turn();
    expect([peer.link.bufferedBytes < 90_000, peer.connection.state]).toEqual([true, 'open']);
    const answers: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      peer.link.startReading();
      await turn();
      answers.push(...peer.frames());
    }
    expect(answers).toMatchObject([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
  });
});

describe('re-authorisation', () => {
  it('A-08 takes connections out of the rooms they may no longer be in, and says so', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask(
      { type: 'subscribe', id: '1', room: 'a' },
      { type: 'subscribe', id: '2', room: 'b' },
    );
    world.directory.find = (room) => (room === 'a' ? world.directory.rights : undefined);
    await world.node.reauthorize('ada');
    await turn();
    expect(peer.frames()).toEqual([{ type: 'unsubscribed', room: 'b', reason: 'forbidden' }]);
    expect([...peer.connection.rooms.keys()]).toEqual(['a']);
  });

  it('leaves rooms alone into which the server has put the connection', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await world.node.join(peer.connection, 'a');
    world.directory.rights.onSubscribe = () => Promise.resolve(false);
    await world.node.reauthorize('ada');
    await turn();
    expect([...peer.connection.rooms.keys()]).toEqual(['a']);
  });

  it('fails closed where rights cannot be found out, and tells the log', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'a' });
    world.directory.rights.onSubscribe = () => Promise.reject(new Error('no database'));
    await world.node.reauthorize('ada');
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'unsubscribed', room: 'a' }]);
    expect(world.observer.failures).toMatchObject([{ where: 'reauthorize' }]);
  });

  it('drops an answer that a later change has overtaken', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'a' });
    const gate = deferred<boolean>();
    world.directory.rights.onSubscribe = () => gate.promise;
    await world.node.reauthorize('ada');
    world.directory.rights.onSubscribe = () => Promise.resolve(true);
    await world.node.reauthorize('ada');
    gate.resolve(false);
    await turn();
    expect(peer.frames()).toEqual([]);
    expect(peer.connection.rooms.size).toBe(1);
  });

  it('says nothing of a room that was left meanwhile', async () => {
    const world = await NodeWorld.start();
    const peer = await world.connect();
    await peer.ask({ type: 'subscribe', id: '1', room: 'a' });
    const gate = deferred<boolean>();
    world.directory.rights.onSubscribe = () => gate.promise;
    await world.node.reauthorize('ada');
    peer.say({ type: 'unsubscribe', id: '2', room: 'a' });
    gate.resolve(false);
    await turn();
    expect(peer.frames()).toMatchObject([{ type: 'unsubscribed', id: '2' }]);
  });
});
