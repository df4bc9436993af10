import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';

import {
  closeAction,
  REALTIME_BROKER,
  RealtimeRoom,
  type Position,
  type RoomPolicy,
} from '../../lib/index.js';
import type { FrameOf, RawClient } from '../../lib/testing/index.js';
import { startApp, type RunningApp } from '../support/nest-app.js';
import { SharedBroker } from '../support/shared-broker.js';

const OLD = 'realtime.v1.json';
const NEW = 'realtime.v2.json';
const room = 'chat/x';

@RealtimeRoom('chat/:room')
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

/** A second copy of the package, of a version that speaks another subprotocol as well. */
async function startNewer(broker: unknown): Promise<RunningApp> {
  jest.resetModules();
  const version = await import('../../lib/protocol/version.js');
  const SUBPROTOCOLS = [NEW, OLD];
  jest.unstable_mockModule('../../lib/protocol/version.js', () => ({
    ...version,
    SUBPROTOCOLS,
    negotiate: (offered: Iterable<string>) => {
      const protocol = SUBPROTOCOLS.find((ours) => [...offered].includes(ours));
      return protocol === undefined ? version.negotiate(offered) : { outcome: 'agreed', protocol };
    },
  }));
  jest.resetModules();
  const newer = await import('../support/nest-app.js');
  const { REALTIME_BROKER: token, RealtimeRoom: Room } = await import('../../lib/index.js');
  @Room('chat/:room')
  class NewerRooms extends ChatRooms {}
  return newer.startApp({ providers: [NewerRooms], overrides: new Map([[token, broker]]) });
}

describe('P-16 a fleet of an older and a newer version', () => {
  let older: RunningApp;
  let newer: RunningApp;
  let clients: RawClient[];

  beforeAll(async () => {
    const broker = new SharedBroker();
    const overrides = new Map([[REALTIME_BROKER, broker.forNode()]]);
    older = await startApp({ providers: [ChatRooms], overrides });
    newer = await startNewer(broker.forNode());
  });

  afterAll(async () => {
    for (const { socket } of clients) socket.terminate();
    await Promise.all([older.close(), newer.close()]);
  });

  /** A client that offers these subprotocols, in the room. */
  async function join(
    app: RunningApp,
    protocols: string[],
    from: Partial<Position> = {},
  ): Promise<RawClient> {
    const client = await app.open({ protocols });
    client.send({ type: 'hello', token: 'token-ada', rooms: [{ room, ...from }] });
    await client.next('connected');
    await client.next('subscribed');
    return client;
  }

  beforeEach(async () => {
    clients = await Promise.all([
      join(older, [OLD]),
      join(older, [NEW, OLD]),
      join(older, []),
      join(newer, [OLD]),
      join(newer, [NEW, OLD]),
      join(newer, [NEW]),
    ]);
  });

  const take = (client: RawClient, count: number): Promise<FrameOf<'message'>[]> =>
    Promise.all(Array.from({ length: count }, () => client.next('message')));

  it('agrees on the best that both sides speak', () => {
    expect(clients.map(({ socket }) => socket.protocol)).toEqual([OLD, OLD, '', OLD, NEW, NEW]);
  });

  it('has all clients see the same messages, whichever node published them', async () => {
    for (let n = 0; n < 20; n += 1) {
      await (n % 2 === 0 ? older : newer).rooms.publish(room, 'said', { n });
    }
    const [first, ...others] = await Promise.all(clients.map((client) => take(client, 20)));
    expect(first?.map(({ payload }) => payload)).toEqual(
      Array.from({ length: 20 }, (_, n) => ({ n })),
    );
    for (const other of others) expect(other).toEqual(first);
  });

  it('has a client recover on a node of the other version', async () => {
    const before = await older.rooms.position(room);
    await newer.rooms.publish(room, 'said', 'missed');
    const [onOld, onNew] = [await join(older, [OLD], before), await join(newer, [NEW], before)];
    const [missed] = await take(onNew, 1);
    expect(missed).toMatchObject({ payload: 'missed', offset: before.offset + 1 });
    expect(await take(onOld, 1)).toEqual([missed]);
    clients.push(onOld, onNew);
  });

  it('refuses who speaks no version of a node, with a code that means: do not come back', async () => {
    const client = await older.open({ protocols: [NEW] });
    const { code } = await client.closed;
    expect(code).toBe(4406);
    expect(closeAction(code)).toBe('stop');
  });
});
